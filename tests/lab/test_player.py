"""A workload is played through a policy: who waits, who leaves, what fails, and what is written."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec
import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.hardware import Cache, HardwareProfile, Load, Prefill, Step
from ollama_simulator.lab.fleets import machines
from ollama_simulator.lab.player import play
from ollama_simulator.lab.request import COMPLETE, FAILED, LEFT, REFUSED, Request
from ollama_simulator.lab.trial import Incident, Outcome, Trial
from ollama_simulator.lab.view import LOOK_S, View
from ollama_simulator.records import Admitted, Finished, ModelUnloaded, Record
from ollama_simulator.settings import Settings
from ollama_simulator.workload.named import workload
from ollama_simulator.workload.session import Session, Turn
from tests.lab.playing import CLOCKWORK, FOREVER, Arrivals, Talks, clockwork, tried


def always(server: int) -> Any:
    """A policy."""

    def to_one(request: Request, fleet: View, rng: object) -> int | None:
        return server if fleet.up[server] else None

    return to_one


def told(outcome: Outcome) -> list[tuple[float, float, int]]:
    """When each request was over, when it got its first token, and what became of it."""
    return [(round(row.over_at, 3), round(row.ttft, 3), row.outcome) for row in outcome.tally.rows]


def test_turns_follow_each_other() -> None:
    """After the answer comes the time to think, and nothing more is asked after the end."""
    session = Session(
        0, (Turn(1, 100), Turn(1, 100, think_s=5.0), Turn(1, 100, think_s=5.0)), at=1.0
    )
    outcome = tried(clockwork(1), Talks([session]), always(0), seconds=12.0)
    assert told(outcome) == [(2.0, 0.01, COMPLETE), (8.0, 0.01, COMPLETE)]
    assert outcome.ended_at == 12.0
    assert outcome.busy_s == [pytest.approx(2.0)]


def test_users_of_a_closed_loop_go_on() -> None:
    """Each begins a session when the last one is over."""
    sessions = [Session(n, (Turn(1, 100, think_s=1.0),)) for n in range(5)]
    outcome = tried(clockwork(2), Talks(sessions, users=2), "round-robin", seconds=100.0)
    assert [row.client for row in outcome.tally.rows] == [0, 1, 0, 1, 0]
    assert [row[0] for row in told(outcome)] == [2.0, 2.0, 4.0, 4.0, 6.0]


def test_who_finds_nobody_free_waits_in_order() -> None:
    """And nobody who comes later is before them."""
    traffic = Arrivals([(0.0, 100), (0.1, 100), (0.2, 100), (0.3, 100)])
    outcome = tried(clockwork(1), traffic, "first-free")
    assert [row.asked_at for row in outcome.tally.rows] == [0.0, 0.1, 0.2, 0.3]
    assert [row[0] for row in told(outcome)] == [1.0, 2.0, 3.0, 4.0]


def test_or_is_refused() -> None:
    """As by the seed's balancer."""
    traffic = Arrivals([(0.0, 100), (0.1, 100), (1.2, 100)])
    outcome = tried(clockwork(1), traffic, "first-free", full="refuse")
    assert Counter(row.outcome for row in outcome.tally.rows) == {COMPLETE: 2, REFUSED: 1}


def test_who_has_no_patience_leaves() -> None:
    """From the slot's queue, from the balancer's, and never once it has a token."""
    traffic = Arrivals([(0.0, 100), (0.1, 100)])
    for policy in (always(0), "first-free"):
        outcome = tried(clockwork(1), traffic, policy, patience=0.5)
        ended = [(when, what) for when, _, what in told(outcome)]
        assert ended == [(0.6, LEFT), (1.0, COMPLETE)]


