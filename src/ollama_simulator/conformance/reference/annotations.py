"""What stands in brackets behind a server's name: `[capability=10,speed=100]`.

Source: seed facts, "Version 1.0.4".

It must not import anything of this package.
"""

import msgspec

LARGEST = 100


class Annotations(msgspec.Struct, frozen=True):
    """What an operator says of a server; each 0 to 100."""

    capability: int = 0
    """Its tier: the lowest one that is there is asked first."""
    speed: int = 0
    """Of servers that are equal otherwise, the highest is asked first."""


NONE = Annotations()


def read(words: str) -> Annotations:
    """What stands between the brackets. Raises `ValueError` with the culprit."""
    found: dict[str, int] = {}
    for part in words.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in Annotations.__struct_fields__:
            raise ValueError(f"{part!r} is neither capability=N nor speed=N")
        if name in found:
            raise ValueError(f"{name} is there twice")
        if not (value.isascii() and value.isdigit() and int(value[:4]) <= LARGEST):
            raise ValueError(f"{part!r} is not a number from 0 to {LARGEST}")
        found[name] = int(value)
    return Annotations(**found)
