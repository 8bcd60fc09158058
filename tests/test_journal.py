"""The journal: records in order, counters that are folds, questions and waits."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.clock import VirtualClock
from ollama_simulator.journal import AT_ONCE, Journal
from ollama_simulator.records import (
    Asked,
    Eased,
    Finished,
    Hindered,
    Opened,
    Outcome,
    Received,
    Record,
)
from tests.engine.driving import virtual


def asked(exchange: int, server: str = "s1", **fields: Any) -> Asked:
    """A request."""
    given = {"connection": 1, "method": "GET", "target": "/", "ordinal": exchange, "t": 0.0}
    return Asked(server=server, exchange=exchange, **{**given, **fields})


def received(exchange: int, nonce: str | None, server: str = "s1") -> Received:
    """The body of a request."""
    return Received(t=0.0, server=server, exchange=exchange, size=1, digest="", nonce=nonce)


def finished(exchange: int, outcome: Outcome = "complete") -> Finished:
    """The end of a request."""
    return Finished(
        t=1.0,
        server="s1",
        exchange=exchange,
        outcome=outcome,
        status=200,
        tokens=3,
        body_bytes=9,
    )


def test_records_stay_in_order() -> None:
    """What was added is there, in the order in which it was added."""
    journal = Journal()
    entries: list[Record] = [asked(2), finished(2), asked(1)]
    for entry in entries:
        journal.add(entry)
    assert journal.records == entries


def test_requests_are_counted_for_each_server() -> None:
    """`requests` counts what was asked, and nothing else."""
    journal = Journal()
    for entry in (asked(1), asked(2, "s2"), asked(3), finished(1), received(1, None)):
        journal.add(entry)
    assert journal.requests == {"s1": 2, "s2": 1}
    assert journal.requests["s9"] == 0


def test_cleared_counters_start_anew_and_the_records_stay() -> None:
    """Clearing is not forgetting."""
    journal = Journal()
    journal.add(asked(1))
    journal.clear_counters()
    assert journal.requests["s1"] == 0
    assert journal.records == [asked(1)]
    journal.add(asked(2))
    assert journal.requests["s1"] == 1


def test_where_asks_for_kind_and_fields() -> None:
    """Only records of this kind whose fields all have these values."""
    journal = Journal()
    for entry in (asked(1), finished(1), finished(2, "rst"), asked(2, "s2"), finished(3)):
        journal.add(entry)
    assert journal.where(Asked) == [asked(1), asked(2, "s2")]
    assert journal.where(Asked, server="s2") == [asked(2, "s2")]
    assert journal.where(Finished, outcome="rst", exchange=2) == [finished(2, "rst")]
    assert journal.where(Finished, outcome="rst", exchange=1) == []
    assert journal.where(Opened) == []
    assert len(journal.where(Record)) == 5


def test_where_begins_at_an_index() -> None:
    """`since` leaves out what came before."""
    journal = Journal()
    for entry in (asked(1), asked(2), finished(1)):
        journal.add(entry)
    assert journal.where(Asked, since=1) == [asked(2)]
    assert journal.where(Asked, since=3) == []


def test_where_does_not_take_a_field_that_is_none() -> None:
    """A mistyped field is an error, not an empty answer."""
    journal = Journal()
    journal.add(asked(1))
    with pytest.raises(AttributeError):
        journal.where(Asked, servr="s1")


def test_attempts_finds_a_nonce_on_every_server() -> None:
    """A client's request is counted through whatever servers it went."""
    journal = Journal()
    for entry in (
        asked(1),
        received(1, "nonce-00000001"),
        asked(2, "s2"),
        received(2, "nonce-00000001", "s2"),
        asked(3, "s2"),
        received(3, "nonce-00000002", "s2"),
        asked(4),
        received(4, None),
        asked(5),
    ):
        journal.add(entry)
    assert journal.attempts("nonce-00000001") == [asked(1), asked(2, "s2")]
    assert journal.attempts("nonce-00000002") == [asked(3, "s2")]
    assert journal.attempts("nonce-00000003") == []


def test_wait_for_what_is_there() -> None:
    """A record that exists is given at once: the first one, from `since` on."""

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        for entry in (asked(1), asked(2), asked(3)):
            journal.add(entry)
        assert await journal.wait_for(Asked, 1) == asked(1)
        assert await journal.wait_for(Asked, 1, since=1) == asked(2)
        assert await journal.wait_for(Asked, 1, exchange=3) == asked(3)
        assert clock.now() == 0

    virtual(main)


def test_wait_for_what_will_come() -> None:
    """The wait ends with the record that fits, not with another of its kind."""

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        journal.add(asked(1))
        loop = asyncio.get_running_loop()
        loop.call_later(1, journal.add, asked(2))
        loop.call_later(2, journal.add, finished(3))
        loop.call_later(3, journal.add, asked(3))
        loop.call_later(3, journal.add, asked(3, "s2"))
        assert await journal.wait_for(Asked, 60, since=1, exchange=3) == asked(3)
        assert clock.now() == 3

    virtual(main)


