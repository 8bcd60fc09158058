"""How a worker tells of requests that were over at once: in one entry in place of three records.

Rules of this file:

1. Who reads what was packed has the records and briefs that were to be told, in their order.

It must not import the control API's routes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ollama_simulator.brief import RECORDS, Brief, Gist
from ollama_simulator.records import Record


class Glimpse(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag=True):
    """A brief of which only that is told in which it differs from others."""

    t: float
    ended: float
    exchange: int
    connection: int
    ordinal: int
    gist: int
    """Its place among the gists that are told with it."""


def packed(found: Sequence[Any]) -> tuple[list[Record | Glimpse], list[Gist]]:
    """Records, and briefs of which each has three places, or fewer if the first were dropped; and
    what the briefs say alike."""
    entries: list[Record | Glimpse] = []
    gists: dict[Gist, int] = {}
    place = 0
    while place < len(found):
        each = found[place]
        if type(each) is not Brief:
            entries.append(each)
            place += 1
            continue
        left = found[place : place + RECORDS].count(each)
        place += left
        if left < RECORDS:
            entries += each.records()[RECORDS - left :]
            continue
        number = gists.setdefault(each.gist, len(gists))
        entries.append(
            Glimpse(each.t, each.ended, each.exchange, each.connection, each.ordinal, number)
        )
    # The answers themselves are of no use to who reads.
    return entries, [msgspec.structs.replace(gist, data=b"", times=0) for gist in gists]


def unpacked(entries: Iterable[Record | Glimpse], gists: Sequence[Gist]) -> list[Record | Brief]:
    """What was packed."""
    return [
        Brief(each.t, each.exchange, each.connection, each.ordinal, gists[each.gist], each.ended)
        if isinstance(each, Glimpse)
        else each
        for each in entries
    ]
