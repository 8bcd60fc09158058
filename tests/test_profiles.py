"""The hardware profiles that come with the package: they give the rates that were measured."""

from __future__ import annotations

import math
import tomllib
from importlib.resources import files

import msgspec
import pytest

from ollama_simulator import hardware, names

KNOWN = hardware.names()
REAL = [name for name in KNOWN if not hardware.named(name).synthetic]

# Rates in tokens a second, over so many tokens at a depth. What a source calls a rate "of" a
# prompt or "over" an answer begins at depth 0.
XD_512 = {
    "rtx-4090-llama3-8b": (7138.99, 4039.68, 130.58, 110.66),
    "rtx-3090-llama3-8b": (4030.40, 2527.40, 115.42, 87.49),
    "rtx-4080-llama3-8b": (5389.74, 2882.03, 108.15, 93.71),
    "rtx-3070-llama3-8b": (2402.51, 1419.97, 72.79, 61.64),
    "2x-rtx-4090-llama3-70b": (839.43, 723.24, 19.22, 17.92),
    "2x-rtx-3090-llama3-70b": (357.32, 338.82, 16.57, 14.34),
    "a100-sxm-llama3-8b": (5948, 4137, 135, 116),
    "a100-sxm-llama3-70b": (818, 626, 24.6, 21.3),
    "h100-pcie-llama3-8b": (8125, 5185, 145.6, 126.8),
    "h100-pcie-llama3-70b": (1013, 742, 25.0, 22.4),
    "l40s-llama3-8b": (6035, 3193, 115.6, 98),
    "rtx-6000-ada-llama3-8b": (5792, 3543, 133, 112),
    "rtx-a6000-llama3-8b": (3781, 2293, 105, 87),
    "m2-ultra-llama3-8b": (994.04, 913.55, 78.81, 54.13),
    "m2-ultra-llama3-70b": (118.79, 108.57, 12.48, 9.34),
    "m3-max-llama3-8b": (693.32, 505.32, 48.97, 36.12),
    "m3-max-llama3-70b": (70.19, 61.96, 7.65, 5.60),
    "m1-max-llama3-8b": (408.23, 302.92, 35.73, 26.84),
}
"""Of prompts of 512 and 8,192 tokens, and over answers of as many."""

PREFILL = [
    *(
        (name, n, 0, 512, rate)
        for name, (a, b, _, _) in XD_512.items()
        for n, rate in ((512, a), (8192, b))
    ),
    ("rtx-5090-qwen3-32b", 512, 0, 512, 2900),
    ("rtx-4080-qwen2-7b", 512, 0, 512, 7340.20),
    ("rtx-4080-qwen2-7b", 512, 512, 512, 6425.91),
    ("rtx-3080-llama3.1-8b", 512, 0, 512, 3806.89),
    ("m1-max-llama3.1-8b", 512, 0, 512, 499.58),
    ("m4-llama3.1-8b", 512, 0, 512, 224.81),
    ("strix-halo-llama3.1-8b", 512, 0, 512, 833),
    ("ryzen-7950x-llama3.1-8b", 512, 0, 512, 254),
    ("i9-13900k-llama2-7b", 512, 0, 512, 55),
    ("rtx-3090-qwen3.8-27b", 8024, 0, 512, 992.9),
    ("rtx-3090-qwen3.8-27b", 32025, 0, 512, 889.1),
    ("rtx-3090-qwen3.8-27b", 64025, 0, 512, 737.4),
    ("rtx-3090-qwen3.8-27b", 128026, 0, 512, 539.7),
    ("rtx-4080-laptop-llama3.2-1b", 210, 0, 512, 210 / 0.009),
    ("rtx-4080-laptop-llama3.2-3b", 210, 0, 512, 210 / 0.020),
    ("dgx-spark-gpt-oss-20b", 2048, 0, 2048, 4506),
    ("dgx-spark-gpt-oss-120b", 2048, 0, 2048, 2444),
    ("dgx-spark-qwen3-coder-30b", 2048, 0, 2048, 2987),
    ("dgx-spark-qwen2.5-coder-7b", 2048, 0, 2048, 2250),
    ("m2-ultra-gpt-oss-20b", 2048, 0, 2048, 2713),
    ("m2-ultra-gpt-oss-120b", 2048, 0, 2048, 1649),
    ("m2-ultra-qwen3-coder-30b", 2048, 0, 2048, 2453),
]
"""Profile, tokens, depth, micro-batch, rate."""

