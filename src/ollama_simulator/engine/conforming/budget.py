"""How much work one text may take: a schema of a few lines can ask for more than there is time for.

Rules of this file:

1. Work is counted, not timed, so that the same schema always gets the same text.

It must not import anything of this package.
"""


class Spent(Exception):
    """There is no work left."""


class Budget:
    """Units of work; each takes about a microsecond."""

    def __init__(self, units: int) -> None:
        self._left = units

    def spend(self, units: int = 1) -> None:
        """Use some. Raises `Spent` if there were not so many."""
        self._left -= units
        if self._left < 0:
            raise Spent
