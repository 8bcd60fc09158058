"""How a scenario checks.

Rules of this file:

1. A check never stops a scenario. Each is recorded with what was expected and what was seen.
2. A wait that runs out is a failed check, not an exception.

It must not import the scenarios or the player.
"""

from typing import Any

import msgspec

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import SOON_S, Stage
from ollama_simulator.faults.pace import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.client import End
from ollama_simulator.records import Asked, Finished, Left, Received
from ollama_simulator.server import SimServer

FREE_S = 0.3
"""Seconds that a balancer may take to free a server whose client left."""
LATE_S = 1.5
"""Seconds within which a client must know that its server's answer broke."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    what: str
    expected: str
    actual: str
    held: bool


class Run(Stage):
    """One scenario being played against one balancer."""

    def __init__(self, fleet: Fleet, port: int, timeout: float, seed: str) -> None:
        """`port` is the balancer's; `timeout` what it was given; `seed` makes the prompts."""
        super().__init__(fleet, port, timeout, seed)
        self.checks: list[Check] = []

    def check(self, what: str, actual: Any, expected: Any) -> bool:
        """Check that something is as expected."""
        return self.note(what, actual == expected, expected, actual)

    def note(self, what: str, held: bool, expected: Any, actual: Any) -> bool:
        """Record a check."""
        self.checks.append(Check(what, str(expected), str(actual), held))
        return held

    def served_by(self, answer: Answer, *servers: SimServer, what: str = "the request") -> bool:
        """Check which servers were asked, in order; with none: that nobody was."""
        seen = [record.server for record in self.attempts(answer)]
        return self.check(f"who was asked for {what}", seen, [server.name for server in servers])

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
        return self.note(
            f"when the client of {what} could tell",
            late <= LATE_S,
            f"within {LATE_S:g} s of the server's end",
            f"{late:.2f} s after it",
        )

    def failed(self, answer: Answer, what: str = "the failed request") -> bool:
        """Check for the balancer's own 502."""
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
            left = await self.fleet.journal.wait_for(Left, SOON_S, exchange=asked[0].exchange)
        # The server sees it; give the balancer the moment that it needs to free the server.
        await self.sleep(FREE_S)
        return self.note(
            f"whether {server.name} sees that {what} left",
            left is not None,
            f"within {SOON_S:g} s",
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
