"""What the guide to hardware profiles says is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest

from ollama_simulator import fleet_file, hardware
from ollama_simulator.hardware import HardwareProfile
from tests.test_guides import ROOT, blocks, fields

GUIDE = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
FLEET, MINE = blocks(GUIDE, "toml")
PARTS = {
    name: kind
    for name, kind in get_type_hints(HardwareProfile).items()
    if hasattr(kind, "__struct_fields__")
}


def test_the_fleet_is_one(tmp_path: Path) -> None:
    """And its third server is as the first, at half the speed."""
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET, encoding="utf-8")
    first, second, third = fleet_file.read(file).servers
    assert (first.profile, first.speed, third.speed) == (third.profile, 1.0, 0.5)
    assert second.hardware_for("gpt-oss:20b").name == "m2-ultra-gpt-oss-20b"


def test_the_profile_is_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE, encoding="utf-8")
    assert hardware.read(file).name == "mine"


@pytest.mark.parametrize("part", ["", *PARTS])
def test_every_field_stands_there(part: str) -> None:
    names = fields(PARTS[part]) if part else [*set(fields(HardwareProfile)) - set(PARTS)]
    if part:
        assert f"**`[{part}]`**" in GUIDE
    for name in names:
        assert f"`{name}`" in GUIDE, name


def test_the_table_of_profiles() -> None:
    """Each exists, and has the rates that stand there."""
    rows = re.findall(r"^\| `([\w.-]+)` \| .* \| ([\d,]+), ([\d,]+) \|$", GUIDE, re.MULTILINE)
    assert len(rows) == 9
    for name, decode, prefill in rows:
        profile = hardware.named(name)
        assert decode == f"{1 / profile.decode_s(1):,.0f}"
        assert prefill == f"{512 / profile.prefill_s(512):,.0f}"


def test_names_in_commands_exist() -> None:
    """Those after `--profile` are there, but for the file."""
    named = re.findall(r"--profile (\S+)", GUIDE)
    assert named == ["rtx-4090-llama3-8b", "./mine.toml", "./mine.toml`"]
    hardware.named(named[0])
