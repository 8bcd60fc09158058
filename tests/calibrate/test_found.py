"""Measured by its own public API, a simulated server has the parameters that it was given."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from ollama_simulator import hardware
from ollama_simulator.calibrate.findings import Findings
from ollama_simulator.clock import VirtualClock, WallClock
from ollama_simulator.engine.reading import reading
from ollama_simulator.fleet import Fleet
from ollama_simulator.hardware import Batch, HardwareProfile, Jitter, Overhead, Prefill
from ollama_simulator.records import Asked
from tests.calibrate.bench import concluded, findings, settings

CLOSE = 0.05
DENSE = hardware.named("rtx-5090-qwen3-32b")
CARD = hardware.named("rtx-4090-llama3-8b")
EXPERTS = hardware.named("m2-ultra-qwen3-coder-30b")
CPU = hardware.named("ryzen-7950x-llama3.1-8b")
IRREGULAR = replace(
    EXPERTS,
    batch=Batch(n=256),
    jitter=Jitter(sigma=0.03),
    overhead=Overhead(request_ms=20.0, us_per_token=2.0),
)


async def measured(
    profile: HardwareProfile, engine: str, slots: int, clock: VirtualClock
) -> tuple[Findings, int]:
    """What is found, and how often the server was asked."""
    async with Fleet(clock=clock, settings=settings(profile, engine, slots)) as fleet:
        (port,) = fleet.ports
        found = await findings(clock, port, profile.model.name)
        return found, sum(isinstance(each, Asked) for each in fleet.journal.records)


def close(found: float, given: float) -> bool:
    """Within 5 %."""
    return found == pytest.approx(given, rel=CLOSE)


@pytest.mark.parametrize(
    ("profile", "engine", "slots"),
    [
        (DENSE, "legacy", 1),
        (DENSE, "legacy", 4),
        (CARD, "current", 4),
        (EXPERTS, "current", 4),
        (IRREGULAR, "current", 4),
        (IRREGULAR, "legacy", 3),
        (CPU, "current", 1),
        (CPU, "legacy", 2),
    ],
    ids=lambda each: each.name if isinstance(each, HardwareProfile) else str(each),
)
def test_what_was_given_is_found(profile: HardwareProfile, engine: str, slots: int) -> None:
    """All that a client can see, with about forty requests."""
    clock = VirtualClock()
    found, requests = clock.run(measured(profile, engine, slots, clock))
    here, given = concluded(found).profile, profile

    assert requests <= 60
    assert close(here.step.t0_ms, given.step.t0_ms)
    assert close(here.decode.c_us, given.decode.c_us)
    assert close(here.prefill.r_tps, given.prefill.r_tps)
    assert close(here.prefill.q_ns, given.prefill.q_ns)
    assert close(here.overhead.request_ms, given.overhead.request_ms)
    assert close(here.overhead.us_per_token, given.overhead.us_per_token)
    assert found.slots == slots
    assert close(here.decode.b_ms, given.decode.b_ms if slots > 1 else 0.0)
    assert close(here.decode.g, given.decode.g if slots > 2 else 1.0)
    if slots > 1 and (given.batch.n or engine == "legacy"):
        assert close(here.batch.n, given.batch.n or 512)
    else:
        assert here.batch.n == 0
    if engine == "current":
        assert close(here.cache.copy_Bps, given.cache.copy_Bps)
    # A prompt that is like none goes to the first slot in the old engine, however many there are.
    assert found.remembers == (engine == "current")
    assert found.repeated.seconds < 0.1 * found.short.seconds
    assert close(here.model.kv_bytes_per_token, given.model.kv_bytes_per_token)
    # Of the three numbers of a load one is taken for known; the times are those of the server.
    for cached in (0, given.model.size):
        real = reading(given.load, given.model.size, cached, 0).seconds
        assert close(reading(here.load, given.model.size, cached, 0).seconds, real)


def test_what_costs_nothing_is_nothing() -> None:
    """And is no cause for division by it."""
    free = replace(
        CARD,
        prefill=Prefill(r_tps=5_000.0),
        decode=hardware.Decode(),
        overhead=Overhead(),
        load=hardware.Load(),
        cache=hardware.Cache(),
    )
    clock = VirtualClock()
    found, _ = clock.run(measured(free, "current", 4, clock))
    here = concluded(found)
    assert (here.profile.prefill.q_ns, here.profile.decode) == (0.0, hardware.Decode())
    assert here.profile.overhead == Overhead()
    assert here.profile.cache == hardware.Cache()
    assert here.profile.load.disk_Bps == here.profile.load.pagecache_Bps
    assert [line.split(":")[0] for line in here.missing] == [
        "load.disk_Bps",
        "decode.g",
        "cache.copy_Bps",
        "jitter, memory, load.pcie_Bps, load.unload_s",
    ]


def test_by_the_clock_on_the_wall() -> None:
    """Over real time requests take what this machine takes for them, and tokens still what the
    other one takes: their deadlines don't drift."""
    given = replace(CARD, step=hardware.Step(t0_ms=5.0), load=hardware.Load())

    async def main(clock: WallClock) -> Findings:
        async with Fleet(clock=clock, settings=settings(given, "current")) as fleet:
            (port,) = fleet.ports
            return await findings(clock, port, given.model.name, context=4_096)

    here = concluded(asyncio.run(main(WallClock()))).profile
    assert here.step.t0_ms == pytest.approx(5.0, rel=CLOSE)
    assert here.prefill.r_tps == pytest.approx(given.prefill.r_tps, rel=CLOSE)
    assert here.overhead.request_ms >= given.overhead.request_ms
