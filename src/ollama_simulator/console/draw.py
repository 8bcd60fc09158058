"""Draws a look at a fleet for a terminal of some size.

Rules of this file:

1. It never takes more lines or columns than there are. Where not all servers have room, those
   are shown first with which something is wrong, then those that work, and the rest is told in
   a sentence.

It must not import the fleet.
"""

from collections.abc import Callable, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ollama_simulator.console.look import Event, Look, Row
from ollama_simulator.console.words import BAD, CHANGED, GOOD

GIB = 1 << 30
COLOURS = {GOOD: "green", BAD: "red", CHANGED: "yellow"}
AROUND = 3
"""Lines that are neither a server nor an event, nor the foot: title, heads, a blank one."""
FEWEST = 3
"""Servers that are shown before any event is."""


class Column(msgspec.Struct, frozen=True):
    """Something that is told of each server."""

    head: str
    read: Callable[[Row], str]
    from_width: int = 0
    """Columns that a terminal must have for this one to be shown."""
    right: bool = True


COLUMNS = (
    Column("server", lambda row: row.name, right=False),
    Column("port", lambda row: str(row.port)),
    Column("state", lambda row: row.state, right=False),
    Column("rules", lambda row: row.rules, 60, right=False),
    Column("active", lambda row: _some(row.active)),
    Column("queued", lambda row: _some(row.queued)),
    Column("slots", lambda row: f"{row.busy}/{row.slots}" if row.slots else "", 70),
    Column("requests", lambda row: _some(row.requests), 50),
    Column("tok/s", lambda row: _some(row.rate), 50),
    Column("VRAM GiB", lambda row: _vram(row), 90),
    Column("models in memory", lambda row: ", ".join(row.models), 100, right=False),
)


def drawn(look: Look, control: str, width: int, height: int) -> Group:
    """A look in so many columns and lines."""
    foot = _foot(look, control, width)
    room = max(1, height - AROUND - len(foot))
    servers = min(len(look.rows), max(FEWEST, room - min(len(look.events), room // 3)), room)
    events = look.events[len(look.events) - min(len(look.events), room - servers) :]
    shown, left = chosen(look.rows, servers)
    parts: list[RenderableType] = [_line(_title(look.rows), "bold", width), _table(shown, width)]
    parts += [_line(f"… and {_rest(left)}", "dim", width)] if left else []
    parts += [Text("")] if events else []
    parts += [_event(event, width) for event in events]
    parts += [_line(line, "dim", width) for line in foot]
    return Group(*parts)


def chosen(rows: Sequence[Row], room: int) -> tuple[Sequence[Row], Sequence[Row]]:
    """Those that are shown in so many lines, and the others; both in the order of the fleet."""
    if len(rows) <= room:
        return rows, ()
    numbers = sorted(range(len(rows)), key=lambda n: (rows[n].sound, not rows[n].active, n))
    shown = sorted(numbers[: room - 1])  # a line goes to the others
    there = set(shown)
    return [rows[n] for n in shown], [row for n, row in enumerate(rows) if n not in there]


def _table(rows: Sequence[Row], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    columns = [column for column in COLUMNS if width >= column.from_width]
    for column in columns:
        side = "right" if column.right else "left"
        table.add_column(column.head, justify=side, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    for row in rows:
        cells = [Text(column.read(row)) for column in columns]
        cells[2].stylize("green" if row.state == "ok" else "bold red")
        table.add_row(*cells, style="" if row.sound else "on default")
    return table


def _title(rows: Sequence[Row]) -> str:
    active, wrong = sum(row.active for row in rows), sum(not row.sound for row in rows)
    told = [f"{len(rows)} server{'s' if len(rows) != 1 else ''}", f"{active} active"]
    told.append(f"{sum(row.queued for row in rows)} queued")
    told.append(f"{sum(row.rate for row in rows)} tok/s")
    told.append(f"{wrong} with faults" if wrong else "no faults")
    return f"Ollama Simulator   {' · '.join(told)}"


def _rest(rows: Sequence[Row]) -> str:
    wrong, active = sum(not row.sound for row in rows), sum(row.active > 0 for row in rows)
    return f"{len(rows)} more: {wrong} with faults, {active} active"


def _foot(look: Look, control: str, width: int) -> list[str]:
    """How to go on; a command that has no room is no use."""
    rows = look.rows
    lines = [look.journal] if look.journal else []
    lines += [f"Ctrl-C ends it.  Dashboard: {control}/"]
    body = f'{{"port": {rows[0].port if rows else 0}, "behavior": {{"type": "Hang"}}}}'
    command = f"Break one: curl {control}/behavior -d '{body}'"
    return [*lines, command] if rows and len(command) <= width else lines


def _event(event: Event, width: int) -> Text:
    line = Text(f"{event.t:9.2f} s  {event.server:<5} ", style="dim", no_wrap=True)
    line.append(event.words, style=COLOURS[event.kind])
    line.truncate(width, overflow="ellipsis")
    return line


def _line(words: str, style: str, width: int) -> Text:
    line = Text(words, style=style, no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    return line


def _some(number: int) -> str:
    return f"{number:,}" if number else ""


def _vram(row: Row) -> str:
    if not row.vram:
        return ""
    total = f"/{row.vram_total / GIB:.0f}" if row.vram_total else ""
    return f"{row.vram / GIB:.1f}{total}"
