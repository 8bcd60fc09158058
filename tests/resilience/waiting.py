"""Waiting for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], words: str, seconds: float = 20.0) -> None:
    """Wait until something holds, or fail with what was to come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it never came that {words}"
        time.sleep(0.02)
