"""What is counted: each number is what the journal's records add up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator import records
from ollama_simulator.acts import How
from ollama_simulator.journal import Journal
from ollama_simulator.records import GAPS_S, Record
from ollama_simulator.tally.counts import COUNTS, HISTOGRAMS, WAITS_S, Buckets, Count
from tests.tally.making import MODELS, SERVERS, made, traffic

A, B = MODELS


def count(name: str) -> Count:
    """The count of a name."""
    return next(count for count in COUNTS if count.name == name)


def tally(*told: Record) -> Journal:
    """A journal of these."""
    journal = Journal()
    for record in told:
        journal.add(record)
    return journal


def counted(name: str, journal: Journal, server: str = "s1") -> dict[tuple[str, ...], float]:
    """The values of a count."""
    return dict(journal.tally.servers[server].counted(count(name)))


def expected(each: Count, told: list[Record], server: str) -> dict[tuple[str, ...], float]:
    """What a count has to be, from all records."""
    found: dict[tuple[str, ...], float] = {} if each.by else {(): 0}
    for record in told:
        if type(record) is each.of and record.server == server:
            values: list[Any] = [getattr(record, field) for field in each.by]
            values = [value.value if isinstance(value, How) else value for value in values]
            key = tuple("none" if value is None else str(value) for value in values)
            found[key] = found.get(key, 0) + (each.adds(record) if each.adds else 1)
    return found


@settings(deadline=None, max_examples=200)
@given(traffic())
def test_every_count_is_the_sum_of_its_records(told: list[Record]) -> None:
    journal = tally(*told)
    for server in SERVERS:
        for each in COUNTS:
            assert counted(each.name, journal, server) == expected(each, told, server)
        assert counted("requests", journal, server) == {(): journal.requests[server]}


@settings(deadline=None, max_examples=100)
@given(traffic(), st.integers(1, 5))
def test_what_is_dropped_changes_nothing(told: list[Record], limit: int) -> None:
    whole, short = Journal(), Journal(limit)
    for record in told:
        whole.add(record)
        short.add(record)
    for server in SERVERS:
        for each in COUNTS:
            assert counted(each.name, short, server) == counted(each.name, whole, server)


def test_what_is_told_apart() -> None:
    """By the values of several fields, in words; one that isn't there is `none`."""
    journal = tally(
        made(records.Finished, 1, outcome="complete", status=200, body_bytes=7),
        made(records.Finished, 2, outcome="complete", status=200, body_bytes=8),
        made(records.Finished, 3, outcome="rst", status=None),
        made(records.Left, 3, how=How.RST),
    )
    assert counted("requests_finished", journal) == {("complete", "200"): 2, ("rst", "none"): 1}
    assert counted("response_body_bytes", journal) == {(): 15}
    assert counted("clients_left", journal) == {("rst",): 1}


def test_tokens_of_prompts_and_answers() -> None:
    journal = tally(
        made(records.Evaluated, 1, prompt=100, cached=0, seconds=0.5),
        made(records.Evaluated, 2, prompt=120, cached=100, seconds=0.25),
        made(records.Generated, 2, model=A, tokens=20),
        made(records.Generated, 3, model=B, tokens=5),
        made(records.Released, 3, model=B, wasted_tokens=2, wasted_prompt=30),
    )
    assert counted("prompts_evaluated", journal) == {(): 2}
    assert counted("prompt_tokens", journal) == {(): 220}
    assert counted("cached_prompt_tokens", journal) == {(): 100}
    assert counted("cache_hits", journal) == {(): 1}
    assert counted("prompt_evaluation_seconds", journal) == {(): 0.75}
    assert counted("generated_tokens", journal) == {(A,): 20, (B,): 5}
    assert counted("wasted_tokens", journal) == {(B,): 2}
    assert counted("wasted_prompt_tokens", journal) == {(B,): 30}


def test_cleared_counters_start_anew_and_gauges_stay() -> None:
    journal = tally(
        made(records.Opened),
        made(records.Asked, 1),
        made(records.Admitted, 1),
        made(records.ModelLoaded, 1, slots=2),
        made(records.Asked, 2),
        made(records.Admitted, 2),
        made(records.Finished, 2),
    )
    server = journal.tally.servers["s1"]
    assert server.standing.abandoned == 1
    journal.clear_counters()
    for each in COUNTS:
        assert counted(each.name, journal) == ({} if each.by else {(): 0})
    assert [list(server.sorted(each)) for each in HISTOGRAMS] == [[], [], []]
    now = server.standing
    assert (now.connections, now.active, now.running, list(now.loaded)) == (1, 1, 1, [A])
    journal.add(made(records.Finished, 1))
    assert counted("requests_finished", journal) == {("complete", "200"): 1}
    assert (now.abandoned, now.running, now.active) == (2, 0, 0)


# --- histograms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "cell"),
    [(0.0, 0), (0.01, 0), (0.0101, 1), (0.025, 1), (300.0, 13), (300.1, 14), (1e9, 14)],
)
def test_a_bound_holds_what_is_as_large(size: float, cell: int) -> None:
    """As Prometheus has it: `le` is at most."""
    buckets = Buckets(WAITS_S)
    buckets.add(size)
    assert [index for index, number in enumerate(buckets.counts) if number] == [cell]
    assert buckets.sum == size


def test_waits_are_sorted_by_model() -> None:
    journal = tally(
        made(records.Admitted, 1, model=A, waited=0.02),
        made(records.Admitted, 2, model=B, waited=2.0),
        made(records.Admitted, 3, model=A, waited=500.0),
        made(records.FirstToken, 3, model=A, seconds=0.3),
    )
    waits, first, gaps = (dict(journal.tally.servers["s1"].sorted(each)) for each in HISTOGRAMS)
    assert list(waits) == [(A,), (B,)]
    assert (sum(waits[(A,)].counts), waits[(A,)].sum) == (2, 500.02)
    assert waits[(B,)].counts[WAITS_S.index(2.5)] == 1
    assert first[(A,)].counts[WAITS_S.index(0.5)] == 1
    assert gaps == {}


def test_gaps_are_poured_in() -> None:
    """An answer tells its gaps sorted; one of one token has none."""
    gaps = [0] * (len(GAPS_S) + 1)
    gaps[3], gaps[-1] = 18, 1
    journal = tally(
        made(records.Generated, 1, tokens=20, seconds=9.5, gaps=tuple(gaps)),
        made(records.Generated, 2, tokens=20, seconds=0.5, gaps=tuple(gaps)),
        made(records.Generated, 3, tokens=1, seconds=0.0, gaps=()),
    )
    ((_, buckets),) = journal.tally.servers["s1"].sorted(HISTOGRAMS[-1])
    assert buckets.counts == [number * 2 for number in gaps]
    assert buckets.sum == 10.0


def test_a_kind_of_record_that_counts_nowhere() -> None:
    """Is taken in all the same."""

    class Dreamt(Record, frozen=True, kw_only=True, tag=True):
        """Something new."""

    journal = tally(Dreamt(t=0.0, server="s1"))
    assert counted("requests", journal) == {(): 0}


def test_names_are_told_once() -> None:
    names = [each.name for each in (*COUNTS, *HISTOGRAMS)]
    assert len(set(names)) == len(names)
