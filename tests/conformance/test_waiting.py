"""How long a balancer waited for the CPU."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers import waiting
from ollama_simulator.conformance.balancers.adapter import Running, Setup
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.fleet import Fleet

TOLD = Path("/proc/self/schedstat").exists()
BUSY = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"


@pytest.mark.skipif(not TOLD, reason="this system does not tell how long threads wait")
def test_two_on_one_cpu_wait_for_each_other() -> None:
    """Each has half of it, so each waits about half the time."""
    clock = WallClock()
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        pids = [process.pid for process in processes]
        before = waiting.waits(pids)
        began = clock.now()
        while waiting.longest(before, waiting.waits(pids)) < 0.3:
            assert clock.now() - began < 30
            os.sched_yield()
        assert set(pids) < set(waiting.family([os.getpid()]))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_who_is_gone_did_not_wait() -> None:
    """No process, no thread, no error."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert waiting.waits([process.pid]) == {}
    assert waiting.family([process.pid]) == [process.pid]
    assert waiting.longest({}, {}) == 0.0
    assert waiting.longest({1: 2.0}, {1: 2.5, 2: 0.25}) == 0.5


def test_a_balancer_without_a_turn_is_not_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless everything it did was well, or it waited for less than could matter."""
    watch = Steadiness(WallClock())
    run = Run(Fleet([]), Running(Reference(), Setup((), 2.0), 1, io.BytesIO()), 2.0, "0/a", watch)
    monkeypatch.setattr(waiting, "waits", lambda pids: {1: 3.0})
    run.note("who answers", True, "s1", "s1")
    run.look()
    assert run.stalled() == ""
    run.note("who answers", False, "s1", "nobody")
    run.look()
    assert run.stalled() == "the balancer waited 3.0 s for the CPU"
    monkeypatch.setattr(waiting, "waits", lambda pids: {1: 1.9})
    run.look()
    assert run.stalled() == ""
