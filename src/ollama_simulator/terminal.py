"""How a program runs its event loop, speaks, and ends.

Rules of this file:

1. Errors go to standard error, with exit status 2, each in one line that names the culprit.

It must not import the two commands.
"""

import asyncio
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, in the fastest event loop there is. Ctrl-C interrupts it, unless
    it has the event loop told of that; before and afterwards it just ends the program."""
    try:
        import uvloop

        factory: Any = uvloop.new_event_loop
    except ImportError:  # Windows
        factory = None
    # In a program that is ours: see `entry`.
    ours = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.get_loop()  # made now, so that nothing is interrupted half-way
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            return runner.run(main)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def say(words: str) -> None:
    """Print. A reader who has gone away is no reason to end."""
    try:
        print(words, flush=True)
    except BrokenPipeError:
        # The interpreter would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stop_event() -> asyncio.Event:
    """Set by SIGINT and SIGTERM, where the event loop can be told of them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.contextmanager
def environment() -> Any:
    """Turns what a broken environment raises into a sentence and exit status 2."""
    # Not `except*`: some Pythons wrap what is raised in its block into a group.
    try:
        yield
    except _foreseen() as error:
        culprit: BaseException = error
    except BaseExceptionGroup as group:
        if group.split(_foreseen())[1] is not None:
            raise
        from ollama_simulator.conformance.player import first_of

        culprit = first_of(group)
    else:
        return
    if isinstance(culprit, OSError) and culprit.errno == errno.EMFILE:
        wrong("this process may not have so many sockets open; `ulimit -n` says how many")
    wrong(str(culprit))


def _foreseen() -> tuple[type[Exception], ...]:
    # Imported when something went wrong: the simulator needs nothing of the suite to start.
    from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
    from ollama_simulator.presence import Unsupported

    return BrokenEnvironment, Unsupported, OSError


def wrong(*words: str) -> NoReturn:
    """End with an error, or with several, a line each."""
    for each in words:
        print(f"error: {each}", file=sys.stderr, flush=True)
    raise typer.Exit(2)
