"""What the guide to calibration says is true."""

from __future__ import annotations

import re

from ollama_simulator import hardware
from ollama_simulator.cli.calibrate import calibrate
from ollama_simulator.cli.program import application
from tests.test_guides import ROOT, fields
from tests.test_profile_guide import PARTS

GUIDE = (ROOT / "docs" / "calibrate.md").read_text(encoding="utf-8")
NOT_MEASURED = {"jitter", "memory", "pace"}
"""Tables of a profile that nothing is known of."""


def test_every_option_stands_there() -> None:
    """And no other one, but those of the simulator."""
    (command,) = application(calibrate).registered_commands
    assert command.callback is calibrate
    named = set(re.findall(r"`(--[\w-]+)`", GUIDE))
    there = {f"--{name.replace('_', '-')}" for name in calibrate.__annotations__} - {
        "--url",
        "--return",
    }
    assert named == there


def test_every_field_that_is_named_exists() -> None:
    """Those of tables, and none of a table that isn't measured stands in the recipe."""
    names = re.findall(r"`(\w+)\.(\w+)`", GUIDE)
    assert len(names) > 15
    for part, field in names:
        if part != "mine":
            assert field in fields(PARTS[part]), f"{part}.{field}"
            assert part not in NOT_MEASURED


def test_the_numbers_that_it_names() -> None:
    from ollama_simulator.calibrate import bench, fit, measure

    assert f"--num-ctx` | tokens of context to ask for; {measure.CONTEXT:,} if" in GUIDE
    assert f"`load.fixed_s` is taken to be {fit.FIXED_S:g} s" in GUIDE
    assert f"What takes less than {bench.LONG_S:.0f} s is asked three times" in GUIDE
    assert bench.TIMES == 3
    assert fit.SEEN == 0.005
    assert hardware.named("m2-ultra-qwen3-coder-30b").name in GUIDE
