"""How much work a request is for the simulator: counted, not timed, so that no machine is too slow.

And that the same seed writes the same journal, in any process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import FrameType

import pytest

from ollama_simulator.lab.fleets import capacity, machines
from ollama_simulator.lab.player import play
from ollama_simulator.lab.trial import Trial
from ollama_simulator.settings import Settings
from ollama_simulator.workload.named import workload

SOURCE = Path(__file__).resolve().parents[2] / "src"


def counted(trial: Trial) -> tuple[int, int]:
    """Calls of Python functions, and requests."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        outcome = play(trial)
    finally:
        sys.setprofile(None)
    return count, len(outcome.tally)


def calls(servers: int, policy: str, answered: int = 200) -> float:
    """Calls for each request, on a fleet that is busy for half of the time."""
    fleet = machines(servers, settings=Settings(engine="current"))
    spec = f"chat:answered={answered}"
    rate = 0.5 * capacity(fleet, workload(spec, rate=1.0))
    traffic = workload(spec, rate=rate)
    counted(Trial(fleet, traffic, policy, 1.0))  # What is worked out once for all.
    idle, _ = counted(Trial(fleet, traffic, policy, 0.0))
    count, requests = counted(Trial(fleet, traffic, policy, 400 / rate))
    return (count - idle) / requests


def test_a_request_is_some_hundred_calls() -> None:
    """Whatever the length of its answer: half a million of them are 2 minutes on one core."""
    short, long = calls(20, "random", 100), calls(20, "random", 1000)
    assert short < 550
    assert long < 1.1 * short


@pytest.mark.parametrize("policy", ["random", "least-connections", "bounded-affinity"])
def test_a_thousand_servers_cost_no_more_than_twenty(policy: str) -> None:
    """For each request; the first ones of a fleet, whose caches are empty, a little."""
    assert calls(1000, policy) < 1.25 * calls(20, policy)


JOURNAL = """
import hashlib
import msgspec
from ollama_simulator.lab.fleets import machines
from ollama_simulator.lab.player import play
from ollama_simulator.lab.trial import Trial
from ollama_simulator.settings import Settings
from ollama_simulator.workload.named import workload

fleet = machines(100, settings=Settings(engine="current", num_parallel=2, context_length=8192))
traffic = workload("chat", rate=1.0, seed=5)
outcome = play(Trial(fleet, traffic, "bounded-affinity", 3600.0, 5), journal=True)
digest = hashlib.sha256()
for record in outcome.journal.records:
    digest.update(msgspec.json.encode(record))
print(len(outcome.journal.records), digest.hexdigest())
"""


def test_an_hour_of_a_hundred_servers_repeats_byte_for_byte() -> None:
    """In two processes that hash words differently."""
    found = [
        subprocess.run(
            [sys.executable, "-c", JOURNAL],
            capture_output=True,
            text=True,
            timeout=110,
            check=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert int(found[0].split()[0]) > 10_000
    assert found[0] == found[1]
