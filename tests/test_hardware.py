"""Hardware profiles: how they are found and read, what is refused, and what their numbers mean."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator import hardware
from ollama_simulator.hardware import (
    BadProfile,
    Batch,
    Decode,
    HardwareProfile,
    Memory,
    Pace,
    Prefill,
    Step,
    Weights,
)


def profile(**fields: Any) -> HardwareProfile:
    """A profile with these fields."""
    return HardwareProfile(name="p", hardware="a box", source="its owner", trust="B", **fields)


TEXT = 'name = "p"\nhardware = "a box"\nsource = "its owner"\ntrust = "B"\n'
BOUND = "[model]\nsize = 20_000_000_000\n[memory]\nbandwidth_Bps = 1e12\n"


def test_the_time_of_a_prompt() -> None:
    """Steps, tokens, and each token with those before it."""
    slow = profile(step=Step(t0_ms=10.0), prefill=Prefill(r_tps=1000.0, q_ns=2000.0))
    assert slow.prefill_s(100) == pytest.approx(0.01 + 0.1 + 4950 * 2e-6)
    assert slow.prefill_s(513) - slow.prefill_s(512) == pytest.approx(0.01 + 0.001 + 512 * 2e-6)
    assert slow.prefill_s(513, batch=1024) == pytest.approx(slow.prefill_s(513) - 0.01)
    assert slow.prefill_s(100, depth=50) == pytest.approx(slow.prefill_s(100) + 5000 * 2e-6)
    own = msgspec.structs.replace(slow, batch=Batch(n=100))
    assert own.prefill_s(300) == pytest.approx(slow.prefill_s(300) + 0.02)


def test_the_time_of_an_answer() -> None:
    """A step for each token, and the context before it."""
    slow = profile(step=Step(t0_ms=10.0), decode=Decode(c_us=100.0))
    assert slow.decode_s(1) == pytest.approx(0.01)
    assert slow.decode_s(10) == pytest.approx(0.1 + 45 * 1e-4)
    assert slow.decode_s(10, depth=1000) == pytest.approx(slow.decode_s(10) + 1.0)


def test_a_profile_of_no_time_has_the_rates_of_its_pace() -> None:
    free = profile(pace=Pace(decode_tps=50.0, prefill_tps=1000.0))
    assert free.free
    assert (free.prefill_s(100), free.decode_s(100)) == (0.1, 2.0)
    assert profile().prefill_s(100) == 0


def test_one_cost_is_no_longer_no_time() -> None:
    assert not profile(step=Step(t0_ms=1.0)).free


@pytest.mark.parametrize(
    "costs",
    [
        {"prefill": Prefill(r_tps=1.0)},
        {"prefill": Prefill(q_ns=1.0)},
        {"decode": Decode(c_us=1.0)},
        {"decode": Decode(b_ms=1.0)},
        {"step": Step(t0_ms=1e-9)},
    ],
)
def test_where_anything_takes_time_tokens_do(costs: dict[str, Any]) -> None:
    """Tokens that take none would be made without end."""
    with pytest.raises(hardware.BadProfile, match=r"iteration takes at least 0\.001 ms"):
        profile(**costs)


def test_the_bound_is_that_of_the_weights_that_are_read() -> None:
    """All of a dense model, the active part of another one; unknown without a bandwidth."""
    memory = Memory(bandwidth_Bps=1e12)
    dense = Weights(size=20_000_000_000)
    assert profile(memory=memory, model=dense).bound_tps == 50
    sparse = Weights(size=20_000_000_000, active_bytes=2_000_000_000)
    assert profile(memory=memory, model=sparse).bound_tps == 500
    assert profile(memory=memory).bound_tps == math.inf
    assert profile(model=dense).bound_tps == math.inf


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            BOUND + "[step]\nt0_ms = 10.0\n",
            "profile 'p': step.t0_ms 10 is 100.0 tokens a second, and its memory delivers the "
            "weights only 50.0 times a second",
        ),
        ('derived = ["step.t1_ms"]\n', "profile 'p': derived: there is no field 'step.t1_ms'"),
        ('derived = ["name"]\n', "derived: there is no field 'name'"),
        ('derived = ["free.real"]\n', "derived: there is no field 'free.real'"),
        ("[step]\nt0 = 1.0\n", "Object contains unknown field `t0` - at `$.step`"),
        ("[step]\nt0_ms = -1.0\n", "Expected `float` >= 0.0 - at `$.step.t0_ms`"),
        ("[prefill]\nr_tps = 0.0\n", "Expected `float` > 0.0 - at `$.prefill.r_tps`"),
        ("[jitter]\nstall_p = 2.0\n", "Expected `float` <= 1.0 - at `$.jitter.stall_p`"),
        ("[decode]\ng = 5000\n", "Expected `float` <= 4.0 - at `$.decode.g`"),
        ("[jitter]\nsigma = 1e9\n", "Expected `float` <= 1.0 - at `$.jitter.sigma`"),
        ("speed = 1\n", "Object contains unknown field `speed`"),
        ("[step\n", "(at line 5, column 6)"),
        ("[step]\nt0_ms = nan\n", "Expected `float` >= 0.0 - at `$.step.t0_ms`"),
        ("[step]\nt0_ms = inf\n", "Expected `float` <= 1e+18 - at `$.step.t0_ms`"),
    ],
)
def test_what_can_not_be_a_profile_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """With the file, the place in it, and what is wrong there."""
    file = tmp_path / "mine.toml"
    file.write_text(TEXT + text, encoding="utf-8")
    with pytest.raises(BadProfile) as caught:
        hardware.named(str(file))
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)


def test_rounded_numbers_may_touch_the_bound(tmp_path: Path) -> None:
    """Sizes and bandwidths are those of a label; and what is made up has no memory to read."""
    file = tmp_path / "mine.toml"
    file.write_text(TEXT + BOUND + "[step]\nt0_ms = 19.7\n", encoding="utf-8")
    assert hardware.read(file).step.t0_ms == 19.7
    file.write_text(TEXT + "synthetic = true\n" + BOUND + "[step]\nt0_ms = 1.0\n", encoding="utf-8")
    assert hardware.read(file).bound_tps == 50


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    """By a name similar ones are told, or else all; by a path what the system says."""
    for name, there in (
        ("abc", "there are seed, .*, tiny"),
        ("x", "there are seed, .*, tiny"),
        ("RTX-4090", "similar ones are 2x-rtx-4090-llama3-70b, rtx-4090-llama3-8b"),
        ("rtx4090", "similar ones are 2x-rtx-4090-llama3-70b, rtx-4090-llama3-8b"),
        ("rtx-5090-qwen3-23b", "similar ones are rtx-5090-qwen3-32b, .*"),
    ):
        with pytest.raises(BadProfile, match=rf"^there is no profile '{name}'; {there}$"):
            hardware.named(name)
    with pytest.raises(BadProfile, match=r"none\.toml: No such file or directory"):
        hardware.named(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadProfile, match=r"bytes\.toml: .*utf-8"):
        hardware.named(str(tmp_path / "bytes.toml"))


def test_the_default_is_the_first() -> None:
    assert hardware.names()[0] == hardware.DEFAULT
    assert hardware.names()[1:] == sorted(hardware.names()[1:])
    assert hardware.named(hardware.DEFAULT).free
