"""The body of a request that comes in chunks, read as Go's library reads it.

Source: native specification 1.1; RFC 9112, 7.1.

Rules of this file:

1. Extensions and trailers are read and forgotten, within Go's limits.
2. The words of the complaints are Go's: a client reads them.

It must not import anything but its own package.
"""

import re
from collections.abc import Callable

from ollama_simulator.net.head import BadRequest, HeadReader

LONGEST_LINE = 4096
"""Bytes of the line before a chunk, or of all trailers, that are borne."""
MOST_EXCESS = 16 * 1024
"""Bytes that say nothing, beyond 16 a chunk and two for each one of data, that are borne."""

_HEX = re.compile(rb"[0-9A-Fa-f]*")
_PLAIN = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")


class BadChunks(Exception):
    """A body that can't be read on. The text is Go's."""


class Chunks:
    """Takes the chunks apart as they come."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        """`take` is given the bytes of the body."""
        self._take = take
        self._read: Callable[[bytes, int], int] | None = self._size
        """Reads one thing at a place and returns where it ends, or -1 if that did not come yet.
        None after the last."""
        self._kept = b""
        self._left = 0
        """Bytes of the chunk that are still to come."""
        self._excess = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes. Returns what follows the body if that is over. Raises `BadChunks`."""
        data = self._kept + data
        self._kept = b""
        at = 0
        while at < len(data) and self._read is not None:
            end = self._read(data, at)
            if end < 0:
                self._kept = data[at:]
                return None
            at = end
        return data[at:] if self._read is None else None

    def _size(self, data: bytes, at: int) -> int:
        if plain := _PLAIN.match(data, at):
            return self._sized(data, at, plain.end() - 1, int(plain[1], 16))
        end = data.find(b"\n", at, at + LONGEST_LINE)
        if end < 0:
            if len(data) - at >= LONGEST_LINE:
                raise BadChunks("header line too long")
            return -1
        match data.find(b"\r", at, end):
            case -1:
                raise BadChunks("chunked line ends with bare LF")
            case found if found != end - 1:
                raise BadChunks("invalid CR in chunked line")
        digits = data[at : end - 1].rstrip(b" \t").partition(b";")[0]
        if not digits:
            raise BadChunks("empty hex number for chunk length")
        valid = _HEX.match(digits)
        if valid is None or valid.end() < min(len(digits), 17):
            raise BadChunks("invalid byte in chunk length")
        if len(digits) > 16:
            raise BadChunks("http chunk length too large")
        return self._sized(data, at, end, int(digits, 16))

    def _sized(self, data: bytes, at: int, end: int, size: int) -> int:
        """Begin a chunk whose first line ends in a place; take it if all of it is there."""
        self._left = size
        self._excess = max(0, self._excess + end - at + 1 - 16 - 2 * self._left)
        if self._excess > MOST_EXCESS:
            raise BadChunks("chunked encoding contains too much non-data")
        if size and data.startswith(b"\r\n", end + 1 + size):
            self._take(data[end + 1 : end + 1 + size])
            return end + 1 + size + 2
        self._read = self._chunk if size else self._trailers
        return end + 1

    def _chunk(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._take(piece)
        self._left -= len(piece)
        if not self._left:
            self._read = self._end
        return at + len(piece)

    def _end(self, data: bytes, at: int) -> int:
        if len(data) < at + 2:
            return -1
        if not data.startswith(b"\r\n", at):
            raise BadChunks("malformed chunked encoding")
        self._read = self._size
        return at + 2

    def _trailers(self, data: bytes, at: int) -> int:
        if len(data) < at + 2:
            return -1
        if data.startswith(b"\r\n", at):
            self._read = None
            return at + 2
        end = data.find(b"\r\n\r\n", at, at + LONGEST_LINE)
        if end < 0:
            if len(data) - at >= LONGEST_LINE:
                raise BadChunks("http: suspiciously long trailer after chunked body")
            return -1
        try:
            HeadReader().feed(b"GET / HTTP/1.0\r\n" + data[at : end + 4])
        except BadRequest:
            raise BadChunks("malformed MIME header") from None
        self._read = None
        return end + 4
