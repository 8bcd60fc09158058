"""Ending a process that was started, and what it printed.

It must not import anything of this package but `plain`.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from ollama_simulator.conformance.plain import plain


class Process(Protocol):
    """A process that was started: one of asyncio's, or like it."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""

    async def wait(self) -> int:
        """Wait for its end."""


async def spawn(
    command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]
) -> Process:
    """Start a process that prints into a file. It is in a session of its own, so that a terminal's
    Ctrl-C is for us, who then end it, and so that what it starts can be ended with it. Raises
    `OSError`."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


async def start(starting: Coroutine[Any, Any, Process], started: list[Process]) -> None:
    """Have a process started, and put it to those that are. If we are cancelled meanwhile it is
    waited for all the same: who is killed as it starts may leave children of its own behind."""
    over = asyncio.Event()

    async def whole() -> None:
        try:
            started.append(await starting)
        finally:
            over.set()

    try:
        await asyncio.shield(whole())
    except asyncio.CancelledError:
        await over.wait()
        raise


async def stop(process: Process, grace_s: float) -> None:
    """End a process, one way or the other: SIGTERM, and after a grace the kill, which also comes
    at once if we are cancelled. What it had started and left behind is killed."""
    # The id of one that has ended before may be somebody else's by now.
    group = process.pid if hasattr(os, "killpg") and process.returncode is None else None
    try:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            async with asyncio.timeout(grace_s):
                await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
    await process.wait()


def read(output: IO[bytes]) -> bytes:
    """What was printed so far."""
    # The child shares this descriptor's position, so it is read without moving it.
    if hasattr(os, "pread"):
        return os.pread(output.fileno(), 1 << 20, 0)
    position = output.tell()
    output.seek(0)
    data = output.read()
    output.seek(position)
    return data


def said(output: IO[bytes]) -> str:
    """The last lines that were printed, in words."""
    text = read(output).decode("utf-8", "replace")
    lines = [plain(line) for line in text.strip().splitlines()[-5:]]
    return "; it said:\n    " + "\n    ".join(lines) if lines else "; it said nothing"


def shell_line(command: Iterable[str], folder: Path) -> str:
    """A command in one line. Where this machine keeps a program is nobody's business, so of paths
    outside the folder only the last part is told."""
    words = []
    for word in command:
        path = Path(word)
        outside = path.is_absolute() and folder not in path.parents
        words.append(path.name if outside else word)
    return " ".join(words)
