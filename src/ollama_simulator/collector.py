"""Imports that the collector of cyclic garbage doesn't look at.

What is imported stays as long as the program runs. To look for garbage in it takes a quarter of the
time of a start, and later, again and again, moments in which every stream stands still.

What a request made is gone when it is over, and what a connection had: nothing of it refers to
itself in a circle. So what is there at any time is in use, and to look through it is in vain.
Python itself looks at every 700th thing that is kept, a sixth of the time of a server that is asked
much.

It must not import anything of this package.
"""

import contextlib
import gc
from collections.abc import Iterator

APART = 20_000
"""How many more things are made than are gone when the collector looks next: some MB."""


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """In here a program imports what it needs. Behind it the collector looks less often."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(APART, *gc.get_threshold()[1:])
        gc.enable()