DECODE = [
    *(
        (name, n, 0, rate)
        for name, (_, _, a, b) in XD_512.items()
        for n, rate in ((512, a), (8192, b))
    ),
    ("rtx-5090-qwen3-32b", 20, 22, 1000 / 15.06),
    ("rtx-4080-qwen2-7b", 128, 0, 120.60),
    ("rtx-4080-qwen2-7b", 128, 512, 116.71),
    ("rtx-3080-llama3.1-8b", 128, 0, 111.95),
    ("m1-max-llama3.1-8b", 128, 0, 46.2),
    ("m4-llama3.1-8b", 128, 0, 20.87),
    ("strix-halo-llama3.1-8b", 128, 0, 41.6),
    ("ryzen-7950x-llama3.1-8b", 128, 0, 11.73),
    ("i9-13900k-llama2-7b", 128, 0, 18),
    ("rtx-3090-qwen3.8-27b", 256, 0, 40.7),
    ("rtx-2080-spill-qwen3-14b", 128, 0, 16.9),
    ("rtx-4080-laptop-llama3.2-1b", 128, 0, 277),
    ("rtx-4080-laptop-llama3.2-3b", 128, 0, 171),
    ("rtx-4080-laptop-qwen2.5-1.5b", 128, 0, 303.5),
    ("dgx-spark-gpt-oss-20b", 32, 0, 83.4),
    ("dgx-spark-gpt-oss-120b", 32, 0, 58.7),
    ("dgx-spark-qwen3-coder-30b", 32, 0, 61.1),
    ("dgx-spark-qwen2.5-coder-7b", 32, 0, 29.4),
    ("m2-ultra-gpt-oss-20b", 32, 0, 130),
    ("m2-ultra-gpt-oss-120b", 32, 0, 85.6),
    ("m2-ultra-qwen3-coder-30b", 32, 0, 79),
]
"""Profile, tokens, depth, rate."""

FITTED = {
    "dgx-spark-gemma3-4b": (12.3, 0.114, 3.5, 0.39),
    "dgx-spark-glm-4.7-flash": (20.5, 0.308, 11.2, 0.67),
    "dgx-spark-gpt-oss-120b": (17.0, 0.194, 10.9, 0.58),
    "dgx-spark-gpt-oss-20b": (12.0, 0.129, 6.6, 0.51),
    "dgx-spark-qwen2.5-coder-7b": (34.0, 0.319, 2.4, 0.44),
    "dgx-spark-qwen3-coder-30b": (16.4, 0.510, 11.6, 0.56),
    "m2-ultra-gemma3-4b": (7.45, 0.043, 2.3, 0.79),
    "m2-ultra-glm-4.7-flash": (16.8, 0.887, 6.2, 0.85),
    "m2-ultra-gpt-oss-120b": (11.7, 0.109, 5.3, 0.95),
    "m2-ultra-gpt-oss-20b": (7.7, 0.076, 4.0, 0.92),
    "m2-ultra-qwen2.5-coder-7b": (12.6, 0.154, 1.2, 1.37),
    "m2-ultra-qwen3-coder-30b": (12.7, 0.288, 4.9, 0.89),
}
"""By profile: t0, c, b and g, fitted to benches of one and of several sequences."""

HELD_OUT = {
    "rtx-4090-llama3-8b": ((6898.71, 5265.68), (127.74, 119.44)),
    "rtx-3090-llama3-8b": ((3865.39, 3169.91), (111.74, 97.31)),
    "rtx-4080-llama3-8b": ((5064.99, 3790.96), (106.22, 100.44)),
    "rtx-3070-llama3-8b": ((2283.62, 1826.59), (70.94, 67.01)),
}
"""Of 1,024 and 4,096 tokens, which the profiles were not made from: prefill, then decode."""


