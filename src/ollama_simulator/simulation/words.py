"""How names that nobody knows are told.

It must not import anything of this package.
"""

import difflib
from collections.abc import Iterable


def near(name: object, there: Iterable[str]) -> str:
    """`; did you mean '…'?` if something that is there looks like a name; else nothing."""
    folded = {each.lower(): each for each in there}
    found = difflib.get_close_matches(str(name).lower(), folded, n=1)
    return f"; did you mean {folded[found[0]]!r}?" if found else ""
