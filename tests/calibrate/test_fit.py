"""From numbers that formulas made, the parameters of the formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.calibrate import fit
from ollama_simulator.calibrate.findings import (
    About,
    Copied,
    Findings,
    Interrupted,
    Prompted,
    Stream,
)
from ollama_simulator.hardware import Decode, HardwareProfile, Prefill, Step

ABOUT = About("0.33.0", "current", "m", 8_000_000_000)


def profile(t0_ms: float, r_tps: float, q_ns: float, c_us: float) -> HardwareProfile:
    """A machine with these numbers."""
    return HardwareProfile(
        name="p",
        hardware="h",
        source="s",
        trust="A",
        step=Step(t0_ms=t0_ms),
        prefill=Prefill(r_tps=r_tps, q_ns=q_ns),
        decode=Decode(c_us=c_us),
    )


machines = st.builds(
    profile,
    st.floats(1, 300),
    st.floats(50, 20_000),
    st.sampled_from([0.0, 5.0, 30.0, 183.0]),
    st.sampled_from([0.0, 0.2, 1.5]),
)


def found(**fields: object) -> Findings:
    """Findings of which only these count."""
    nothing = Prompted(1, 0.0)
    own: dict[str, object] = {
        "about": ABOUT,
        "context": 18_432,
        "cold_s": 1.0,
        "warm_s": 1.0,
        "request_s": 0.0,
        "long_request": nothing,
        "short": nothing,
        "long": nothing,
        "shallow": Stream(0.01, 1, 100.0),
        "deep": Stream(0.01, 1, 16_000.0),
        "repeated": nothing,
    }
    return Findings(**{**own, **fields})  # type: ignore[arg-type]


def told(of: float, at: float, exact: float) -> bool:
    """Whether a cost is found within 1 %, or is too small a part to be found."""
    return math.isclose(of, exact, rel_tol=0.01) or (of == 0.0 and at < 0.006)


@given(machines)
def test_decoding(machine: HardwareProfile) -> None:
    """The time of a step, and what depth adds to it."""

    def gap(depth: float) -> float:
        return (machine.step.t0_ms * 1e3 + machine.decode.c_us * depth) / 1e6

    step, c = fit.decode(Stream(gap(163.5), 1, 163.5), Stream(gap(16_447.5), 1, 16_447.5))
    share = machine.decode.c_us * 16_447.5 / 1e6 / gap(16_447.5)
    assert told(c, share, machine.decode.c_us / 1e6)
    assert step == pytest.approx(machine.step.t0_ms / 1e3, rel=0.01)


@given(machines, st.sampled_from([128, 512, 1_000, 2_048]))
def test_prompts(machine: HardwareProfile, batch: int) -> None:
    """Rate and what depth adds to it, whatever the batch."""
    short, long = (Prompted(n, machine.prefill_s(n, batch=batch)) for n in (2_050, 16_400))
    read = fit.prefill(short, long, machine.step.t0_ms / 1e3, batch)
    share = machine.prefill.q_ns / 1e9 * 16_400**2 / 2 / long.seconds
    assert told(read.per_position, share, machine.prefill.q_ns / 1e9)
    assert 1 / read.per_token == pytest.approx(machine.prefill.r_tps, rel=0.02)


@given(
    st.floats(0.1, 100),
    st.floats(0.3, 1.5),
    st.sampled_from([3, 4]),
    st.floats(1, 100),
    st.floats(0, 1),
)
def test_several_answers(b_ms: float, g: float, slots: int, t0_ms: float, c_us: float) -> None:
    """What a second one costs, and how that grows."""

    def crowd(count: int) -> Stream:
        contexts = count * 170.0
        gap = t0_ms / 1e3 + b_ms / 1e3 * (count - 1) ** g + c_us / 1e6 * contexts
        return Stream(gap, count, contexts)

    step = fit.Decode(t0_ms / 1e3, c_us / 1e6)
    second, power = fit.crowd((crowd(2), crowd(slots)), step)
    assert second == pytest.approx(b_ms / 1e3, rel=0.01)
    assert power == pytest.approx(g, rel=0.01)
    assert fit.crowd((crowd(2),), step).power is None


def test_answers_that_cost_each_other_nothing() -> None:
    """A second one that is free leaves nothing that could grow; one answer at a time, nothing."""
    step = fit.Decode(0.01, 0.0)
    assert fit.crowd((Stream(0.009, 2, 300.0), Stream(0.01, 4, 600.0)), step) == (0.0, None)
    assert fit.crowd((), step) == (None, None)


@given(
    machines,
    st.sampled_from([64, 100, 512, 700, 1_024, 2_048]),
    st.sampled_from(["legacy", "current"]),
)
def test_prompts_and_the_batch(machine: HardwareProfile, batch: int, engine: str) -> None:
    """Each is needed for the other. Gaps of `legacy` beside a prompt are of two iterations."""
    t0, c = machine.step.t0_ms / 1e3, machine.decode.c_us / 1e6
    tokens, steps = (batch - 1, 1) if engine == "current" else (2 * batch - 1, 2)
    gap = steps * t0 + c * 150
    gap += tokens * (1 / machine.prefill.r_tps + machine.prefill.q_ns / 1e9 * 4_096)
    short, long = (Prompted(n, machine.prefill_s(n, batch=batch)) for n in (2_050, 16_400))
    seen = Interrupted(gap, 150.0, 8_192)
    about = About("0", engine, "m", 1)
    given_ = found(about=about, short=short, long=long, interrupted=seen)
    read, size, known = fit.iterations(given_, fit.Decode(t0, c))
    # Near a power of two it is taken for that.
    near = 2 ** round(math.log2(batch))
    expected = near if abs(batch - near) <= fit.SNAP * near else batch
    assert size == pytest.approx(expected, rel=0.05)
    assert known
    if expected == batch:
        assert 1 / read.per_token == pytest.approx(machine.prefill.r_tps, rel=0.05)


def test_a_batch_that_nobody_saw() -> None:
    """That of the version, by the context of all slots."""
    assert fit.usual_batch("legacy", 65_536, 4) == 512
    sizes = [fit.usual_batch("current", context, 1) for context in (4_096, 4_097, 32_769)]
    assert sizes == [512, 1_024, 2_048]
    prompts = found(short=Prompted(2_000, 1.0), long=Prompted(16_000, 8.0))
    assert fit.iterations(prompts, fit.Decode(0.01, 0.0))[1:] == (1_024, False)


def test_loads() -> None:
    """What the request itself takes is no part of it; a part of it is taken to be fixed."""
    load = fit.load(found(cold_s=4.6, warm_s=2.1, request_s=0.1))
    assert load is not None
    assert load.fixed == fit.FIXED_S
    assert load.disk == pytest.approx(2e9)
    assert load.pagecache == pytest.approx(8e9 / 1.5)
    quick = fit.load(found(cold_s=0.2, warm_s=0.2))
    assert quick is not None
    assert (quick.fixed, quick.disk) == (0.1, None)
    assert fit.load(found(about=About("0.33.0", "current", "m", 0))) is None


def test_copies() -> None:
    """What a request waits for beside what it always waits for."""
    here = found(request_s=0.04, long_request=Prompted(16_000, 0.056))
    assert fit.per_token(here) == pytest.approx(1e-6)
    copied = Copied(4_000, Prompted(4_000, 0.044 + 0.5))
    assert fit.copying(copied, here, 100_000) == pytest.approx(8e8)
    assert fit.copying(copied, here, 0) is None
    assert fit.copying(Copied(4_000, Prompted(4_000, 0.044)), here, 100_000) is None
