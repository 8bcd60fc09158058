"""The files of a server's blob store, of which little more is kept than that they are there.

Source: native specification 4.14.

Rules of this file:

1. A file is hashed while it comes. Kept are its first bytes, the whole of a small one, and what
   the head of a GGUF file says; never the weights.
2. Nothing touches the real disk.

It must not import anything but `gguf`.
"""

import hashlib
import re

import msgspec

from ollama_simulator.engine.registry import gguf

SMALL = 64 * 1024
"""Bytes of a file that are kept: the whole of most configurations."""
LONGEST_HEAD = 64 * 1024 * 1024
"""Bytes of a GGUF file that its head may take."""

_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})", re.ASCII)


class Blob(msgspec.Struct, frozen=True):
    """One file."""

    size: int
    start: bytes = b""
    """Its first bytes, at most `SMALL`; empty for one that only a manifest speaks of."""
    head: gguf.Head | None = None
    """What it says as a GGUF file; None if it is none, or not a sound one."""
    fault: str = ""
    """Why it can't be read, for a damaged GGUF file."""


def bare(digest: str) -> str | None:
    """The hexadecimal digits of a digest as clients write it, or None if it is malformed."""
    found = _DIGEST.fullmatch(digest)
    return found[1] if found else None


def sha256(text: str | bytes) -> str:
    """The digest of a text, bare."""
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()


class Intake:
    """Takes one file in, piece by piece."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0
        self._start = bytearray()
        self._next_try = 4
        self._wants_head = True
        self._head: gguf.Head | None = None
        self._fault = ""

    @property
    def held(self) -> int:
        """Bytes of the file that are in memory."""
        return len(self._start)

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self._digest.update(data)
        self._size += len(data)
        if not self._wants_head:
            self._start += data[: max(0, SMALL - len(self._start))]
            return
        self._start += data
        if len(self._start) >= self._next_try:
            self._try_head()

    def _try_head(self) -> None:
        try:
            self._head = gguf.read(self._start)
            self._fault = ""
        except gguf.Incomplete as error:
            # Tried again when there is twice as much, so that a long head costs little.
            self._fault = str(error)
            self._next_try = 2 * len(self._start)
            self._wants_head = len(self._start) < LONGEST_HEAD
        except gguf.Malformed as error:
            self._fault = str(error) if self._start[:4] in gguf.MAGIC else ""
            self._wants_head = False
        else:
            self._wants_head = False
        if not self._wants_head:
            del self._start[SMALL:]

    def finish(self) -> tuple[str, Blob]:
        """The digest, bare, and the file."""
        if self._wants_head and len(self._start) >= len(gguf.MAGIC[0]):
            self._try_head()
        kept = bytes(self._start[:SMALL])
        return self._digest.hexdigest(), Blob(self._size, kept, self._head, self._fault)
