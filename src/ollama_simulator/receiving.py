"""What the journal tells of a request's body.

It must not import anything of this package but layer 0.
"""

import hashlib
import re

from ollama_simulator import records
from ollama_simulator.records import See

NONCE = re.compile(rb"nonce-[0-9a-f]{8,64}")
"""The word by which a client marks a prompt, so that its attempts can be counted."""
LONGEST_NONCE = 80
"""Bytes at the end of a piece in which such a word can begin."""
NOTHING = hashlib.sha256().hexdigest()
"""The digest of no bytes at all."""


class Receiving:
    """A body that is read piece by piece."""

    __slots__ = ("_beginning", "_digest", "_nonce", "_room", "_size", "_tail")

    def __init__(self, room: int) -> None:
        """`room` is how many bytes of its beginning are kept."""
        self._digest = hashlib.sha256()
        self._size = 0
        self._nonce: bytes | None = None
        self._tail = b""
        self._beginning = b""
        self._room = room

    def add(self, data: bytes) -> None:
        """One more piece."""
        self._digest.update(data)
        self._size += len(data)
        if len(self._beginning) < self._room:
            self._beginning += data[: self._room - len(self._beginning)]
        if self._nonce is None:
            found = NONCE.search(self._tail + data)
            self._nonce = found.group() if found else None
            self._tail = data[-LONGEST_NONCE:]

    def tell(self, see: See) -> None:
        """Say that it was read."""
        see(
            records.Received,
            size=self._size,
            digest=self._digest.hexdigest() if self._size else NOTHING,
            nonce=self._nonce.decode() if self._nonce else None,
            body=self._beginning.decode("utf-8", "replace") if self._room else None,
        )