def test_what_is_read_for_nobody_is_counted() -> None:
    """The runner before 0.30 reads a prompt to its end, whoever left (1.11)."""
    slow = msgspec.structs.replace(CLOCKWORK, prefill=Prefill(r_tps=1000))
    fleet = machines(1, profiles=(slow,), settings=FOREVER)
    sessions = [Session(0, (Turn(2000, 10),), at=0.0), Session(1, (Turn(10, 10),), at=9.0)]
    outcome = tried(fleet, Talks(sessions), always(0), patience=0.6)
    assert outcome.tally.rows[0].outcome == LEFT
    # At 0.6 s the first 512 tokens were read.
    assert outcome.counts[0].wasted_prompt == 2000 - 512


def test_a_lost_server_fails_its_requests_and_comes_back() -> None:
    """The balancer sees it when a request fails there, and looks for it every five seconds."""
    traffic = Arrivals([(0.0, 100), (0.1, 100), (1.0, 100), (9.0, 100)])
    incidents = (Incident(0.5, 0, "lost"), Incident(2.0, 0, "back"))
    outcome = tried(clockwork(1), traffic, always(0), incidents=incidents, journal=True)
    assert [(when, what) for when, _, what in told(outcome)] == [
        (0.5, FAILED),
        (0.5, FAILED),
        (2.0 + LOOK_S + 1.0, COMPLETE),
        (10.0, COMPLETE),
    ]
    assert outcome.journal is not None
    assert len(outcome.journal.where(Admitted)) == 3


def test_a_server_that_is_down_is_found_out_by_a_request() -> None:
    """It fails there, and the next one goes elsewhere."""
    traffic = Arrivals([(1.0, 100), (2.0, 100), (3.0, 100)])
    outcome = tried(clockwork(2), traffic, "round-robin", incidents=(Incident(0.5, 0, "lost"),))
    assert [(row.server, row.outcome) for row in outcome.tally.rows] == [
        (0, FAILED),
        (1, COMPLETE),
        (1, COMPLETE),
    ]


def test_who_waits_for_a_load_of_a_lost_server_is_told() -> None:
    """Nobody waits for ever: what was queued there fails with the rest."""
    profile = msgspec.structs.replace(CLOCKWORK, load=Load(fixed_s=10.0))
    fleet = machines(1, profiles=(profile,), models=("a", "b", "c"), settings=FOREVER)
    sessions = [Session(n, (Turn(1, 10),), at=0.0, model="bc"[n]) for n in range(2)]
    outcome = tried(fleet, Talks(sessions), always(0), incidents=(Incident(5.0, 0, "lost"),))
    assert [(when, what) for when, _, what in told(outcome)] == [(5.0, FAILED)] * 2


def test_a_slow_server() -> None:
    """Half as fast from then on."""
    traffic = Arrivals([(0.0, 100), (10.0, 100), (20.0, 100)])
    incidents = (Incident(5.0, 0, "slow", 0.5), Incident(15.0, 0, "slow", 1.0))
    outcome = tried(clockwork(1), traffic, always(0), incidents=incidents)
    assert [row[0] for row in told(outcome)] == [1.0, 12.0, 21.0]


def test_a_model_that_is_not_installed_is_an_error() -> None:
    """Its session is over."""
    session = Session(0, (Turn(1, 10), Turn(1, 10)), at=0.0, model="nowhere")
    outcome = tried(clockwork(1), Talks([session]), always(0))
    assert [row.outcome for row in outcome.tally.rows] == [FAILED]


def test_another_num_ctx_reloads() -> None:
    """Two clients with different ones on one server do so each time (1.7)."""
    sessions = [
        Session(n, (Turn(1, 10),), at=float(n), num_ctx=(None, 2048)[n % 2]) for n in range(4)
    ]
    outcome = tried(clockwork(1), Talks(sessions), always(0), journal=True)
    assert (outcome.counts[0].loads, outcome.counts[0].reloads) == (3, 3)
    assert outcome.journal is not None
    assert [gone.why for gone in outcome.journal.where(ModelUnloaded)] == ["reloaded"] * 3


