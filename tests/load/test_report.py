"""What is said of a play."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console

from ollama_simulator.load import report
from ollama_simulator.load.document import VERSION, Document, Failure, Played, document
from ollama_simulator.load.sample import Sample
from ollama_simulator.load.tally import Tally

PLAYED = Played(
    url="http://127.0.0.1:11434",
    api="chat",
    model="m",
    workload="chat",
    loop="closed",
    users=3,
    seed=0,
    nonce="n",
    requests=10,
    duration=60.0,
    timeout=300.0,
    in_flight=100,
)


def sample(due: float, **fields: Any) -> Sample:
    """A good answer: after 100 ms two pieces, 20 ms apart; over after a second."""
    whole: dict[str, Any] = {
        "session": 0,
        "turn": 0,
        "due": due,
        "sent": due,
        "first": due + 0.1,
        "gaps": (0.02,),
        "ended": due + 1.0,
        "pieces": 2,
        "status": 200,
    }
    return Sample(**{**whole, **fields})


def made(*samples: Sample, **counts: int) -> Document:
    """The document on these."""
    tally = Tally()
    for each in samples:
        tally.add(each)
    for name, count in counts.items():
        setattr(tally, name, count)
    return document(tally, PLAYED, "requests")


def words(found: Document) -> str:
    """All that people see."""
    console = Console(width=100)
    with console.capture() as capture:
        console.print(report.whole(found), soft_wrap=True)
    return capture.get()


MIXED = made(
    *(sample(float(n)) for n in range(3)),
    sample(3.0, first=7.0, ended=9.0, turn=1),
    sample(4.0, error="reset", detail="so it goes", ended=10.0, first=None, gaps=(), pieces=0),
)


def test_the_document() -> None:
    found = MIXED
    assert (found.version, found.requests, found.complete, found.failed) == (VERSION, 5, 4, 1)
    assert (found.good, found.seconds) == (3, 10.0)
    assert (found.request_rate, found.goodput, found.token_rate) == (0.4, 0.3, 0.8)
    assert (found.ttft.count, found.ttft.p50, found.ttft.max) == (4, 0.1, 4.0)
    assert (found.ttft_first_turns.max, found.ttft_later_turns.max) == (0.1, 4.0)
    assert (found.gap.count, found.gap.mean) == (4, 0.02)
    assert (found.end_to_end.p50, found.end_to_end.p90) == (1.0, 6.0)
    assert found.errors == (Failure("reset", 1, "so it goes"),)
    assert found.bottleneck is None


def test_the_document_is_json_that_can_be_read_back() -> None:
    for found in (MIXED, made()):
        assert msgspec.json.decode(msgspec.json.encode(found), type=Document) == found


def test_what_people_see() -> None:
    head, _, names, *rows = words(MIXED).splitlines()
    assert head == (
        "chat to http://127.0.0.1:11434 (chat, m), closed loop of 3 users, seed 0, nonce n"
    )
    assert names.split() == ["count", "mean", "p50", "p90", "p95", "p99", "max"]
    assert [" ".join(row.split()) for row in rows[:5]] == [
        "TTFT 4 1.07 s 100.0 ms 4.00 s 4.00 s 4.00 s 4.00 s",
        "first turns 3 100.0 ms 100.0 ms 100.0 ms 100.0 ms 100.0 ms 100.0 ms",
        "later turns 1 4.00 s 4.00 s 4.00 s 4.00 s 4.00 s 4.00 s",
        "gap 4 20.0 ms 20.0 ms 20.0 ms 20.0 ms 20.0 ms 20.0 ms",
        "end to end 4 2.25 s 1.00 s 6.00 s 6.00 s 6.00 s 6.00 s",
    ]
    text = words(MIXED)
    assert "5 requests in 10.0 s: 4 complete, 1 failed (all requests were made)" in text
    assert "goodput 0.30 requests/s (60% within TTFT 2 s and mean gap 50 ms)" in text
    assert "error: 1 x reset (so it goes)" in text
    assert "warning" not in text


def test_nothing_is_no_crash() -> None:
    found = made()
    assert (found.request_rate, found.ttft.count, found.ttft.p50) == (0.0, 0, None)
    assert "0 requests" in words(found)


def test_what_was_left_out_is_told() -> None:
    text = words(made(sample(0.0), not_asked=3, unfinished=2))
    assert "3 turns were not asked, as a turn before them had failed" in text
    assert "2 requests were in flight at the end" in text


def test_who_was_the_bottleneck() -> None:
    """We say so ourselves: when we held requests back, and when we were late by our own fault."""
    held = made(sample(0.0), held_back=1)
    assert "higher --in-flight" in (held.bottleneck or "")
    assert "warning: we were the bottleneck" in words(held)
    late = made(*(sample(n / 10, sent=n / 10 + 0.021) for n in range(10)))
    assert "0.021 s late" in (late.bottleneck or "")
    few = made(sample(0.0, sent=5.0), *(sample(n / 10) for n in range(100)))
    assert few.bottleneck is None


def test_a_line_of_progress() -> None:
    assert report.progress(MIXED, 12.25, 3, 0) == (
        "  12.2 s  3 in flight, 4 complete, 1 failed; TTFT p50 100.0 ms p99 4.00 s, "
        "gap p50 20.0 ms p99 20.0 ms, goodput 0.30/s"
    )
    assert "3 in flight, 7 held back by us" in report.progress(MIXED, 12.25, 3, 7)


def test_long_complaints_are_shortened() -> None:
    text = words(made(sample(0.0, error="status 500", detail="x" * 5000)))
    assert "x" * 117 + "..." in text
    assert "x" * 118 not in text
