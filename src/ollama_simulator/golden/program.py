"""A simulator in a process of its own, for recordings in which a server's process ends.

Rules of this file:

1. The process is the program itself, set up by its configuration file.
2. It doesn't outlive its `async with`.

It must not import anything of this package but layer 0 and `toml`.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ollama_simulator.clock import WallClock
from ollama_simulator.golden.toml import document
from ollama_simulator.settings import Settings

READY_S = 30.0
"""How long a start may take."""
_ADDRESS = re.compile(rb"Ollama server: http://127\.0\.0\.1:(\d+)")


class Program:
    """One server in a process. Used as `async with`."""

    def __init__(self, settings: Settings) -> None:
        """Models and scripts are those of the settings."""
        self._settings = settings
        self._folder: tempfile.TemporaryDirectory[str]
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens. Raises `TimeoutError`, `EOFError`."""
        self._folder = tempfile.TemporaryDirectory()
        try:
            self.port = await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def _start(self) -> int:
        file = Path(self._folder.name) / "fleet.toml"
        text = document({"servers": [_given(msgspec.to_builtins(self._settings))]})
        file.write_text(text, encoding="utf-8")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ollama_simulator", "--control-port", "0", "--config", str(file)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            said = await self._process.stdout.readuntil(b"Ollama server: ")
            said += await self._process.stdout.readline()
        found = _ADDRESS.search(said)
        assert found is not None
        return int(found[1])

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
            await self._process.wait()
        self._folder.cleanup()

    async def send(self, name: str, after_s: float) -> None:
        """Send a signal, such as SIGTERM, after a while."""
        clock = WallClock()
        await clock.sleep_until(clock.now() + after_s)
        self._signal(signal.Signals[name])

    def _signal(self, number: signal.Signals) -> None:
        # Not by `send_signal`: it looks whether the process is there by taking its exit status,
        # which the event loop then misses.
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


def _given(value: Any) -> Any:
    """What TOML can say: it has no word for nothing."""
    match value:
        case dict():
            return {key: _given(each) for key, each in value.items() if each is not None}
        case list() | tuple():
            return [_given(each) for each in value]
    return value
