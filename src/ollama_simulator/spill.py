"""Writes a journal into a file as it grows: a record a line, in JSON, with its index.

Rules of this file:

1. It follows the journal at its own pace: whoever adds a record waits for no disk.
2. No line is broken: where a full disk cut one off, it is gone on with at that very byte.
3. What can't be written is tried again. It is lost when the journal has dropped it before, and the
   number of what is lost is told.
4. A trouble is told once when it begins, and once when it is over.

It must not import the server or anything above.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec

from ollama_simulator.clock import Clock, VirtualClock
from ollama_simulator.journal import Filed, Journal
from ollama_simulator.shortage import Shortage

REST_S = 0.1
"""Seconds from when a record came until it is written, at most, if it can be."""
RETRY_S = 1.0
"""Seconds until it is tried again to write what couldn't be written."""
AT_ONCE = 500
"""Records that are put into words in one turn of the event loop."""


class Spill:
    """A file that a journal is being written into."""

    def __init__(self, journal: Journal, path: str, clock: Clock, most: int | None) -> None:
        """Go on with a file, or begin one. Raises `OSError` if that can't be; the text names it.

        With `most`, the file is called `path`.1 as soon as it has so many bytes, in place of the
        one that was called so, and a new one is begun.
        """
        self._journal = journal
        self._clock = clock
        self._path = path
        self._most = most
        self._next = journal.total
        """The index of the first record that is neither written nor in `_data`."""
        self._data = b""
        """What is to be written next."""
        self._count = 0
        """How many records are in it."""
        self._shortage = Shortage(journal, clock, "journal-file")
        self._lost_before = 0
        """How many were lost when it began."""
        self._wake = asyncio.Event()
        """Set when there is something to do: a record came, or the end did."""
        self._ended = asyncio.Event()
        self._descriptor = self._size = -1
        try:
            self._open()
            if self._size > 0 and _last(path) != b"\n":  # whoever wrote it died
                self._data = b"\n"
        except OSError as error:
            raise OSError(f"{path}: {error.strerror}") from None
        self._filed = journal.file = Filed(path)
        moment = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC).isoformat()
        self._data += _line({"kind": "Started", "t": clock.now(), "at": moment})

    def _open(self) -> None:
        # A pipe that nobody reads, or not fast enough, must not hold us up.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        about = os.fstat(self._descriptor)
        self._size = about.st_size if stat.S_ISREG(about.st_mode) else -1

    async def run(self) -> None:
        """Write what comes, until `end`; and then what had come by then, as far as it can be."""
        while not self._ended.is_set():
            whole = await self._write_all()
            if whole:
                self._journal.heard.append(self._wake.set)
                await self._wake.wait()
                self._journal.heard.remove(self._wake.set)
                self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_S if whole else RETRY_S):
                    await self._ended.wait()
        await self._write_all()

    def end(self) -> None:
        """Have `run` come to its end."""
        self._ended.set()
        self._wake.set()

    def close(self) -> None:
        """End the file. What is not in it by now never will be."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._filed.lost += self._count + self._journal.total - self._next

    async def _write_all(self) -> bool:
        """Write all there is. Returns whether that could be done."""
        while self._data or self._next < self._journal.total:
            fresh = not self._data
            if fresh:
                self._take()
            try:
                # Only here the disk is waited for, and by another thread. Simulated time would
                # not wait for that.
                written = (
                    self._write(fresh)
                    if isinstance(self._clock, VirtualClock)
                    else await asyncio.to_thread(self._write, fresh)
                )
            except OSError as error:
                self._hindered(error.strerror or str(error))
                return False
            self._data = self._data[written:]
            if not self._data:
                self._filed.written += self._count
                self._count = 0
            if self._filed.trouble and not self._data and self._next == self._journal.total:
                self._eased()  # which is a record to be written, too
        return True

    def _take(self) -> None:
        """Put the next records into words."""
        journal = self._journal
        lines = []
        if missed := max(0, journal.dropped - self._next):
            self._filed.lost += missed
            self._next += missed
            lines.append(_line({"kind": "Dropped", "t": self._clock.now(), "records": missed}))
        for index, record in enumerate(journal.read(self._next, AT_ONCE), self._next):
            lines.append(b'{"index":%d,' % index + _line(record)[1:])
            self._count += 1
        self._next += self._count
        self._data = b"".join(lines)

    def _write(self, fresh: bool) -> int:
        """Write as much as is taken. Returns how many bytes that were."""
        if fresh and self._most is not None and 0 < self._size > self._most - len(self._data):
            os.close(self._descriptor)
            self._descriptor = self._size = -1
            os.replace(self._path, f"{self._path}.1")
        if self._descriptor < 0:
            self._open()
        written = os.write(self._descriptor, self._data)
        if self._size >= 0:
            self._size += written
        return written

    def _hindered(self, why: str) -> None:
        if not self._filed.trouble:
            self._filed.trouble, self._lost_before = why, self._filed.lost
            self._shortage.begin(f"{self._path}: {why}; it is tried again every second")

    def _eased(self) -> None:
        if self._filed.trouble:
            self._filed.trouble = ""
            self._shortage.end(self._filed.lost - self._lost_before)


@contextlib.asynccontextmanager
async def spilling(
    journal: Journal, path: str | None, clock: Clock, most: int | None = None
) -> AsyncIterator[None]:
    """Write a journal into a file, if there is one, until the block ends. Raises as `Spill`."""
    if path is None:
        yield
        return
    spill = Spill(journal, path, clock, most)
    try:
        # Not in a task group: what the block raises would be wrapped.
        running = asyncio.get_running_loop().create_task(spill.run())
        try:
            yield
        finally:
            spill.end()
            await running
    finally:
        spill.close()


def _last(path: str) -> bytes:
    """The last byte of a file."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
