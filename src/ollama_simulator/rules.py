"""The rules of one server: which are in force, whom they strike, how often they did.

Rules of this file:

1. Rules are asked in the order in which they were set; the first is the outermost. One is only
   asked, and counts, if what is round it wants an answer.
2. The behaviour is innermost: what happens when no rule says otherwise. Where several set the
   pace, the innermost rule does.
3. Chance is drawn from (seed, server, rule, request), so it is the same on every run.

It must not import the server or anything above.
"""

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from ollama_simulator import records
from ollama_simulator.acts import Act, Reply, Stance
from ollama_simulator.clock import Clock
from ollama_simulator.exchange import Exchange
from ollama_simulator.faults.fault import Fault, bend, honest
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Refusal
from ollama_simulator.net.request import Request
from ollama_simulator.wire.redirects import Fixed


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
        rule, counts = self.rule, self.counts
        counts.matched += 1
        beyond = counts.matched - rule.skip - 1
        if beyond < 0 or beyond % rule.every:
            return False
        if rule.limit is not None and counts.chosen >= rule.limit:
            return False
        likelihood = rule.likelihood(now - self.since)
        if likelihood < 1 and draw() >= likelihood:
            return False
        counts.chosen += 1
        return True


class Rules:
    """Those of one server."""

    def __init__(self, clock: Clock, draws: str, see: Callable[..., None]) -> None:
        """`draws` is what chances are drawn from: the fleet's seed and the server's name."""
        self.all: list[Active] = []
        self._clock = clock
        self._draws = draws
        self._see = see

    def add(self, active: Active) -> None:
        """Take a rule, behind the others."""
        self.all.append(active)
        rule = active.rule
        kind = type(rule.fault).__name__
        self._see(records.Injected, rule=active.number, name=rule.name, fault=kind)

    def remove(self, number: int | None, why: str) -> int:
        """End the rule with a number, or all for None. Returns how many ended."""
        ending = [each for each in self.all if number is None or each.number == number]
        for each in ending:
            self.all.remove(each)
            self._see(records.Healed, rule=each.number, why=why)
        return len(ending)

    def expire(self) -> None:
        """End those whose time to live is over."""
        now = self._clock.now()
        for each in [each for each in self.all if each.ends is not None and each.ends <= now]:
            self.all.remove(each)
            self._see(records.Healed, rule=each.number, why="expired")

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
        now = self._clock.now()
        headers: dict[str, list[str]] = {}
        for name, value in request.headers:
            headers.setdefault(name.lower(), []).append(value)
        return tuple(
            each
            for each in self.all
            if each.in_force(now)
            and not each.rule.fault.at_the_door()
            and each.rule.fits(request.method, request.target, headers)
        )

    def bend(
        self, exchange: Exchange, rules: Sequence[Active], behavior: Fault, ordinal: int
    ) -> Reply:
        """Answer an exchange through the behaviour and some rules."""
        if not rules:
            return bend(exchange, behavior)
        return exchange.stage(self._bent(exchange, rules, behavior, ordinal))

    async def _bent(
        self, exchange: Exchange, rules: Sequence[Active], behavior: Fault, ordinal: int
    ) -> AsyncGenerator[Act, None]:
        innermost = honest
        if behavior.paces:
            # The rules' paces come behind it.
            bend(exchange, behavior, inner=_nothing)
        else:

            def innermost(exchange: Exchange) -> Reply:
                return bend(exchange, behavior)

        async for act in self._through(exchange, rules, innermost, ordinal):
            yield act

    async def _through(
        self, exchange: Exchange, rules: Sequence[Active], innermost: Any, ordinal: int
    ) -> AsyncGenerator[Act, None]:
        for index, active in enumerate(rules, 1):
            if not await self._strikes(active, exchange, ordinal):
                continue
            rest = rules[index:]

            def inner(exchange: Exchange, rest: Sequence[Active] = rest) -> Reply:
                return exchange.stage(self._through(exchange, rest, innermost, ordinal))

            def struck(active: Active = active) -> None:
                active.struck += 1
                exchange.see(
                    records.Struck,
                    fault=type(active.rule.fault).__name__,
                    rule=active.number,
                    source="header" if active.number is None else "rule",
                )

            async for act in bend(exchange, active.rule.fault, inner=inner, struck=struck):
                yield act
            return
        async for act in innermost(exchange):
            yield act

    async def _strikes(self, active: Active, exchange: Exchange, ordinal: int) -> bool:
        rule = active.rule
        if rule.model != "*":
            job = None
            if not isinstance(exchange.route, Fixed):
                try:
                    job = (await exchange.codec()).job
                except Refusal:
                    return False
            if not rule.wants(job):
                return False
        if rule.contains:
            try:
                body = await exchange.body()
            except Refusal:
                return False
            if not rule.found_in(body):
                return False
        who = rule.name or str(active.number)
        chance = f"{self._draws}/{who}/{ordinal}"
        return active.takes(lambda: random.Random(chance).random(), self._clock.now())


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
