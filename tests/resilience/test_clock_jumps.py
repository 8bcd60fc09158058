"""The time of day jumps, as it does when a machine wakes up or is told the right time.

Nothing that is waited for may depend on it: what is measured and waited for is monotonic. Only what
is shown as a time of day follows.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.rule import Rule
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import Finished, Healed, ModelUnloaded
from ollama_simulator.settings import Settings
from tests.net.peers import Peer
from tests.test_server import post

DAY_S = 86_400.0
JUMPS = pytest.mark.parametrize("jump", [DAY_S, -DAY_S, 40 * 365 * DAY_S, -20 * 365 * DAY_S])


class Jumping(VirtualClock):
    """A clock whose time of day is set again at some moment."""

    def __init__(self, jump: float, at: float) -> None:
        super().__init__()
        self._jump = jump
        self._at = at

    def wall_ns(self) -> int:
        return super().wall_ns() + (round(self._jump * 1e9) if self.now() >= self._at else 0)

    def wall_ns_at(self, moments: Any) -> list[int]:
        return super(VirtualClock, self).wall_ns_at(moments)


def told(clock: VirtualClock) -> dict[str, Any]:
    """What happens on a server by a clock: when, what it says, and what it shows."""
    found: dict[str, Any] = {}

    async def main() -> None:
        async with Fleet(clock=clock, settings=Settings(keep_alive=30.0)) as fleet:
            (server,) = fleet.servers.values()
            await fleet.behave(None, Slow(10.0, 50))
            await fleet.inject("s1", Rule(fault=Slow(10.0, 50), name="short", ttl=20.0))
            async with await Peer.connect(fleet.ports[0]) as peer:
                await peer.send(post("/api/generate", prompt="Hello"))
                answer = await peer.until(b"0\r\n\r\n")
            lines = [json.loads(line) for line in re.findall(rb"^{.*}$", answer, re.MULTILINE)]
            found["created"] = [line["created_at"] for line in lines]
            found["text"] = "".join(line["response"] for line in lines)
            found["durations"] = {k: v for k, v in lines[-1].items() if k.endswith("_duration")}
            await fleet.clock.sleep_until(100.0)
            server.memory.expire()
            found["runners"] = len(server.memory.runners)
            found["records"] = [
                (type(record).__name__, record.t)
                for record in fleet.journal.records
                if isinstance(record, Finished | ModelUnloaded | Healed)
            ]

    clock.run(main())
    return found


@JUMPS
def test_what_takes_time_takes_the_same(jump: float) -> None:
    """Tokens, durations, rules that end by themselves, models that leave memory."""
    usual, jumped = told(VirtualClock()), told(Jumping(jump, at=2.5))
    assert usual["runners"] == 0
    assert {kind for kind, _ in usual["records"]} == {"Finished", "ModelUnloaded", "Healed"}
    for same in ("text", "durations", "records", "runners"):
        assert jumped[same] == usual[same], same
    assert jumped["created"][0] == usual["created"][0]
    shown = [datetime.fromisoformat(each["created"][-1][:19]) for each in (usual, jumped)]
    assert (shown[1] - shown[0]).total_seconds() == jump
