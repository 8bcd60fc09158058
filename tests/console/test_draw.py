"""A look at a fleet, drawn."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ollama_simulator.console.draw import chosen, drawn
from ollama_simulator.console.look import Event, Look, Row
from ollama_simulator.console.words import GOOD

GIB = 1 << 30


def row(number: int, state: str = "ok", active: int = 0, rules: str = "") -> Row:
    """A server of ours."""
    return Row(
        name=f"s{number}",
        port=11500 + number,
        state=state,
        sound=state == "ok" and not rules,
        rules=rules,
        active=active,
        queued=3 * active,
        busy=active,
        slots=4,
        models=("llama3:8b", "qwen3:8b"),
        vram=6 * GIB,
        vram_total=24 * GIB,
        requests=1234,
        rate=65 * active,
    )


def lines(look: Look, width: int, height: int) -> list[str]:
    """What stands on the screen."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(drawn(look, "http://127.0.0.1:11500", width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def events(count: int) -> tuple[Event, ...]:
    """Things that happened."""
    return tuple(Event(float(n), "s1", GOOD, f"event {n}") for n in range(count))


def test_all_there_is_to_see() -> None:
    """On a terminal that has room."""
    look = Look((row(1, active=2), row(2, "Hang", rules="flaky")), events(2))
    assert [line.rstrip() for line in lines(look, 120, 24)] == [
        "Ollama Simulator   2 servers · 2 active · 6 queued · 130 tok/s · 1 with faults",
        "server   port  state  rules  active  queued  slots  requests  tok/s  VRAM GiB  "
        "models in memory",
        "s1      11501  ok                 2       6    2/4     1,234    130    6.0/24  "
        "llama3:8b, qwen3:8b",
        "s2      11502  Hang   flaky                    0/4     1,234           6.0/24  "
        "llama3:8b, qwen3:8b",
        "",
        "     0.00 s  s1    event 0",
        "     1.00 s  s1    event 1",
        "Ctrl-C ends it.  Dashboard: http://127.0.0.1:11500/",
        "Break one: curl http://127.0.0.1:11500/behavior -d "
        '\'{"port": 11501, "behavior": {"type": "Hang"}}\'',
    ]


@pytest.mark.parametrize("count", [0, 1, 20, 200])
@pytest.mark.parametrize("height", [8, 9, 24, 250])
@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize("past", [0, 100])
def test_it_fits(count: int, height: int, width: int, past: int) -> None:
    """Never more lines or columns than there are, however many servers and events."""
    names = [row(n, "TimeoutAfterHeaders" * (n % 5 == 1) or "ok") for n in range(count)]
    shown = lines(Look(tuple(names), events(past)), width, height)
    assert len(shown) <= height
    assert max(map(len, shown)) <= width
    assert shown[0].startswith("Ollama Simulator")
    assert any(line.startswith("Ctrl-C ends it.") for line in shown)


def test_what_needs_to_be_seen_comes_first() -> None:
    """Faults, then work; each in the order of the fleet, and the others are counted."""
    rows = [row(n) for n in range(1, 201)]
    rows[99], rows[149], rows[9] = row(100, "Hang"), row(150, rules="a"), row(10, active=1)
    shown, left = chosen(rows, 5)
    assert [each.name for each in shown] == ["s1", "s10", "s100", "s150"]
    assert len(left) == 196
    text = "\n".join(lines(Look(tuple(rows), ()), 100, 10))
    assert "… and 196 more: 0 with faults, 0 active" in text
    assert chosen(rows[:5], 5) == (rows[:5], ())
    everyone_bad = [row(n, "Hang") for n in range(9)]
    assert [each.name for each in chosen(everyone_bad, 4)[0]] == ["s0", "s1", "s2"]


def test_a_command_that_would_be_cut_is_not_shown() -> None:
    """It could not be copied."""
    look = Look((row(1),), ())
    assert any("curl" in line for line in lines(look, 100, 24))
    assert not any("curl" in line for line in lines(look, 80, 24))


def test_words_of_users_are_no_marks() -> None:
    """Square brackets are shown as they are."""
    text = lines(Look((row(1, rules="[bold]x[/]"),), ()), 120, 24)[2]
    assert "[bold]x[/]" in text
