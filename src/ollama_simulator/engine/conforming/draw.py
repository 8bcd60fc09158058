"""Chance, as a function that is given.

It must not import anything of this package.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Draw = Callable[[int], int]
"""`draw(n)` is a number from 0 up to n, n not included."""

T = TypeVar("T")


def one(choices: Sequence[T], draw: Draw) -> T:
    """One of several."""
    return choices[draw(len(choices))] if len(choices) > 1 else choices[0]


def between(least: int, most: int, draw: Draw) -> int:
    """A number from `least` to `most`, both included."""
    return least + draw(most - least + 1) if most > least else least
