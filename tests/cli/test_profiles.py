"""The list of hardware profiles."""

from __future__ import annotations

import re
import subprocess
import sys

from rich.console import Console

from ollama_simulator import hardware
from ollama_simulator.cli import profiles
from ollama_simulator.hardware import HardwareProfile, Memory, Prefill, Step

MINE = HardwareProfile(
    name="mine",
    hardware="a [bold] box",
    source="its owner",
    trust="B",
    derived=("prefill.r_tps",),
    note="It hums.",
    memory=Memory(vram_bytes=24 << 30),
    step=Step(t0_ms=20.0),
    prefill=Prefill(r_tps=1000.0),
)


def test_a_piped_list_has_everything() -> None:
    """Each profile in one line of a table that cuts nothing, and its source in full below it."""
    program = "from ollama_simulator.entry import simulator; simulator()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--list-profiles"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows, _, below = done.stdout.partition("* was worked out")
    assert "…" not in done.stdout
    for name in hardware.names():
        each = hardware.named(name)
        assert len(re.findall(rf"^{re.escape(name)} .* {each.trust} *$", rows, re.MULTILINE)) == 1
        assert f"\n{name}: {each.source}\n" in below
        assert each.note in below


def test_a_row() -> None:
    """Rates at depth 0 and of 512 tokens, with a star where they were worked out."""
    console = Console(width=100)
    with console.capture() as captured:
        console.print(profiles.table([MINE]))
    shown = re.split(r"  +", captured.get().splitlines()[-1].strip())
    assert shown == ["mine", "a [bold] box", "any", "50.0", "962*", "24.0", "B"]


def test_no_time_at_all() -> None:
    """A profile without any cost has no rate that could be told."""
    console = Console(width=100)
    with console.capture() as captured:
        console.print(profiles.table([HardwareProfile("free", "none", "me", "A")]))
    shown = re.split(r"  +", captured.get().splitlines()[-1].strip())
    assert shown == ["free", "none", "any", "∞", "∞", "any", "A"]


def test_a_narrow_terminal_still_has_a_line_for_each() -> None:
    """The rates are never cut."""
    console = Console(width=80)
    known = [hardware.named(name) for name in hardware.names()]
    with console.capture() as captured:
        console.print(profiles.table(known))
    lines = captured.get().splitlines()
    assert len(lines) == 2 + len(known)
    for line, each in zip(lines[2:], known, strict=True):
        assert f" {512 / each.prefill_s(512):,.0f}" in line


def test_a_paragraph() -> None:
    assert profiles.about(MINE).splitlines() == [
        "mine: its owner",
        "  a [bold] box; any model",
        "  trust B, engine any",
        "  derived: prefill.r_tps",
        "  It hums.",
    ]