@pytest.mark.parametrize(("name", "tokens", "depth", "batch", "rate"), PREFILL)
def test_prompts_take_the_time_that_was_measured(
    name: str, tokens: int, depth: int, batch: int, rate: float
) -> None:
    seconds = hardware.named(name).prefill_s(tokens, depth=depth, batch=batch)
    assert tokens / seconds == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize(("name", "tokens", "depth", "rate"), DECODE)
def test_answers_take_the_time_that_was_measured(
    name: str, tokens: int, depth: int, rate: float
) -> None:
    seconds = hardware.named(name).decode_s(tokens, depth=depth)
    assert tokens / seconds == pytest.approx(rate, rel=0.015)


@pytest.mark.parametrize("name", HELD_OUT)
def test_lengths_between_are_met_too(name: str) -> None:
    """What one GPU does with lengths that nothing was fitted to: the form of the model is right."""
    profile = hardware.named(name)
    prefill, decode = HELD_OUT[name]
    for tokens, rate in zip((1024, 4096), prefill, strict=True):
        assert tokens / profile.prefill_s(tokens) == pytest.approx(rate, rel=0.02)
    for tokens, rate in zip((1024, 4096), decode, strict=True):
        assert tokens / profile.decode_s(tokens) == pytest.approx(rate, rel=0.035)


def test_fits_are_taken_as_they_are() -> None:
    for name, numbers in FITTED.items():
        each = hardware.named(name)
        assert (each.step.t0_ms, each.decode.c_us, each.decode.b_ms, each.decode.g) == numbers


def test_no_profile_is_untested() -> None:
    """Each real one has a measured rate of decoding, and of prefill where that was measured."""
    decoded = {name for name, *_ in DECODE} | set(FITTED)
    prefilled = {name for name, *_ in PREFILL} | set(FITTED)
    assert decoded == set(REAL)
    for name in set(REAL) - prefilled:
        assert "prefill.r_tps" in hardware.named(name).derived


@pytest.mark.parametrize("name", REAL)
def test_a_real_machine(name: str) -> None:
    """It is within its bandwidth, has the name of its file, and tells what it isn't sure of."""
    each = hardware.named(name)
    assert each.name == name
    assert each.bound_tps < math.inf
    assert 1000 / each.step.t0_ms <= each.bound_tps
    assert each.source
    assert each.prefill.r_tps < math.inf
    assert names.valid(each.model.name)
    weights = msgspec.structs.asdict(each.model)
    assert all(weights[field] for field in weights if field != "active_bytes")
    if each.engine != "legacy":
        assert {"load.fixed_s", "load.disk_Bps", "cache.copy_Bps"} <= set(each.derived)


@pytest.mark.parametrize("name", KNOWN)
def test_what_was_worked_out_is_there(name: str) -> None:
    """Each derived field stands in the file, or is a cost that nobody measured; none twice."""
    each = hardware.named(name)
    assert len(set(each.derived)) == len(each.derived)
    file = files("ollama_simulator") / "profiles" / f"{name}.toml"
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    for field in each.derived:
        part, _, attribute = field.partition(".")
        assert attribute in written.get(part, {}) or field == "prefill.q_ns"


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_happens_by_chance(name: str) -> None:
    """How regular a machine is, is for a user's own file to say."""
    assert hardware.named(name).jitter == hardware.Jitter()


def test_a_machine_that_can_not_be_is_refused() -> None:
    """With a fifth of its weights the 4090 would do what is claimed; with all of them it can't."""
    sound = hardware.named("rtx-4090-llama3-8b")
    with pytest.raises(hardware.BadProfile, match=r"'rtx-4090-llama3-8b': step\.t0_ms 4 is 250\.0"):
        msgspec.structs.replace(sound, step=hardware.Step(t0_ms=4.0))
    sparse = msgspec.structs.replace(sound.model, active_bytes=1_000_000_000)
    quick = msgspec.structs.replace(sound, step=hardware.Step(t0_ms=4.0), model=sparse)
    assert quick.bound_tps == pytest.approx(1008)
