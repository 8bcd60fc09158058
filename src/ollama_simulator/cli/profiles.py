"""What `ollama_simulator --list-profiles` shows: hardware profiles in a table, and their sources.

It must not import the programs.
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.terminal import say

PROMPT = 512
"""Tokens of the prompt whose rate is shown."""

WIDTH = 160
"""Columns where no terminal says how many it has."""

DERIVED = "*"

GIB = 1 << 30
"""Memory is shown in the unit that its makers count it in."""


def show(known: list[HardwareProfile]) -> None:
    """Print profiles: a table, then a paragraph for each."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    with console.capture() as captured:
        console.print(table(known))
    say(captured.get())
    say(f"{DERIVED} was worked out, not measured. Decode is at depth 0, prefill that of {PROMPT}")
    say("tokens. `seed` takes no time of its own: those are the rates of its behaviour.\n")
    say("\n\n".join(about(each) for each in known))


def table(profiles: list[HardwareProfile]) -> Table:
    """A line for each profile."""
    shown = Table(box=None, pad_edge=False)
    for name in ("profile", "hardware", "model"):
        shown.add_column(name, no_wrap=name == "profile")
    for name in ("decode\ntok/s", "prefill\ntok/s", "VRAM\nGiB"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("trust", no_wrap=True)
    for each in profiles:
        # Where the terminal is narrow, hardware and model are cut; below they stand in full.
        # As texts, since square brackets in a user's own words are no marks.
        shown.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in _row(each)))
    return shown


def _row(profile: HardwareProfile) -> tuple[str, ...]:
    def mark(field: str) -> str:
        return DERIVED if field in profile.derived else ""

    vram = profile.memory.vram_bytes
    return (
        profile.name,
        profile.hardware,
        profile.model.name or "any",
        f"{_rate(1, profile.decode_s(1))}{mark('step.t0_ms')}",
        f"{_rate(PROMPT, profile.prefill_s(PROMPT), 0)}{mark('prefill.r_tps')}",
        f"{vram / GIB:,.1f}{mark('memory.vram_bytes')}" if vram else "any",
        profile.trust,
    )


def _rate(tokens: int, seconds: float, digits: int = 1) -> str:
    return f"{tokens / seconds:,.{digits}f}" if seconds else "∞"


def about(profile: HardwareProfile) -> str:
    """What is known of a profile, in lines."""
    lines = [
        f"{profile.name}: {profile.source}",
        f"  {profile.hardware}; {profile.model.name or 'any model'}",
        f"  trust {profile.trust}, engine {profile.engine}",
    ]
    if profile.derived:
        lines.append(f"  derived: {', '.join(profile.derived)}")
    if profile.note:
        lines.append(f"  {profile.note}")
    return "\n".join(lines)
