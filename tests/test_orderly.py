"""Work that a signal ends in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import typer

from ollama_simulator.orderly import in_order
from ollama_simulator.terminal import stop_event

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows can't be told of signals so")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """What signals do is as it was afterwards, and Ctrl-C interrupts, as in a program."""
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(os, "fork") else [])]
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def work(told: list[str], *numbers: int) -> str:
    """Something that is ended by signals, and takes its time to clean up."""
    try:
        for number in numbers:
            signal.raise_signal(number)
        await asyncio.sleep(5 if numbers else 0)
    finally:
        await asyncio.sleep(0.05)
        told.append("cleaned up")
    return "done"


def test_what_is_not_ended_is_done() -> None:
    told: list[str] = []
    assert asyncio.run(in_order(work(told))) == "done"
    assert told == ["cleaned up"]


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_counts(name: str) -> None:
    """What comes later hurries nothing, and changes no status."""
    first = signal.Signals[name]
    before = signal.signal(first, signal.SIG_DFL)  # who started this may have ignored it
    told: list[str] = []
    try:
        with pytest.raises(typer.Exit) as raised:
            asyncio.run(in_order(work(told, first, signal.SIGTERM, signal.SIGINT)))
    finally:
        signal.signal(first, before)
    assert raised.value.exit_code == 128 + first
    assert told == ["cleaned up"]


@posix
def test_what_goes_on_without_a_terminal_goes_on() -> None:
    """`nohup` has it ignore that its terminal is closed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    told: list[str] = []

    async def main() -> str:
        async with asyncio.timeout(0.2):
            return await in_order(work(told, signal.SIGHUP))

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_who_is_cancelled_otherwise_is_cancelled() -> None:
    async def main() -> None:
        task = asyncio.create_task(in_order(asyncio.sleep(5)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("how", ["in_order", "stop_event"])
def test_where_the_loop_can_not_be_told_of_signals(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: Ctrl-C interrupts, and what was begun is cleaned up all the same."""

    def never(*_: object) -> None:
        raise NotImplementedError

    told: list[str] = []

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", never)
        if how == "in_order":
            await in_order(work(told, signal.SIGINT))
        else:
            stop = stop_event()
            await work(told, signal.SIGINT)
            assert not stop.is_set()

    with pytest.raises(KeyboardInterrupt), asyncio.Runner() as runner:
        runner.run(main())
    assert told == ["cleaned up"]
