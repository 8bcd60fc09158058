"""The rules of one server: which are in force, whom they strike, how often they did.

Rules of this file:

1. Rules are asked in the order in which they were set; the first is the outermost. One is only
   asked, and counts, if what is round it wants an answer.
2. The behaviour is innermost: what happens when no rule says otherwise. Where several set the
   pace, the innermost rule does.
3. Chance is drawn from (seed, server, rule, request), so it is the same on every run.
4. What a head decides is decided before anything is wrapped round the answer: most requests are
   struck by no rule, and cost what they would without one.

It must not import the server or anything above.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial

from ollama_simulator import records
from ollama_simulator.acts import Act, Reply, Stance
from ollama_simulator.clock import Clock
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, bend, honest
from ollama_simulator.faults.rule import Rule, fits_behind
from ollama_simulator.net.head import Head
from ollama_simulator.net.request import Request

MOST_KEPT = 128
"""Heads of which it is kept which rules they fit; when there are so many, all are forgotten."""


class Counts:
    """What was counted for a rule: on one server, or on several that count together."""

    def __init__(self) -> None:
        self.matched = 0
        """Requests that fitted."""
        self.chosen = 0
        """Those of them that it was to strike."""


class Active:
    """A rule that was set on a server."""

    def __init__(
        self, number: int | None, rule: Rule, since: float, counts: Counts | None = None
    ) -> None:
        """`number` is None for one that a request asked for; `since` is when it was set, by the
        fleet's clock."""
        self.number = number
        self.rule = rule
        self.since = since
        self.counts = counts or Counts()
        self.struck = 0
        """How often it changed something on this server."""

    @property
    def ends(self) -> float | None:
        """When it is removed by itself."""
        return None if self.rule.ttl is None else self.since + self.rule.ttl

    def in_force(self, now: float) -> bool:
        """Whether it strikes at this time."""
        age = now - self.since
        return age >= self.rule.since and (self.rule.until is None or age < self.rule.until)

    def takes(self, draw: Callable[[], float], now: float) -> bool:
        """Count one that fits. Returns whether it is struck."""
        struck = self.would_take(draw, now)
        self.counts.matched += 1
        self.counts.chosen += struck
        return struck

    def would_take(self, draw: Callable[[], float], now: float) -> bool:
        """Whether the next one that fits is struck. Nothing is drawn where chance decides
        nothing."""
        rule, counts = self.rule, self.counts
        beyond = counts.matched - rule.skip
        if beyond < 0 or (rule.every > 1 and beyond % rule.every):
            return False
        if rule.limit is not None and counts.chosen >= rule.limit:
            return False
        likelihood = rule.likelihood(now - self.since)
        return likelihood >= 1 or (likelihood > 0 and draw() < likelihood)


Found = tuple[Active | None, Sequence[Active]]
"""The rule that strikes a request, or has to read it to know, and the rules inside it."""
NOBODY: Found = (None, ())
"""No rule strikes."""


