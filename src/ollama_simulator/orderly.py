"""Work that a signal ends in order: what it started ends with it.

It must not import anything of this package.
"""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

T = TypeVar("T")


async def in_order(work: Coroutine[Any, Any, T]) -> T:
    """Do something that a first SIGTERM or Ctrl-C cancels, or that the terminal is closed, so that
    no process outlives us that was started for it. Later ones don't hurry that: who is killed at
    once leaves processes of its own behind. The exit status is then 128 and the number of the
    signal."""
    this = asyncio.current_task()
    assert this is not None
    told: list[int] = []

    def end(number: int) -> None:
        if not told:
            this.cancel()
        told.append(number)

    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` ignores it
            loop.add_signal_handler(signal.SIGHUP, end, signal.SIGHUP)
    try:
        return await work
    except asyncio.CancelledError:
        if told:
            raise typer.Exit(128 + told[0]) from None
        raise
