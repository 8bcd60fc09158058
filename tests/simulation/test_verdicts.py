"""What is said when a journal doesn't hold what it should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.records import Record
from ollama_simulator.simulation.attempts import attempts, carrying
from ollama_simulator.simulation.journal import AsyncJournal
from ollama_simulator.simulation.link import Link, Read
from ollama_simulator.simulation.pattern import KINDS, Pattern, happening
from ollama_simulator.simulation.verdict import Unverified


class Written:
    """A journal that was written by hand."""

    def __init__(self, *records: Record) -> None:
        self.records = records
        self.ended = False
        self.places: dict[str, Any] = {}

    async def names(self) -> Sequence[str]:
        """There was a server of which nothing is told."""
        return ("s1", "s2", "s3")

    async def read(self, since: int) -> Read:
        """What is there."""
        return Read(self.records[since:], len(self.records))

    async def count(self) -> int:
        """How many there are."""
        return len(self.records)

    async def follow(self, since: int) -> AsyncGenerator[Sequence[Record], None]:
        """Nothing comes."""
        await asyncio.sleep(10)
        yield ()


def journal(*records: Record) -> AsyncJournal:
    return AsyncJournal(cast(Link, Written(*records)))


def asked(exchange: int, server: str = "s1", t: float = 0.0) -> records.Asked:
    return records.Asked(
        t=100 + t,
        server=server,
        exchange=exchange,
        connection=exchange,
        method="POST",
        target="/api/chat",
        ordinal=1,
    )


def finished(
    exchange: int, outcome: records.Outcome, server: str = "s1", **more: Any
) -> records.Finished:
    told = {"t": 100.5 + exchange, "status": 200, "tokens": 20, "body_bytes": 100} | more
    return records.Finished(server=server, exchange=exchange, outcome=outcome, **told)


def said(work: Any) -> str:
    """The words of a verdict."""
    with pytest.raises(Unverified) as found:
        asyncio.run(work)
    return str(found.value)


STORY = (asked(1), finished(1, "complete"), asked(2, "s2", 2), finished(2, "rst", "s2", tokens=5))


def test_the_nearest_is_that_which_differs_least() -> None:
    words = said(journal(*STORY).verify("Finished", server="s2", outcome="rst", tokens=4))
    assert words == (
        "expected Finished(server='s2', outcome='rst', tokens=4) at least once, "
        "but it happened never (of 4 records)\n"
        "the nearest Finished: tokens is 5, not 4\n"
        "      0.000  s1   #1    Asked         is asked POST /api/chat (connection 1)\n"
        "      1.500  s1   #1    Finished      is done: complete, status 200, 20 tokens, "
        "100 bytes\n"
        "      2.000  s2   #2    Asked         is asked POST /api/chat (connection 2)\n"
        ">     2.500  s2   #2    Finished      is done: reset, status 200, 5 tokens, 100 bytes"
    )


def test_every_field_that_differs_is_told() -> None:
    words = said(journal(*STORY).verify("Finished", server="s3", status=lambda it: it == 503))
    assert "the nearest Finished: server is 's2', not 's3'; status is 200, not <<lambda>>" in words


def test_only_a_part_of_the_journal_is_shown() -> None:
    many = [asked(number, t=number) for number in range(50)]
    words = said(journal(*many).verify("Asked", exchange=20, server="s2"))
    assert "  ... 14 records before ...\n" in words
    assert words.endswith("  ... 23 records after ...")
    assert words.count("\n") == 1 + 1 + 13 + 1
    assert [line for line in words.splitlines() if line.startswith(">")] == [
        ">    20.000  s1   #20   Asked         is asked POST /api/chat (connection 20)"
    ]


def test_what_happened_too_often_is_listed() -> None:
    many = [finished(number, "rst") for number in range(13)]
    words = said(journal(*many).verify("Finished", outcome="rst", at_most=2))
    assert words.startswith(
        "expected Finished(outcome='rst') at most 2 times, but it happened 13 times"
    )
    assert words.count("\n>") == 10
    assert words.endswith("\n  ... and 3 times more")
    words = said(journal(*STORY).verify("Finished", count=0, outcome="rst"))
    assert "never, but it happened once (of 4 records)\n>" in words


def test_what_happened_too_seldom_shows_the_nearest_other() -> None:
    words = said(journal(*STORY).verify("Finished", count=2, outcome="rst"))
    assert "2 times, but it happened once" in words
    assert "the nearest Finished: outcome is 'complete', not 'rst'" in words
    assert words.count("\n>") == 2, "the one that counts, and the nearest other"
    assert "there is no other Finished" in said(journal(*STORY).verify("Finished", at_least=3))


def test_a_kind_that_never_happened() -> None:
    assert "\nthere is no Queued\n" in said(journal(*STORY).verify("Queued"))
    assert said(journal().verify(records.Queued)).endswith("\nthe journal is empty")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"count": 1, "at_least": 1}, "count: it says all"),
        ({"at_least": -1}, "at least -1"),
        ({"at_least": 3, "at_most": 2}, "at least 3 and at most 2 times"),
    ],
)
def test_numbers_that_contradict_each_other(numbers: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asyncio.run(journal(*STORY).verify("Asked", **cast(Any, numbers)))


def test_a_wait_tells_the_nearest_too() -> None:
    words = said(journal(*STORY).wait_for("Finished", timeout=0.01, outcome="fin"))
    assert "within 0.01 s, but it happened never (of 4 records)" in words
    assert "the nearest Finished: outcome is 'rst', not 'fin'" in words


def test_an_order_tells_how_far_it_came() -> None:
    late = happening("Finished", outcome="complete")
    words = said(
        journal(*STORY).verify_order("Asked", happening("Asked", server="s2"), late, "Left")
    )
    assert words.startswith(
        "expected 4 things in this order:\n"
        "  1. Asked(): at 0.000 s\n"
        "  2. Asked(server='s2'): at 2.000 s\n"
        "  3. Finished(outcome='complete'): not found\n"
        "  4. Left(): not looked for\n"
        "Finished(outcome='complete') did happen, but before that: at 1.500 s\n"
    )
    assert words.count("\n>") == 3


def test_what_is_missing_at_the_end_of_an_order() -> None:
    words = said(journal(*STORY).verify_order("Asked", "Asked", happening("Finished", tokens=6)))
    assert "the nearest Finished: tokens is 5, not 6" in words
    words = said(journal(*STORY).verify_order("Asked", "Asked", "Asked"))
    assert "there is no other Asked after that" in words
    assert "did happen" not in words


def test_an_order_begins_anew_behind_each_step() -> None:
    found = asyncio.run(journal(*STORY).verify_order("Asked", "Finished", "Asked", "Finished"))
    assert found == list(STORY)
    assert asyncio.run(journal(*STORY).verify_order()) == []


def test_words_stand_for_members() -> None:
    closed = records.Closed(t=0.0, server="s1", connection=1, by="us", how=How.RST)
    moved = records.DoorMoved(t=0.0, server="s1", door=Door.SHUT)
    assert asyncio.run(journal(closed, moved).where("Closed", how="rst")) == [closed]
    assert asyncio.run(journal(closed, moved).where(records.Closed, how=How.RST)) == [closed]
    assert asyncio.run(journal(closed, moved).where("DoorMoved", door="open")) == []
    assert "how is 'rst', not 'fin'" in said(journal(closed).verify("Closed", how="fin"))


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("Asked", {"server": "s9"}, "Asked: there is no server 's9'; there are s1, s2, s3"),
        ("Record", {"server": 1}, "Record: there is no server 1; did you mean 's1'?; there"),
        ("Struck", {"fault": "HttpErro"}, "no fault 'HttpErro'; did you mean 'HttpError'?; there"),
        ("Injected", {"fault": "Hangs"}, "no fault 'Hangs'; did you mean 'Hang'?"),
        ("Behaved", {"behavior": "normal"}, "no behavior 'normal'; did you mean 'Normal'?"),
        ("Struck", {"source": "rules"}, "no source 'rules'; did you mean 'rule'?"),
        (
            "Finished",
            {"outcome": "compleet"},
            "Finished: there is no outcome 'compleet'; did you mean 'complete'?; "
            "there are cancelled, complete, error, fin, left, rst",
        ),
        ("Closed", {"how": "reset"}, "no how 'reset'; did you mean 'rst'?; there are fin, rst"),
        ("DoorMoved", {"door": "shutt"}, "no door 'shutt'; did you mean 'shut'?"),
        ("ModelUnloaded", {"why": "expire"}, "no why 'expire'; did you mean 'expired'?"),
        ("Queued", {"waits_for": "a load"}, "no waits_for 'a load'; did you mean 'load'?"),
    ],
)
def test_values_that_can_not_be(kind: str, fields: dict[str, Any], words: str) -> None:
    """Else `count=0` would say of a misspelt one that all is well."""
    it = journal(*STORY)
    for ask in (
        lambda: it.verify(kind, count=0, **fields),
        lambda: it.where(kind, **fields),
        lambda: it.wait_for(kind, timeout=0.01, **fields),
        lambda: it.verify_order(happening(kind, **fields)),
    ):
        with pytest.raises(LookupError, match=re.escape(words)):
            asyncio.run(ask())


def test_values_that_can_be() -> None:
    """What is in the journal can, even if nobody here knows it, and a server that came later can
    be waited for."""
    strange = records.Struck(t=0.0, server="s8", fault="Elsewhere")
    it = journal(strange)
    assert asyncio.run(it.verify("Struck", fault="Elsewhere", server="s8")) == [strange]
    assert asyncio.run(it.verify("Asked", count=0, server="s3")) == []
    assert asyncio.run(it.verify("ServerAdded", count=0, server="s4")) == []
    assert asyncio.run(it.where("Struck", fault=str.isalpha, server=len)) == [strange]
    assert asyncio.run(it.where("Left", how=How.FIN)) == []


def test_every_kind_can_be_named() -> None:
    """So can what all have in common."""
    assert {"Asked", "Finished", "Struck", "ServerAdded"} <= set(KINDS)
    for name, kind in KINDS.items():
        assert Pattern(name, {}).kind is kind
        assert getattr(records, name) is kind
    assert asyncio.run(journal(*STORY).where("Record", server="s2")) == list(STORY[2:])
    with pytest.raises(TypeError, match="Record has no field 'tokens'"):
        happening(records.Record, tokens=1)
    with pytest.raises(TypeError, match="3 is no kind of record"):
        happening(cast(Any, 3))


def received(exchange: int, body: str | None, nonce: str | None = None) -> records.Received:
    return records.Received(
        t=100.0, server="s1", exchange=exchange, size=9, digest="", nonce=nonce, body=body
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r'{"prompt": "a \"b\" é\nc"}', 'a "b" é\nc'),
        (r'{"messages": [{"content": "one two"}]}', "one two"),
        ('{"model": "x"}', '"model"'),
        (r'{"prompt": "a \"b\" and cut off he', 'a "b" and'),
        ("no JSON at all", "JSON at"),
    ],
)
def test_a_text_is_found_however_it_was_written(body: str, text: str) -> None:
    seen = (asked(1), received(1, body), asked(2), received(2, '{"prompt": "other"}'))
    assert [one.exchange for one in carrying(seen, text)] == [1]


def test_a_text_can_not_be_found_in_what_was_not_kept() -> None:
    seen = (asked(1), received(1, None, "nonce-12345678"))
    with pytest.raises(LookupError, match=r"1 requests may have carried 'Hello'.*keep_bodies"):
        carrying(seen, "Hello")
    assert [one.exchange for one in carrying(seen, "nonce-12345678")] == [1]
    assert carrying(seen, "nonce-87654321") == []
    assert [one.exchange for one in carrying(seen, "/api/chat")] == [1]


def test_an_attempt_that_goes_on() -> None:
    (one,) = attempts([asked(1)])
    assert (one.outcome, one.ended_at, one.status) == (None, None, None)
    assert str(one) == "s1 #1 POST /api/chat: goes on"
    with pytest.raises(ValueError, match="no body of request #1 was kept"):
        _ = one.json
