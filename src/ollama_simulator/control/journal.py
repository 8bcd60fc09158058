"""Control routes for the journal: a part of it, and all of it as it comes.

It must not import the servers' insides.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from ollama_simulator.control.events import events
from ollama_simulator.control.operation import Call, Example, Table
from ollama_simulator.control.problems import Culprit, Problem
from ollama_simulator.control.views import SCHEMA
from ollama_simulator.control.web import Stream
from ollama_simulator.journal import Filter
from ollama_simulator.mistakes import instead
from ollama_simulator.records import Record

operation = Table("Journal")
KINDS = {kind.__name__: kind for kind in Record.__subclasses__()}
MOST_DIGITS = 18
"""More of them are no number of anything here."""
MOST = 10_000
"""Records in one answer."""
Index = Annotated[int, msgspec.Meta(ge=0)]


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records are wanted."""

    kind: str = ""
    """Only records of these kinds, separated by commas."""
    server: str = ""
    """Only those of these servers, separated by commas."""
    exchange: str = ""
    """Only those of the requests with these numbers, separated by commas."""

    def filter(self, servers: Sequence[str]) -> Filter:
        """The same as a filter; `servers` are all that there are or were. Raises `Problem`."""
        for kind in _words(self.kind):
            if kind not in KINDS:
                raise _bad("kind", f"there is no kind {kind!r}; {instead(kind, sorted(KINDS))}")
        for server in _words(self.server):
            if server not in servers:
                words = f"there is no server {server!r}; {instead(server, servers)}"
                raise _bad("server", words)
        for exchange in _words(self.exchange):
            if not _number(exchange):
                raise _bad("exchange", f"{exchange!r} is not the number of a request")
        return Filter(
            kinds=frozenset(_words(self.kind)) or None,
            servers=frozenset(_words(self.server)) or None,
            exchanges=frozenset(map(int, _words(self.exchange))) or None,
        )


class PageQuery(Wanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the journal."""

    since: Index = 0
    """The index of the first record that is looked at."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 1000
    """How many records are shown at most."""
    nonce: str = ""
    """Only those of requests whose body had this `nonce-…` word."""


class StreamQuery(Wanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The journal as it comes."""

    since: Index | None = None
    """The index of the first record; without it, those from now on."""


class JournalPage(msgspec.Struct, frozen=True):
    """A part of the journal."""

    records: Annotated[
        list[Any], msgspec.Meta(extra_json_schema={"items": {"$ref": SCHEMA + "Record"}})
    ]
    """The records, in order."""
    next: int
    """The index to go on from. If it is smaller than what was asked for, this is another run."""
    dropped: int
    """How many records of the beginning are not kept any more."""


@operation(
    "GET",
    "/journal",
    query=PageQuery,
    gives=JournalPage,
    problems=("BadQuery",),
    examples=(
        Example(),
        Example(query={"kind": "Struck,Finished", "server": "s1", "since": "0", "limit": "10"}),
        Example(query={"nonce": "nonce-1"}),
        Example(query={"exchange": "7"}),
    ),
)
async def get_journal(call: Call) -> JournalPage:
    """A part of what happened, in order.

    Ask again with `since` as `next` says for what comes later.
    """
    query, journal = call.query(PageQuery), call.fleet.journal
    wanted = query.filter(call.fleet.names)
    if query.nonce:
        carried = journal.exchanges(query.nonce)
        own = wanted.exchanges
        wanted = msgspec.structs.replace(
            wanted, exchanges=carried if own is None else own & carried
        )
    page = journal.page(query.since, query.limit, wanted)
    return JournalPage([record for _, record in page.records], page.next, journal.dropped)


@operation(
    "GET",
    "/journal/stream",
    query=StreamQuery,
    media="text/event-stream",
    problems=("BadQuery",),
    examples=(Example(query={"since": "0", "kind": "Struck,Finished"}),),
)
async def follow_journal(call: Call) -> Stream:
    """What happens, as Server-Sent Events.

    Each record is an event: its `id` is the record's index, its name the kind, its data the
    record. `Last-Event-ID` goes on behind a record, and wins over `since`. Comments come when
    there is nothing else. An event `Dropped` tells a reader that was too slow how many records
    it missed.
    """
    query, journal = call.query(StreamQuery), call.fleet.journal
    since = journal.total if query.since is None else query.since
    last = call.headers.get("last-event-id", "")
    if _number(last):
        since = int(last) + 1
    # An index from another run: nothing of this one is behind it.
    since = 0 if since > journal.total else since
    stream = events(call.pulse, query.filter(call.fleet.names), since)
    media = "text/event-stream; charset=utf-8"
    return Stream(stream, {"cache-control": "no-store", "content-type": media})


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _bad(parameter: str, words: str) -> Problem:
    return Problem("BadQuery", f"{parameter}: {words}", (Culprit(words, parameter=parameter),))


def _number(words: str) -> bool:
    """Whether it can be the number of something."""
    return len(words) <= MOST_DIGITS and words.isascii() and words.isdigit()
