"""Requests that were over at once: one entry that says what three records say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.brief import Brief, Gist
from ollama_simulator.journal import MOST_GISTS, Filter, Journal
from ollama_simulator.receiving import NOTHING
from ollama_simulator.records import Asked, Finished, Opened, Received, Record
from ollama_simulator.workers.glimpses import Glimpse, packed, unpacked
from ollama_simulator.workers.outbox import Outbox
from tests.engine.driving import virtual


def gist(server: str, size: int) -> Gist:
    """An answer of so many bytes."""
    headers = (("Host", "a"), ("X", str(size)))
    return Gist(b"...", server, "GET", f"/{size}", headers, NOTHING, "", 200, 1, size)


GISTS = [("s1", 10), ("s1", 20), ("s2", 30)]


class Both:
    """A journal of briefs, and one that is given their records."""

    def __init__(self, limit: int | None) -> None:
        self.brief, self.plain = Journal(limit), Journal(limit)
        self.gists = [gist(*each) for each in GISTS]
        self.number = 0

    def add(self, which: int) -> None:
        """A brief of a gist, or another record."""
        self.number += 1
        number = self.number
        if which == len(GISTS):
            opened = Opened(t=number, server="s2", connection=number, peer="a:1")
            self.brief.add(opened)
            self.plain.add(opened)
            return
        brief = Brief(number, number, 7, number, self.gists[which], number + 0.5)
        self.brief.add_brief(brief)
        for record in brief.records():
            self.plain.add(record)

    def numbers(self, journal: Journal) -> list[Any]:
        """Everything that is counted."""
        servers = journal.tally.servers
        return [
            dict(journal.requests),
            {name: (each._totals, each._counts) for name, each in servers.items()},
            {
                name: (each.standing.active, each.standing.connections)
                for name, each in servers.items()
            },
        ]


Act = tuple[Callable[[Journal, int, int], Any], int, int]
READS: list[Callable[[Journal, int, int], Any]] = [
    lambda journal, since, most: journal.read(since, most),
    lambda journal, since, most: journal.read(since),
    lambda journal, since, most: journal.page(since, most + 1, Filter()),
    lambda journal, since, most: journal.page(since, 2, Filter(kinds=frozenset({"Finished"}))),
    lambda journal, since, most: list(journal.records),
    lambda journal, since, most: journal.where(Received, since=since),
    lambda journal, since, most: (journal.total, journal.kept, journal.dropped),
    lambda journal, since, most: dict(journal.requests),
    lambda journal, since, most: journal.clear_counters(),
]
STEPS = st.lists(
    st.integers(0, len(GISTS))
    | st.tuples(st.sampled_from(READS), st.integers(0, 60), st.integers(0, 9)),
    max_size=60,
)


@given(st.none() | st.integers(1, 30), STEPS)
def test_whoever_reads_finds_what_was_recorded(
    limit: int | None, steps: Sequence[int | Act]
) -> None:
    """Whatever is read and counted, whenever and in whatever parts, however much is dropped."""
    both = Both(limit)
    for step in steps:
        if isinstance(step, int):
            both.add(step)
        else:
            read, since, most = step
            assert read(both.brief, since, most) == read(both.plain, since, most)
    assert both.numbers(both.brief) == both.numbers(both.plain)
    assert both.brief.records == both.plain.records


@given(st.permutations(range(12)), st.integers(1, 4))
def test_read_in_any_order(places: Sequence[int], most: int) -> None:
    """A part that was read leaves the others to be read."""
    both = Both(None)
    for which in (0, 1, 2, 0):
        both.add(which)
    for place in places:
        assert both.brief.read(place, most) == both.plain.records[place : place + most]
        assert both.brief.page(place, most, Filter()) == both.plain.page(place, most, Filter())
    assert both.brief.records == both.plain.records


def test_a_record_that_was_read_stays_the_same_object() -> None:
    """Who keeps one finds it again."""
    both = Both(None)
    both.add(0)
    (second,) = both.brief.read(1, 1)
    assert isinstance(second, Received)
    assert both.brief.records[1] is second


def test_many_answers_are_added_up_before_anybody_asks() -> None:
    """An answer changes each second, for days: what waits to be added up is bounded."""
    journal = Journal(10)
    for number in range(3 * MOST_GISTS):
        journal.add_brief(Brief(number, number, 1, number, gist("s1", number), number))
        assert len(journal._gists) <= MOST_GISTS
    assert journal.requests["s1"] == 3 * MOST_GISTS


def test_who_waits_for_a_record_of_one_is_told() -> None:
    """Of each of the three, and of the right one."""

    async def main(clock: Any) -> None:
        journal = Journal()
        async with asyncio.TaskGroup() as group:
            waiting = [
                group.create_task(journal.wait_for(kind, 5.0, exchange=2))
                for kind in (Asked, Received, Finished)
            ]
            await clock.sleep_until(1)
            for number in (1, 2):
                journal.add_brief(Brief(1.0, number, 1, number, gist("s1", 1), 1.5))
        assert [each.result() for each in waiting] == journal.records[3:]

    virtual(main)


def test_who_listens_is_told() -> None:
    """That something came."""
    journal = Journal()
    told: list[int] = []
    journal.heard.append(lambda: told.append(journal.total))
    journal.add_brief(Brief(1.0, 1, 1, 1, gist("s1", 1), 1.5))
    assert told == [3]


def told(found: Iterable[Record | Brief]) -> list[Record]:
    """As records."""
    return [
        record
        for each in found
        for record in (each.records() if isinstance(each, Brief) else (each,))
    ]


@given(st.integers(1, 20), st.lists(st.integers(0, len(GISTS)), max_size=40))
def test_a_worker_hands_over_what_was_recorded(limit: int, steps: Sequence[int]) -> None:
    """The records that are kept, and how many are not, whatever stands at the edge."""
    both = Both(limit)
    outbox = Outbox(limit, lambda: None)
    both.brief = outbox
    for step in steps:
        both.add(step)
    lost, found = outbox.take()
    entries, gists = packed(found)
    assert lost == both.plain.dropped
    assert told(unpacked(entries, gists)) == both.plain.records
    assert outbox.take() == (0, [])
    both.add(0)
    assert outbox.records == both.plain.records[-3:]


def test_what_is_handed_over_is_small() -> None:
    """A brief is one entry, what many say alike is told once, and answers are not told at all."""
    both = Both(None)
    for _ in range(5):
        both.add(0)
        both.add(1)
    both.brief.add(Opened(t=11, server="s1", connection=9, peer="a:1"))
    entries, gists = packed(both.brief._records)
    assert [type(each) for each in entries] == [Glimpse] * 10 + [Opened]
    assert [each.target for each in gists] == ["/10", "/20"]
    assert not any(each.data for each in gists)


def record_kinds(found: Sequence[Record]) -> list[str]:
    """Their names."""
    return [type(each).__name__ for each in found]


def test_the_three_stand_in_their_order() -> None:
    """As they came."""
    journal = Journal()
    journal.add_brief(Brief(1.0, 1, 1, 1, gist("s1", 1), 1.5))
    assert record_kinds(journal.records) == ["Asked", "Received", "Finished"]
    assert [each.t for each in journal.records] == [1.0, 1.0, 1.5]
