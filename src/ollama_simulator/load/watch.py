"""Shows how a play is going while it runs.

Rules of this file:

1. On a terminal the table is drawn anew; elsewhere a line is printed now and then, so that a log
   stays legible.

It must not import anything of the command line.
"""

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live

from ollama_simulator.clock import Clock
from ollama_simulator.load import report
from ollama_simulator.load.document import Document
from ollama_simulator.load.player import Player

TERMINAL_S = 0.5
PLAIN_S = 5.0
"""Seconds between two views."""


async def watch(
    player: Player, document: Callable[[], Document], console: Console, clock: Clock
) -> None:
    """Show until cancelled."""
    if not console.is_terminal:
        when = clock.now()
        while True:
            when += PLAIN_S
            await clock.sleep_until(when)
            console.print(_line(player, document()), highlight=False, soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        when = clock.now()
        while True:
            when += TERMINAL_S
            await clock.sleep_until(when)
            seen = document()
            live.update(Group(report.table(seen), "", _line(player, seen)), refresh=True)


def _line(player: Player, seen: Document) -> str:
    return report.progress(seen, player.now(), player.in_flight, player.waiting)
