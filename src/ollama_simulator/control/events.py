"""A journal as Server-Sent Events.

Source: the HTML standard, section "Server-sent events".

Rules of this file:

1. An event's id is the index of its record, so `Last-Event-ID` says where to go on.
2. A reader that was so slow that records were dropped meanwhile is told how many. So is one that
   asked for records that are not kept any more.
3. A line of comment comes when nothing else did for a while, so that both ends find out whether
   the other one is there.

It must not import the servers' insides.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from ollama_simulator.control.pulse import Pulse
from ollama_simulator.journal import Filter
from ollama_simulator.records import Record

HEARTBEAT_S = 15.0
"""Seconds of silence after which a comment is sent."""
RETRY_MS = 1000
"""Milliseconds after which a client is to connect again."""
AT_ONCE = 500
"""Records that are handed to the network together."""


class Dropped(msgspec.Struct, frozen=True, tag=True, tag_field="kind"):
    """Records that were not kept until their turn came."""

    missed: int
    """How many, wanted ones and others."""
    next: int
    """The index of the first that is kept."""


async def events(
    pulse: Pulse, wanted: Filter, since: int, heartbeat_s: float = HEARTBEAT_S
) -> AsyncIterator[bytes]:
    """The records that are wanted, from an index on, until there will be no more."""
    journal = pulse.journal
    yield b"retry: %d\n\n" % RETRY_MS
    while True:
        if since < journal.dropped:
            missed = Dropped(journal.dropped - since, journal.dropped)
            since = journal.dropped
            yield _event(since - 1, "Dropped", msgspec.json.encode(missed))
            continue
        page = journal.page(since, AT_ONCE, wanted)
        since = page.next
        if page.records:
            yield _events(page.records)
        elif pulse.closed:
            return
        elif not await pulse.more(wanted, heartbeat_s) and not pulse.closed:
            yield b":\n\n"


def _events(found: Sequence[tuple[int, Record]]) -> bytes:
    return b"".join(
        _event(index, type(record).__name__, msgspec.json.encode(record)) for index, record in found
    )


def _event(index: int, kind: str, data: bytes) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (index, kind.encode(), data)
