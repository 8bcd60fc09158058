"""What is shown while a play runs."""

from __future__ import annotations

import asyncio
import io

from rich.console import Console

from ollama_simulator.clock import VirtualClock
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.document import Document, document
from ollama_simulator.load.player import Bounds, Player
from ollama_simulator.load.watch import watch
from ollama_simulator.workload.session import Turn
from tests.load.playing import Kept, Server, Sessions, session
from tests.load.test_report import PLAYED


def watched(terminal: bool) -> str:
    """What is shown of a play of a bit more than eleven seconds."""
    clock, shown = VirtualClock(), io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=100, color_system=None)

    async def main() -> None:
        tally = Kept()
        # 0.25 s for the first of 88 tokens, and 0.125 s for each that follows.
        workload = Sessions(session(0, 0.0), session(1, 0.0, Turn(5, 88)))
        player = Player(
            workload,
            Bounds(),
            tally,
            clock,
            Server(clock),
            lambda each: Conversation(each, "m", "n"),
        )

        def seen() -> Document:
            return document(tally, PLAYED, player.ended_by)

        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch(player, seen, console, clock))
            await player.play()
            watching.cancel()

    clock.run(main())
    return shown.getvalue()


def test_a_log_gets_a_line_now_and_then() -> None:
    first, second = watched(terminal=False).splitlines()
    assert first.startswith("   5.0 s  1 in flight, 1 complete, 0 failed; TTFT p50 250.0 ms")
    assert second.startswith("  10.0 s  1 in flight, 1 complete, 0 failed; TTFT p50 250.0 ms")


def test_a_terminal_gets_the_table_drawn_anew() -> None:
    """Twice a second, and nothing of it stays."""
    shown = watched(terminal=True)
    assert shown.count("own lateness") >= 22
    assert "  11.0 s  1 in flight" in shown
    assert shown.endswith("\x1b[2K")
