"""Writes recordings.

Rules of this file:

1. An exchange is written as one line, in one write, when it is over: a program that dies loses
   what was in flight, and nothing else.
2. A file that is there is gone on with, if it is a recording; it is never overwritten.

It must not import anything of this package but its own folder.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from ollama_simulator.recording.entries import (
    REDACTED,
    SECRETS,
    VERSION,
    Content,
    Ended,
    Exchange,
    Framing,
    Head,
    Headers,
    Piece,
    Recording,
    Request,
)
from ollama_simulator.recording.reading import BadRecording, Tape, read

MOST_KEPT = 16 * 1024 * 1024
"""Bytes of a request's body that are kept, if nothing else is said; of a longer one its digest."""
PROGRAM = "ollama_simulator"


class Recorder:
    """A recording that is being written."""

    def __init__(
        self,
        path: str,
        *,
        upstream: str,
        server: str,
        began: str,
        program: str = PROGRAM,
        most_kept: int = MOST_KEPT,
        keep_secrets: bool = False,
    ) -> None:
        """Begin a file, or go on with one. Raises `BadRecording`."""
        self.path = path
        self.server = server
        self.most_kept = most_kept
        self._in_flight = 0
        self._closing = False
        self._secrets = frozenset[str]() if keep_secrets else SECRETS
        tape = check_file(path)
        if tape is not None and tape.size < os.stat(path).st_size:
            # The end of a line is missing, whose program died: the next one begins in its place.
            os.truncate(path, tape.size)
        self._file = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600
        )
        self._write(
            Recording(
                version=VERSION,
                program=program,
                upstream=upstream,
                server=server,
                began=began,
                redacted=tuple(sorted(self._secrets)),
            )
        )

    def add(self, exchange: Exchange) -> None:
        """Write an exchange that is over. Raises `OSError`."""
        try:
            self._write(exchange)
        finally:
            self._in_flight -= 1
            self._close_if_done()

    def shown(self, headers: Headers) -> Headers:
        """Headers without their secrets."""
        return tuple(
            (name, REDACTED if name.lower() in self._secrets else value) for name, value in headers
        )

    def begin(self) -> None:
        """Say that an exchange is in flight."""
        self._in_flight += 1

    def close(self) -> None:
        """End the file, as soon as the exchanges in flight are over."""
        self._closing = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._closing and not self._in_flight and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: Recording | Exchange) -> None:
        data = msgspec.json.encode(line) + b"\n"
        while data:
            data = data[os.write(self._file, data) :]


def check_file(path: str) -> Tape | None:
    """See that a recording can be written to a file: it is not there, or is a recording already,
    which is returned. Raises `BadRecording`."""
    file = Path(path)
    if not file.parent.is_dir():
        raise BadRecording(f"{path}: there is no folder {str(file.parent)!r}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BadRecording(f"{path}: it may not be written")
    if not file.exists() or (file.is_file() and file.stat().st_size == 0):
        return None
    return read(path)


class Take:
    """One exchange that is being recorded."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        method: str,
        target: str,
        version: str,
        headers: Headers,
        at: str,
    ) -> None:
        self._recorder = recorder
        recorder.begin()
        self._request = Request(
            method=method, target=target, version=version, headers=recorder.shown(headers)
        )
        self._at = at
        self._kept: list[bytes] = []
        self._digest = hashlib.sha256()
        self._size = 0
        self._head: Head | None = None
        self._pieces: list[Piece] = []

    def asked(self, data: bytes) -> None:
        """More of the request's body."""
        self._size += len(data)
        self._digest.update(data)
        if self._size <= self._recorder.most_kept:
            self._kept.append(data)
        else:
            self._kept.clear()

    def asked_all(self, seconds: float) -> None:
        """The request was passed on to its end."""
        body: Content | None = None
        if self._size > self._recorder.most_kept:
            body = Content(sha256=self._digest.hexdigest(), size=self._size)
        elif self._size:
            body = Content.of(b"".join(self._kept))
        self._request = msgspec.structs.replace(self._request, body=body, seconds=_fine(seconds))

    def head(
        self, status: int, reason: str, headers: Headers, framing: Framing, seconds: float
    ) -> None:
        """The head of the answer."""
        self._head = Head(
            status=status,
            reason=reason,
            headers=self._recorder.shown(headers),
            framing=framing,
            seconds=_fine(seconds),
        )

    def piece(self, data: bytes, seconds: float) -> None:
        """A piece of the answer's body."""
        content = Content.of(data)
        self._pieces.append(Piece(text=content.text, base64=content.base64, seconds=_fine(seconds)))

    def end(self, ended: Ended, detail: str, seconds: float) -> None:
        """The exchange is over: write it down. Raises `OSError`."""
        self._recorder.add(
            Exchange(
                server=self._recorder.server,
                at=self._at,
                request=self._request,
                head=self._head,
                pieces=tuple(self._pieces),
                ended=ended,
                detail=detail,
                seconds=_fine(seconds),
            )
        )


def _fine(seconds: float) -> float:
    """As fine as a clock is worth: microseconds."""
    return round(max(seconds, 0.0), 6)
