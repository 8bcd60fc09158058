"""Merging what workers record: in the order of time, and whole even when one is lost."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.brief import Brief, Gist
from ollama_simulator.journal import Journal
from ollama_simulator.workers.merging import Merger
from ollama_simulator.workers.messages import Reached

A: dict[str, Any] = {"server": "s1"}
B: dict[str, Any] = {"server": "s2"}


def moved(t: float, server: str) -> records.Record:
    """Some record."""
    return records.DoorMoved(t=t, server=server, door=Door.OPEN)


def asked(t: float, exchange: int, **more: Any) -> records.Record:
    """A request that came."""
    fields: dict[str, Any] = {"connection": 1, "method": "GET", "target": "/", "ordinal": 1}
    return records.Asked(t=t, exchange=exchange, **{**fields, **more})


def test_in_the_order_of_time() -> None:
    """What may still get an older neighbour waits."""
    journal = Journal()
    merger = Merger(journal, 2)
    merger.told[0].take([moved(1, "s1"), moved(4, "s1")], 5.0)
    merger.told[1].take([moved(2, "s2"), moved(3, "s2")], 3.5)
    merger.merge(3.5)
    assert [record.t for record in journal.records] == [1, 2, 3]
    assert merger.frontier == 3.5, "from where on others may come"
    merger.told[1].take([moved(3.75, "s2")], 6.0)
    merger.merge(5.0)
    assert [record.t for record in journal.records] == [1, 2, 3, 3.75, 4]


def brief(t: float, ended: float, exchange: int) -> Brief:
    """A request that was over at once, on the server s1."""
    return Brief(t, exchange, 2, 3, Gist(b"", "s1", "GET", "/", (), "", None, 200, 1, 5), ended)


def test_a_brief_stays_one_where_nothing_falls_into_it() -> None:
    """And it is counted like its records."""
    journal = Journal()
    merger = Merger(journal, 2)
    merger.told[0].take([brief(1, 1.25, 7), brief(2, 2.25, 9), moved(3, "s1")], 4.0)
    merger.told[1].take([moved(1.5, "s2"), moved(2.25, "s2")], 4.0)
    merger.merge(4.0)
    assert [type(each) for each in journal._records].count(Brief) == 6
    assert [each.t for each in journal.records] == [1, 1, 1.25, 1.5, 2, 2, 2.25, 2.25, 3]
    assert (merger.highest, merger.reached) == (9, {"s1": Reached(2, 3)})
    assert journal.requests == {"s1": 2}


@given(st.data())
def test_the_end_of_a_brief_stands_where_it_belongs(data: st.DataObject) -> None:
    """Whatever other workers record meanwhile, and however far the records are merged."""
    journal, plain = Journal(), Journal()
    merger = Merger(journal, 3)
    every: list[tuple[float, int, records.Record]] = []
    for told in merger.told:
        moments = sorted(data.draw(st.lists(st.integers(1, 400), max_size=30, unique=True)))
        found: list[Any] = []
        for t, following in zip(moments, [*moments, 500][1:], strict=True):
            ended = data.draw(st.integers(t, following))
            entry = brief(t, ended, t) if data.draw(st.booleans()) else moved(t, "s2")
            found.append(entry)
            each = entry.records() if isinstance(entry, Brief) else (entry,)
            every += [(record.t, len(every) + number, record) for number, record in enumerate(each)]
        told.take(found, 500.0)
    for upto in sorted(data.draw(st.lists(st.integers(1, 500), max_size=5))):
        merger.merge(upto)
        assert len(journal.records) == sum(t <= upto for t, _, _ in every)
    merger.merge(500)
    for _, _, record in every:
        plain.add(record)
    times = [record.t for record in journal.records]
    assert times == sorted(record.t for record in plain.records)
    key = msgspec.json.encode
    assert sorted(map(key, journal.records)) == sorted(map(key, plain.records))
    assert journal.requests == plain.requests
    assert merger.told[0].asked == {}


def test_of_one_moment() -> None:
    """Those of a worker stay together, the first worker's first: the same in each run."""
    journal = Journal()
    merger = Merger(journal, 2)
    merger.told[1].take([moved(1, "s2"), moved(1, "s4")], 1.0)
    merger.told[0].take([moved(1, "s1"), moved(1, "s3")], 1.0)
    merger.merge(1.0)
    assert [record.server for record in journal.records] == ["s1", "s3", "s2", "s4"]


