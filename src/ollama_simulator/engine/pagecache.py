"""What of the weight files is still in the host's memory since they were read last.

Source: engine model 2.2.

Rules of this file:

1. A file is found by the key of its weights. It stays when its model leaves memory.
2. The file that was read longest ago goes first, as far as room is needed. A file that is larger
   than the whole cache leaves nothing: its end drives its beginning out.

It must not import anything of this package.
"""


class PageCache:
    """The page cache of one host, as far as weight files are in it."""

    def __init__(self, capacity: int = 0) -> None:
        """Bytes that it holds; 0 for no limit."""
        self._capacity = capacity
        self._held: dict[str, int] = {}
        """Bytes by file, the one that was read longest ago first."""

    def cached(self, key: str) -> int:
        """How many bytes of a file are here."""
        return self._held.get(key, 0)

    @property
    def held(self) -> int:
        """Bytes of all files."""
        return sum(self._held.values())

    def read(self, key: str, size: int) -> None:
        """So many bytes of a file were read."""
        size = max(size, self._held.pop(key, 0))
        if not size or 0 < self._capacity < size:
            return
        self._held[key] = size
        for other in list(self._held):
            excess = self.held - self._capacity if self._capacity else 0
            if excess <= 0:
                break
            if (left := self._held[other] - excess) > 0:
                self._held[other] = left
            else:
                del self._held[other]

    def inherit(self, other: "PageCache") -> None:
        """Hold what another one held: it is the same host's."""
        self._held = dict(other._held)

    def clear(self) -> None:
        """Forget all files."""
        self._held.clear()
