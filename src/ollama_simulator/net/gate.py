"""A gate that some wait at, and others only look at.

It must not import anything of this package.
"""

import asyncio


class Gate(asyncio.Event):
    """Open or shut; open at first."""

    def __init__(self) -> None:
        super().__init__()
        self.set()

    def set(self) -> None:
        """Open it, and let all pass who wait."""
        self.open = True
        super().set()

    def clear(self) -> None:
        """Shut it."""
        self.open = False
        super().clear()