def test_one_that_tells_of_the_past() -> None:
    """It stays behind those that were recorded before it, as a model that expired unnoticed."""
    journal = Journal()
    merger = Merger(journal, 2)
    merger.told[0].take([moved(5, "s1"), moved(2, "s3")], 6.0)
    merger.told[1].take([moved(3, "s2")], 6.0)
    merger.merge(6.0)
    assert [record.server for record in journal.records] == ["s2", "s1", "s3"]
    merger.told[0].take([brief(7, 9, 1), moved(8, "s3")], 10.0)
    merger.told[1].take([], 10.0)
    merger.merge(10.0)
    assert [record.t for record in journal.records[3:]] == [7, 7, 9, 8], "nor does it enter a brief"


def test_a_lost_worker() -> None:
    """Its requests end, its connections are reset, its models are gone; another one's are not."""
    journal = Journal()
    merger = Merger(journal, 2)
    loaded = records.ModelLoaded(t=1, model="m", seconds=0, **A)
    opened = [records.Opened(t=1, connection=number, peer="x", **A) for number in (1, 2)]
    closed = records.Closed(t=2, connection=1, by="client", how=How.FIN, **A)
    done = records.Finished(
        t=2, exchange=1, outcome="complete", status=200, tokens=1, body_bytes=1, **A
    )
    found = [loaded, *opened, asked(1, 1, **A), asked(2, 3, connection=2, **A), done, closed]
    merger.told[0].take(found, 2.0)
    merger.told[1].take([asked(2, 2, **B)], 2.0)
    merger.merge(3.0)
    before = len(journal.records)
    merger.lost(0, ["s1"])
    told = journal.records[before:]
    assert {record.t for record in told} == {3.0}
    assert [(type(record).__name__, record.server, record.exchange) for record in told] == [
        ("Stopped", "s1", None),
        ("DoorMoved", "s1", None),
        ("Finished", "s1", 3),
        ("Closed", "s1", None),
        ("ModelUnloaded", "s1", None),
    ]
    assert [record.connection for record in told if isinstance(record, records.Closed)] == [2]
    standing = journal.tally.servers["s1"].standing
    assert (standing.up, standing.door, standing.active) == (False, Door.SHUT, 0)
    assert (standing.connections, standing.loaded) == (0, {})
    assert journal.tally.servers["s2"].standing.active == 1
    merger.lost(0, ["s1"])
    assert len(journal.records) == before + 5, "it is told once"


def test_what_a_new_process_goes_on_from() -> None:
    """The highest numbers, and how often each rule struck."""
    merger = Merger(Journal(), 2)
    struck = [records.Struck(t=1, fault="Hang", rule=7, source="rule", **A)] * 2
    header = records.Struck(t=1, fault="Hang", source="header", **A)
    found = [
        records.Opened(t=1, connection=5, peer="x", **A),
        asked(1, 9, connection=4, ordinal=3, **A),
        asked(1, 7, connection=4, ordinal=2, **A),
        *struck,
        header,
    ]
    merger.told[0].take(found, 1.0)
    assert merger.highest == 0, "what isn't in the journal yet doesn't count"
    merger.merge(1.0)
    assert merger.highest == 9
    assert merger.reached == {"s1": Reached(5, 3)}
    assert dict(merger.struck) == {("s1", 7): 2}


def test_what_a_worker_lacks_is_said() -> None:
    """As if it were this process that lacks it."""
    journal = Journal()
    said: list[records.Record] = []
    journal.warned.append(said.append)
    lacks = records.Hindered(t=1, server="", what="descriptors", detail="no more")
    merger = Merger(journal, 1)
    merger.told[0].take([moved(1, "s1"), lacks], 1.0)
    merger.merge(1.0)
    assert said == [lacks]
    assert journal.records[1:] == [lacks]
    assert journal.hindrances["descriptors"] == 1