def test_wait_for_what_does_not_come() -> None:
    """After the timeout the answer is None; a later record finds nobody and does no harm."""

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        assert await journal.wait_for(Asked, 5) is None
        assert clock.now() == 5
        journal.add(asked(1))
        assert journal._waiting == []

    virtual(main)


def test_several_may_wait() -> None:
    """One record answers everybody whom it fits."""

    async def main(clock: VirtualClock) -> list[Record | None]:
        journal = Journal()
        asyncio.get_running_loop().call_later(1, journal.add, asked(1))
        return list(
            await asyncio.gather(
                journal.wait_for(Asked, 3),
                journal.wait_for(Asked, 3, exchange=1),
                journal.wait_for(Asked, 3, exchange=2),
                journal.wait_for(Finished, 3),
            )
        )

    assert virtual(main) == [asked(1), asked(1), None, None]


def test_a_cancelled_wait_is_forgotten() -> None:
    """Who is cancelled while waiting leaves no trace."""

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        task = asyncio.create_task(journal.wait_for(Asked, 50))
        await clock.sleep_until(1)
        task.cancel()
        await asyncio.wait([task])
        journal.add(asked(1))
        assert task.cancelled()
        assert journal._waiting == []
        assert clock.now() == 1

    virtual(main)


def test_a_record_says_its_kind() -> None:
    """In JSON a record carries its class name, by which it is read back."""
    data = msgspec.json.encode(finished(1))
    assert msgspec.json.decode(data)["kind"] == "Finished"
    assert msgspec.json.decode(data, type=Asked | Finished) == finished(1)


def test_a_limited_journal_forgets_the_oldest_and_counts_on() -> None:
    """At least the limit is kept, what is dropped is told, and no counter changes."""
    journal = Journal(limit=8)
    for number in range(1, 101):
        journal.add(
            Asked(
                t=number,
                server="s1",
                exchange=number,
                connection=1,
                method="GET",
                target="/",
                ordinal=number,
            )
        )
        assert len(journal.records) <= 10
    assert journal.records[-1].exchange == 100
    assert len(journal.records) >= 8
    assert journal.dropped + len(journal.records) == 100
    assert journal.requests["s1"] == 100


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 30), st.integers(0, 200))
def test_a_limit_keeps_the_newest_and_changes_no_number(limit: int, count: int) -> None:
    """Between `limit` and a quarter more are kept, in order; what is gone is counted."""
    journal, whole = Journal(limit), Journal()
    for number in range(count):
        for each in (journal, whole):
            each.add(asked(number, f"s{number % 3}"))
        assert len(journal.records) + journal.dropped == number + 1
        assert min(number + 1, limit) <= len(journal.records) <= limit + limit // 4
    assert journal.records == whole.records[journal.dropped :]
    assert journal.requests == whole.requests
    assert whole.dropped == 0


def test_few_are_dropped_at_a_time() -> None:
    """However large the journal is: to let go of many would hold servers up."""
    journal = Journal(limit=100_000)
    before = longest = 0
    for number in range(103_000):
        journal.add(finished(number))
        longest = max(longest, journal.dropped - before)
        before = journal.dropped
        assert len(journal.records) <= 100_000 + AT_ONCE
    assert 0 < longest <= AT_ONCE + 1
    assert journal.total == 103_000
    assert journal.where(Finished, since=102_999) == [finished(102_999)]


def test_what_is_lacked_is_counted_and_said_at_once() -> None:
    """And is a record like any other. Until it is over it is known what is lacked, by whom ever."""
    journal, told = Journal(), list[Record]()
    journal.warned.append(told.append)
    lacked = Hindered(t=1.0, server="", what="descriptors", detail="no more")
    first = Hindered(t=1.1, server="", what="worker", detail="number 1")
    second = Hindered(t=1.7, server="", what="worker", detail="number 2")
    back = Eased(t=2.3, server="", what="worker", seconds=2.3 - 1.7)
    over = Eased(t=2.4, server="", what="descriptors", seconds=2.4 - 1.0)
    for record in (lacked, first, second):
        journal.warn(record)
    assert journal.lacking == [lacked, first, second]
    journal.warn(back)
    assert journal.lacking == [lacked, first]
    journal.warn(over)
    assert journal.lacking == [first]
    assert told == journal.records == [lacked, first, second, back, over]
    assert journal.hindrances == {"descriptors": 1, "worker": 2}


def test_a_limit_of_nothing_is_refused() -> None:
    """A journal that keeps nothing answers nothing."""
    with pytest.raises(ValueError, match="a journal of 0 records keeps nothing"):
        Journal(0)


def test_a_wait_is_not_disturbed_by_a_limit() -> None:
    """The record that was waited for is given, though it may be dropped soon after."""

    async def main(clock: VirtualClock) -> Record | None:
        journal = Journal(2)
        waiting = asyncio.create_task(journal.wait_for(Asked, 5, exchange=3))
        await asyncio.sleep(0)
        for number in range(20):
            journal.add(asked(number))
        return await waiting

    assert virtual(main) == asked(3)
