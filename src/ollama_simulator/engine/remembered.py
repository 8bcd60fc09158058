"""Functions of a text that remember their answers, if the text is a short one.

Rules of this file:

1. Templates may come with requests. So what is kept of them is limited in number and in size.

It must not import anything of this package.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TEXTS = 256
"""How many answers are kept."""
LONGEST = 64 * 1024
"""Characters of a text whose answer is kept."""


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """The function, which is not asked again about a short text that it was asked about lately."""
    lately = functools.lru_cache(maxsize=TEXTS)(function)

    @functools.wraps(function)
    def asked(text: str) -> T:
        return lately(text) if len(text) <= LONGEST else function(text)

    return asked
