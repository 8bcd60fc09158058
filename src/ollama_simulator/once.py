"""What is made when it is first asked for, and once, whichever threads ask.

`functools.cache` lets two threads that ask at once each make a value of their own. Where the value
is a type, the two are different types of one name.

It must not import anything of this package.
"""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """A function that is called once for each of its arguments, which must be hashable. Who asks
    while it works waits; what it raises isn't kept."""
    kept = cast(Callable[P, T], functools.cache(make))
    # Each has its own, so that who needs a type doesn't wait for a long description.
    working = threading.RLock()

    @functools.wraps(make)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        with working:
            return kept(*args, **kwargs)

    return asked
