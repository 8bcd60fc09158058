"""How a runner starts, or fails to (6.4, 6.7)."""

from __future__ import annotations

import asyncio

import pytest

from ollama_simulator.clock import Deadlock, Interrupt, VirtualClock
from ollama_simulator.engine.loading import kept, load
from ollama_simulator.model import Abandoned, Origin, Refusal
from ollama_simulator.script import Load
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual

OLD = Settings(wire="0.13.5")


def outcome(
    how: Load | None,
    settings: Settings | None = None,
    *,
    seconds: float = 0.0,
    leaves: float | None = None,
) -> tuple[float, float | Refusal]:
    """How long it took, and what it said or raised."""

    async def main(clock: VirtualClock) -> tuple[float, float | Refusal]:
        gone = Interrupt()
        if leaves is not None:
            asyncio.get_running_loop().call_later(leaves, gone.fire)
        try:
            found: float | Refusal = await load(clock, settings or Settings(), how, seconds, gone)
        except Refusal as refusal:
            found = refusal
        return clock.now(), found

    return virtual(main)


def failure(how: Load, settings: Settings | None = None) -> tuple[float, str]:
    """How long it took, and the words; it is always the handler's 500."""
    took, found = outcome(how, settings, seconds=1.0)
    assert isinstance(found, Refusal)
    assert (found.status, found.origin) == (500, Origin.HANDLER)
    assert not isinstance(found, Abandoned)
    return took, found.message


@pytest.mark.parametrize(
    ("how", "seconds", "took"),
    [
        (None, 0.0, 0.0),
        (None, 2.5, 2.5),
        (Load(), 2.5, 2.5),
        (Load(delay_ms=700), 2.5, 0.7),
        (Load(delay_ms=0), 2.5, 0.0),
        (Load(delay_ms=1000, stderr=("loading", "error: not so bad")), 0.0, 1.0),
    ],
)
def test_a_load_takes_its_time(how: Load | None, seconds: float, took: float) -> None:
    """What the script says, else what the server's pace says."""
    assert outcome(how, seconds=seconds) == (took, took)


def test_a_long_load_may_be_a_stall() -> None:
    """If it is a script's, which says what is logged; the server's pace is no silence."""
    patient, impatient = Settings(load_timeout=9.0), Settings(load_timeout=2.0)
    assert outcome(None, impatient, seconds=9.0) == (9.0, 9.0)
    assert outcome(Load(delay_ms=9000), patient) == (9.0, 9.0)
    took, words = failure(Load(delay_ms=9000, exit=1), impatient)
    assert (took, words) == (2.0, "timed out waiting for llama-server to start - ")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (Load(exit=3), "exit status 3"),
        (Load(exit=3, stderr=("hello", "bye")), "exit status 3"),
        (
            Load(exit=1, stderr=("error loading model: something",)),
            "exit status 1: error loading model: something",
        ),
        (
            Load(exit=1, stderr=("cudaMalloc failed: out of memory",)),
            "exit status 1: cudaMalloc failed: out of memory",
        ),
    ],
)
def test_a_runner_that_ends(how: Load, words: str) -> None:
    """With the last error that it logged, if it logged one."""
    assert failure(how) == (1.0, f"llama-server process has terminated: {words}")
    assert failure(how, OLD) == (1.0, f"llama runner process has terminated: {words}")


def test_a_runner_ends_after_the_time_of_its_load() -> None:
    """A script may say when."""
    assert failure(Load(exit=1, delay_ms=250))[0] == 0.25


@pytest.mark.parametrize(
    ("stderr", "said"),
    [((), ""), (("error: waiting for device",), "error: waiting for device")],
)
def test_a_runner_that_stalls(stderr: tuple[str, ...], said: str) -> None:
    """After the time-out of the settings, with what it logged last."""
    how = Load(stall=True, stderr=stderr)
    words = f"timed out waiting for llama-server to start - {said}"
    assert failure(how, Settings(load_timeout=2.0)) == (2.0, words)
    assert failure(how) == (300.0, words)
    assert failure(how, OLD) == (
        300.0,
        f"timed out waiting for llama runner to start - progress 0.00 - {said}",
    )


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_without_a_time_out_a_stall_lasts(timeout: float) -> None:
    """Nothing ends it but the client."""
    settings = Settings(load_timeout=timeout)
    with pytest.raises((Deadlock, OverflowError)):
        outcome(Load(stall=True), settings)
    took, found = outcome(Load(stall=True), settings, leaves=5000.0)
    assert took == 5000.0
    assert isinstance(found, Abandoned)


@pytest.mark.parametrize("how", [Load(delay_ms=3000), Load(stall=True), Load(exit=1)])
def test_who_leaves_during_the_load_reads_499(how: Load) -> None:
    """At once, whatever would have come of it."""
    took, found = outcome(how, seconds=3.0, leaves=1.0)
    assert took == 1.0
    assert isinstance(found, Abandoned)
    assert (found.status, found.message) == (499, "request canceled")
    assert found.origin is Origin.HANDLER


@pytest.mark.parametrize(
    ("lines", "all_of_them", "last"),
    [
        ((), "", ""),
        (("loading tensors", "done"), "", ""),
        (("error: a", "error: b", "cleaning up"), "error: a\nerror: b", "error: b"),
        (("0.01 E CUDA error: device lost  ",), *["CUDA error: device lost"] * 2),
        (("llama_load: error loading model: x",), *["error loading model: x"] * 2),
        (("a fatal error: b",), "fatal error: b", "error: b"),
        (("panic: x", "mlx: q", "  Error: z"), "panic: x\nmlx: q\nError: z", ""),
        (("llama_init_from_model: no",), "llama_init_from_model: no", ""),
        ((" ggml: failed to allocate x ",), " ggml: failed to allocate x", ""),
        (('level="ERR" a',), *['"ERR" a'] * 2),
    ],
)
def test_errors_are_kept(lines: tuple[str, ...], all_of_them: str, last: str) -> None:
    """From their marks on; what is no error is forgotten. The old server keeps one of them."""
    assert kept(lines, "0.33") == all_of_them
    assert kept(lines, "0.13.5") == last


def test_so_much_is_kept() -> None:
    """Eight kilobytes, in whole lines."""
    lines = [f"error: {number:0993}" for number in range(20)]
    assert kept(lines, "0.33") == "\n".join(lines[12:])


def test_a_runner_that_ends_well_too_early() -> None:
    """It says so."""
    _, found = outcome(Load(exit=0))
    assert isinstance(found, Refusal)
    assert found.message == "llama-server process has terminated: OK"