class Rules:
    """Those of one server."""

    def __init__(self, clock: Clock, draws: str, see: Callable[..., None]) -> None:
        """`draws` is what chances are drawn from: the fleet's seed and the server's name."""
        self.all: tuple[Active, ...] = ()
        """In the order in which they are asked."""
        self._clock = clock
        self._draws = draws
        self._see = see
        self._fitting: dict[Head, tuple[Active, ...]] = {}
        """Those that heads fit which were seen before."""
        self._fitting_of: tuple[Active, ...] = ()
        """The rules of which that was kept."""

    def add(self, active: Active) -> None:
        """Take a rule, behind the others."""
        self.all = (*self.all, active)
        rule = active.rule
        kind = type(rule.fault).__name__
        self._see(records.Injected, rule=active.number, name=rule.name, fault=kind)

    def remove(self, number: int | None, why: str) -> int:
        """End the rule with a number, or all for None. Returns how many ended."""
        ending = [each for each in self.all if number is None or each.number == number]
        self._end(ending, why)
        return len(ending)

    def expire(self) -> None:
        """End those whose time to live is over."""
        now = self._clock.now()
        self._end(
            [each for each in self.all if each.ends is not None and each.ends <= now], "expired"
        )

    def _end(self, ending: Sequence[Active], why: str) -> None:
        for active in ending:
            self.all = tuple(each for each in self.all if each is not active)
            self._see(records.Healed, rule=active.number, why=why)

    def next_end(self) -> float | None:
        """When the next of them ends by itself."""
        return min((each.ends for each in self.all if each.ends is not None), default=None)

    def stances(self, place: int) -> list[tuple[Active, Stance]]:
        """Where those that work by the door want it now; the `until` of each is a time of the
        fleet's clock."""
        now = self._clock.now()
        return [
            (each, _stance(each, now, place)) for each in self.all if each.rule.fault.at_the_door()
        ]

    def fitting(self, request: Request) -> tuple[Active, ...]:
        """Those in force now that a request's head fits."""
        if not self.all:
            return ()
        now, index = self._clock.now(), request.index
        return tuple(
            each
            for each in self.all
            if each.in_force(now) and _fits(each.rule, request.method, request.target, index)
        )

    def found_at_once(self, head: Head, ordinal: int) -> Found | None:
        """`found` for a request of this head that has no body. None if a rule has to read it: then
        nothing has happened yet."""
        if self._fitting_of is not self.all or len(self._fitting) > MOST_KEPT:
            self._fitting.clear()
            self._fitting_of = self.all
        fitting = self._fitting.get(head)
        if fitting is None:
            method, target, index = head.method, head.target, head.index
            fitting = tuple(each for each in self.all if _fits(each.rule, method, target, index))
            self._fitting[head] = fitting
        now, passed = self._clock.now(), []
        found = NOBODY
        for number, each in enumerate(fitting, 1):
            if each.in_force(now):
                if each.rule.reads:
                    return None
                passed.append(each)
                if each.would_take(partial(self._drawn, each, ordinal), now):
                    each.counts.chosen += 1
                    found = each, tuple(rest for rest in fitting[number:] if rest.in_force(now))
                    break
        for each in passed:
            each.counts.matched += 1
        return found

    def found(self, rules: Sequence[Active], ordinal: int) -> Found:
        """The first of some rules that strikes a request, or has to read it to know."""
        for index, active in enumerate(rules, 1):
            if active.rule.reads or self._strikes(active, ordinal):
                return active, rules[index:]
        return NOBODY

    def bend(self, exchange: Exchange, found: Found, behavior: Fault, ordinal: int) -> Reply:
        """Answer an exchange through the behaviour and the rules that were found."""
        if found is NOBODY:
            return bend(exchange, behavior)
        innermost: Handler = honest
        if behavior.paces:
            # The rules' paces come behind it.
            bend(exchange, behavior, inner=_nothing)
        else:

            def innermost(exchange: Exchange) -> Reply:
                return bend(exchange, behavior)

        return self._through(exchange, found, innermost, ordinal)

    def _through(self, exchange: Exchange, found: Found, innermost: Handler, ordinal: int) -> Reply:
        active, rest = found
        if active is None:
            return innermost(exchange)
        if active.rule.reads:
            return exchange.stage(self._read(exchange, active, rest, innermost, ordinal))
        return self._struck(exchange, active, rest, innermost, ordinal)

    def _struck(
        self,
        exchange: Exchange,
        active: Active,
        rest: Sequence[Active],
        innermost: Handler,
        ordinal: int,
    ) -> Reply:
        def inner(exchange: Exchange) -> Reply:
            return self._through(exchange, self.found(rest, ordinal), innermost, ordinal)

        def struck() -> None:
            active.struck += 1
            exchange.see(
                records.Struck,
                fault=type(active.rule.fault).__name__,
                rule=active.number,
                source="header" if active.number is None else "rule",
            )

        return bend(exchange, active.rule.fault, inner=inner, struck=struck)

    async def _read(
        self,
        exchange: Exchange,
        active: Active,
        rest: Sequence[Active],
        innermost: Handler,
        ordinal: int,
    ) -> AsyncGenerator[Act, None]:
        """Answer through a rule that wants to know more of the request than its head."""
        if await fits_behind(active.rule, exchange) and self._strikes(active, ordinal):
            reply = self._struck(exchange, active, rest, innermost, ordinal)
        else:
            reply = self._through(exchange, self.found(rest, ordinal), innermost, ordinal)
        async for act in reply:
            yield act

    def _strikes(self, active: Active, ordinal: int) -> bool:
        return active.takes(partial(self._drawn, active, ordinal), self._clock.now())

    def _drawn(self, active: Active, ordinal: int) -> float:
        """What is drawn for a request: from 0 to below 1, evenly."""
        who = active.rule.name or active.number
        words = f"{self._draws}/{who}/{ordinal}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest()) / 2**64


def _fits(rule: Rule, method: str, target: str, headers: Mapping[str, list[str]]) -> bool:
    """Whether a request's head fits a rule at any time."""
    return not rule.fault.at_the_door() and rule.fits(method, target, headers)


async def _nothing(exchange: Exchange) -> AsyncGenerator[Act, None]:
    """What a behaviour bends that only sets the pace, before the rules do."""
    return
    yield


def _stance(active: Active, now: float, place: int) -> Stance:
    """Where a rule wants the door now, with the time until which it does."""
    rule = active.rule
    age = now - active.since
    if age < rule.since:
        return Stance(until=active.since + rule.since)
    if not active.in_force(now):
        return Stance()
    wish: Stance = rule.fault.stance(age - rule.since, place)
    ends = [rule.until] if rule.until is not None else []
    if wish.until is not None:
        ends.append(rule.since + wish.until)
    until = active.since + min(ends) if ends else None
    return Stance(wish.door, wish.ended, until)
