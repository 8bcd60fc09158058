"""How a scenario checks.

Rules of this file:

1. A check never stops a scenario. Each is recorded with what was expected and what was seen.
2. A wait that runs out is a failed check, not an exception.

It must not import the scenarios or the player.

Longer than 300 lines because it is the list of what a scenario can check, a few lines each.
"""

from typing import Any

import msgspec

from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.balancers import waiting
from ollama_simulator.conformance.balancers.adapter import Running
from ollama_simulator.conformance.drive import Stage
from ollama_simulator.conformance.plain import plain
from ollama_simulator.conformance.report import Check, Figure
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.client import End
from ollama_simulator.records import Asked, Finished, Left, Received
from ollama_simulator.server import SimServer

FREE_S = 0.3
"""Seconds that a balancer may take to free a server whose client left."""
SHORTEST_S = 1.0
"""The shortest time-out of a balancer that is taken to mean anything."""
LATE_S = 1.5
"""Seconds within which a client must know that its server's answer broke."""


class Run(Stage):
    """One scenario being played against one balancer."""

    def __init__(
        self,
        fleet: Fleet,
        subject: Running,
        timeout: float,
        seed: str,
        steadiness: Steadiness,
        scale: float = 1.0,
    ) -> None:
        """As for the stage; `steadiness` tells whether the machine had time for us."""
        super().__init__(fleet, subject, timeout, seed, scale)
        self.checks: list[Check] = []
        self.figures: list[Figure] = []
        self.noise: list[str] = []
        """What kept checks of time from meaning anything."""
        self._steadiness = steadiness
        self._sure = False
        self._steady = False
        """Whether a check of time failed while nothing held us up; what did before is no excuse."""
        self._waits = waiting.waits(process.pid for process in subject.processes)
        self._waited = 0.0

    def check(
        self, what: str, actual: Any, expected: Any, *, advice: str = "", firm: bool = False
    ) -> bool:
        """Check that something is as expected."""
        return self.note(what, actual == expected, expected, actual, advice=advice, firm=firm)

    def note(
        self,
        what: str,
        held: bool,
        expected: Any,
        actual: Any,
        *,
        advice: str = "",
        firm: bool = False,
        sure: bool = False,
    ) -> bool:
        """Record a check. `advice` is for whoever fails it, if the scenario's is not enough. It
        is `firm` if it means something even when a declared fault did not strike, and `sure` if
        it was tried for so long that no stall of the machine explains a failure."""
        self._sure = self._sure or (sure and not held)
        self._add(Check(what, str(expected), str(actual), held, advice, firm))
        return held

    def in_time(
        self,
        what: str,
        held: bool,
        expected: Any,
        actual: Any,
        *,
        tolerance: float,
        since: float | None = None,
        until: float | None = None,
        advice: str = "",
        sure: bool = False,
    ) -> bool:
        """Record a check about time. It may be late by `tolerance` seconds; if it is later, and
        the machine was busy between `since` and `until` (if not given: from the beginning to
        now), the case becomes inconclusive. It is `sure` if nothing that held the machine up
        before them explains a failure."""
        noise = ""
        if not held:
            now = self.fleet.clock.now()
            noise = self._steadiness.trouble(
                self.began if since is None else since, now if until is None else until, tolerance
            )
        if noise:
            self.noise.append(f"{what}: {noise}")
        self._steady = self._steady or (sure and not held and not noise)
        self._add(Check(what, str(expected), str(actual), held, advice, unsteady=bool(noise)))
        return held

    def soon_enough(
        self, what: str, seconds: float, limit: float, *, least: float = 0.0, advice: str = ""
    ) -> bool:
        """Check that something took at least `least` seconds, and at most `limit` (which grows
        with the time scale)."""
        most = limit * self.scale
        between = f"{least:.2f} to {most:.2f} s" if least else f"at most {most:.2f} s"
        return self.in_time(
            what,
            least <= seconds <= most,
            between,
            f"{seconds:.2f} s",
            tolerance=most,
            advice=advice,
        )

    def stalled(self) -> str:
        """What held the machine up so long, since the case began, that the balancer's time-out may
        have passed for nobody's fault; empty for nothing, and where a failed check is sure."""
        if self._sure:
            return ""
        now = self.fleet.clock.now()
        longest = max(self.timeout, SHORTEST_S)
        if self._waited > longest:
            return f"the balancer waited {self._waited:.1f} s for the CPU"
        return "" if self._steady else self._steadiness.trouble(self.began, now, longest)

    def look(self) -> None:
        """Look how long one that failed waited for the CPU, before its processes are gone."""
        if all(check.held for check in self.checks):
            return
        pids = waiting.family(process.pid for process in self.subject.processes)
        self._waited = waiting.longest(self._waits, waiting.waits(pids))

    def figure(self, name: str, value: float, unit: str = "") -> None:
        """Report a number beside the verdict."""
        self.figures.append(Figure(name, round(value, 4), unit))

    def _add(self, check: Check) -> None:
        t = round(self.fleet.clock.now() - self.began, 4)
        expected, actual = plain(check.expected), plain(check.actual)
        self.checks.append(msgspec.structs.replace(check, expected=expected, actual=actual, t=t))

    def served_by(self, answer: Answer, *servers: SimServer, what: str = "the request") -> bool:
        """Check which servers were asked, in order; with none: that nobody was."""
        seen = [record.server for record in self.attempts(answer)]
        expected = [server.name for server in servers]
        return self.check(f"who was asked for {what}", seen, expected, firm=True)

    def good(self, answer: Answer, what: str = "the answer", *, advice: str = "") -> bool:
        """Check that an answer of any dialect is complete, and what a server generates."""
        whole = answer.outcome is Outcome.COMPLETE
        if not self.note(
            f"the outcome of {what}", whole, "200, complete", answer.story, advice=advice
        ):
            return False
        return self.check(f"the text of {what}", answer.content(), answer.expected, advice=advice)

    def whole(self, answer: Answer, what: str = "the answer") -> bool:
        """Check that an answer is complete and exactly what a server generated."""
        if not self.note(f"the status of {what}", answer.status == 200, 200, answer.state):
            return False
        return (
            self.check(f"the end of {what}", answer.ending, "complete")
            and self.check(f"the text of {what}", answer.content(), answer.expected)
            and self.note(
                f"the last line of {what}", answer.finished(), "done: true", answer.last_line()
            )
        )

    def cut(self, answer: Answer, what: str = "the broken answer") -> bool:
        """Check that an answer was begun, is a true beginning, and soon was visibly broken."""
        if not self.note(f"the status of {what}", answer.status == 200, 200, answer.state):
            return False
        content = answer.content()
        return (
            self.broken(answer, what)
            and self.note(
                f"what was passed on of {what}", content != "", "its beginning", "nothing"
            )
            and self.note(
                f"the text of {what}",
                answer.expected.startswith(content) and answer.pure(),
                f"a beginning of {answer.expected!r}",
                repr(answer.text[-200:]),
            )
            and self.check(f"whether {what} claims to be done", answer.finished(), False)
        )

    def broken(self, answer: Answer, what: str) -> bool:
        """Check that an answer did not complete, and that its client was not left waiting."""
        if not self.note(
            f"the end of {what}",
            answer.end in (End.CUT, End.RESET, End.MALFORMED),
            "cut or reset",
            answer.ending,
        ):
            return False
        ended = [
            record.t for record in self.server_side(answer) if record.outcome in ("rst", "fin")
        ]
        late = answer.ended_at - max(ended, default=answer.ended_at)
        return self.in_time(
            f"when the client of {what} could tell",
            late <= LATE_S,
            f"within {LATE_S:g} s of the server's end",
            f"{late:.2f} s after it",
            tolerance=LATE_S,
        )

    def failed(self, answer: Answer, what: str = "the failed request") -> bool:
        """Check for the balancer's own 502."""
        if answer.end is End.SILENT:
            # Nothing shorter than the time that was waited excuses it.
            return self.in_time(
                f"the status of {what}",
                False,
                502,
                answer.state,
                tolerance=self.patience - self.timeout,
                sure=True,
            )
        return self.note(
            f"the status of {what}", answer.status == 502, 502, answer.state
        ) and self.note(
            f"the text of {what}",
            answer.text.startswith("Error connecting to Ollama server: "),
            "Error connecting to Ollama server: …",
            repr(answer.text[:80]),
        )

    def busy(self, answer: Answer, what: str = "the request") -> bool:
        """Check for the balancer's own 503."""
        return self.note(
            f"the status of {what}", answer.status == 503, 503, answer.state
        ) and self.check(f"the text of {what}", answer.text.strip(), "No available servers")

    async def sees_leaving(self, answer: Answer, server: SimServer, what: str) -> bool:
        """Check that a server soon sees that its client has left."""
        asked = [record for record in self.attempts(answer) if record.server == server.name]
        left: Left | None = None
        if asked:
            left = await self.fleet.journal.wait_for(Left, self.soon, exchange=asked[0].exchange)
        # The server sees it; give the balancer the moment that it needs to free the server.
        await self.sleep(FREE_S)
        return self.note(
            f"whether {server.name} sees that {what} left",
            left is not None,
            f"within {self.soon:g} s",
            "seen" if left else "it is still answering",
        )

    def received(self, answer: Answer) -> list[int]:
        """How many bytes of request bodies the servers read for a request."""
        exchanges = [record.exchange for record in self.attempts(answer)]
        found = self.fleet.journal.where(Received)
        return [record.size for record in found if record.exchange in exchanges]

    def how_it_ended(self, answer: Answer) -> list[str]:
        """How the servers' sides of a request ended, by the journal."""
        return [record.outcome for record in self.server_side(answer)]

    def server_side(self, answer: Answer) -> list[Finished]:
        """The ends of the servers' sides of a request."""
        exchanges = [record.exchange for record in self.attempts(answer)]
        return [
            record for record in self.fleet.journal.where(Finished) if record.exchange in exchanges
        ]

    async def everybody_serves(self) -> None:
        """Check that each server is given one of three concurrent requests: none was lost."""
        await self.behave(Normal(tokens_per_sec=40))
        sessions = []
        for _ in range(3):
            sessions.append(self.begin())
            await self.reached(sessions[-1])
        asked = []
        for answer in await self.together(*sessions):
            asked += [record.server for record in self.attempts(answer)]
            self.whole(answer, "one of three concurrent answers at the end")
        self.check(
            "who was asked for three concurrent requests at the end",
            sorted(asked),
            [server.name for server in self.fleet.servers.values()],
        )

    def one_at_a_time(self) -> bool:
        """Check that no server ever had two requests at once."""
        running: dict[str, int] = {}
        most = 0
        for record in self.fleet.journal.records:
            if isinstance(record, Asked):
                running[record.server] = running.get(record.server, 0) + 1
                most = max(most, running[record.server])
            elif isinstance(record, Finished):
                running[record.server] -= 1
        return self.note("requests at once on one server", most <= 1, "at most 1", most)