def test_another_type_of_kv_cache_needs_a_restart() -> None:
    """Ten seconds, and everything in memory is gone (seed facts, 1.0.4)."""
    name = clockwork(1)[0].models[0].name
    traffic = Arrivals([(0.0, 100), (20.0, 100)])
    outcome = tried(clockwork(1), traffic, "nine-step", q8_models=frozenset({name}))
    assert [row[0] for row in told(outcome)] == [11.0, 21.0]
    assert outcome.counts[0].loads == 1


def test_what_is_cached_is_not_read_again() -> None:
    """Of the second turn only what is new: 110 tokens, and one that was never read."""
    slow = msgspec.structs.replace(CLOCKWORK, prefill=Prefill(r_tps=1000), cache=Cache())
    session = Session(0, (Turn(1000, 100), Turn(110, 100)), at=0.0)
    outcome = tried(machines(1, profiles=(slow,), settings=FOREVER), Talks([session]), always(0))
    first, second = outcome.tally.rows
    assert (first.cached, second.cached, second.ideal) == (0, 1099, 1099)
    assert second.ttft == pytest.approx(0.01 + 0.111)


def test_the_seeds_machine_takes_the_seeds_rates() -> None:
    """65 tokens in a second, and 2,900 of a prompt."""
    fleet = machines(1, profiles=("seed",), settings=Settings())
    outcome = tried(fleet, Talks([Session(0, (Turn(2900, 65),), at=0.0)]), always(0))
    assert told(outcome) == [(2.0, round(1 + 1 / 65, 3), COMPLETE)]


# --- determinism ------------------------------------------------------------------------------


def journal_of(clock: VirtualClock | None, seed: int = 1) -> bytes:
    """All records of an eventful hour, as JSON."""
    profile = HardwareProfile(
        name="irregular",
        hardware="none",
        source="made up",
        trust="A",
        synthetic=True,
        step=Step(t0_ms=10.0),
        prefill=Prefill(r_tps=2000.0),
        load=Load(fixed_s=3.0),
        cache=Cache(copy_Bps=1e9),
    )
    fleet = machines(
        3,
        profiles=(profile,),
        models=("a", "b"),
        settings=Settings(engine="current", num_parallel=2, keep_alive=20.0, context_length=8192),
    )
    traffic = workload("chat:models=a+b,odd_num_ctx=2048,odd_share=0.1", rate=0.7, seed=seed)
    incidents = (
        Incident(100.0, 0, "lost"),
        Incident(200.0, 0, "back"),
        Incident(250.0, 1, "slow", 0.3),
    )
    trial = Trial(fleet, traffic, "random", 600.0, seed, patience=20.0, incidents=incidents)
    outcome = play(trial, journal=True, clock=clock)
    assert outcome.journal is not None
    assert {row.outcome for row in outcome.tally.rows} >= {COMPLETE, FAILED, LEFT}
    return b"\n".join(map(msgspec.json.encode, outcome.journal.records))


def test_both_virtual_clocks_write_the_same_journal() -> None:
    """Byte for byte: the fast one is no other simulation."""
    fast = journal_of(None)
    assert fast.count(b"\n") > 1000
    assert journal_of(VirtualClock()) == fast
    assert journal_of(None, seed=2) != fast


def test_an_answer_is_written_down_whole() -> None:
    """Each request is in the journal with its end, and times go on."""
    outcome = tried(clockwork(2), Arrivals([(0.5, 100)] * 6), "random", journal=True)
    assert outcome.journal is not None
    records: list[Record] = outcome.journal.records
    assert [record.t for record in records] == sorted(record.t for record in records)
    finished = outcome.journal.where(Finished)
    assert sorted(record.exchange or 0 for record in finished) == [1, 2, 3, 4, 5, 6]
    assert {record.outcome for record in finished} == {"complete"}
    assert math.isclose(max(record.t for record in finished), outcome.tally.rows[-1].over_at)
