"""Imports that the collector of cyclic garbage doesn't look at.

What is imported stays as long as the program runs. To look for garbage in it takes a quarter of the
time of a start, and later, again and again, moments in which every stream stands still.

It must not import anything of this package.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """In here a program imports what it needs."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
