"""How a server stands: who waits, who runs, what is in memory, whatever way it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.journal import Journal
from ollama_simulator.records import Record
from ollama_simulator.tally.standing import Standing
from tests.tally.making import MODELS, SERVERS, made, standing, traffic

A, B = MODELS


def after(*told: Record) -> Standing:
    """How the server stands after this."""
    journal = Journal()
    for record in told:
        journal.add(record)
    return journal.tally.servers["s1"].standing


def seen(now: Standing) -> dict[str, Any]:
    """What is compared with a second opinion."""
    return {
        "active": now.active,
        "waiting": {what: now.waiting[what] for what in ("slot", "load")},
        "running": now.running,
        "abandoned": now.abandoned,
        "loaded": {model: len(stays) for model, stays in now.loaded.items()},
    }


ASKED = made(records.Asked, 1)
QUEUED = made(records.Queued, 1)
ADMITTED = made(records.Admitted, 1)
RELEASED = made(records.Released, 1)
FINISHED = made(records.Finished, 1)


def test_at_the_start() -> None:
    assert seen(after()) == {
        "active": 0,
        "waiting": {"slot": 0, "load": 0},
        "running": 0,
        "abandoned": 0,
        "loaded": {},
    }
    assert after().door is Door.OPEN


@pytest.mark.parametrize(
    ("told", "active", "waiting", "running", "abandoned"),
    [
        ([ASKED], 1, 0, 0, 0),
        ([ASKED, QUEUED], 1, 1, 0, 0),
        ([ASKED, QUEUED, ADMITTED], 1, 0, 1, 0),
        ([ASKED, QUEUED, ADMITTED, RELEASED], 1, 0, 0, 0),
        ([ASKED, QUEUED, ADMITTED, RELEASED, FINISHED], 0, 0, 0, 0),
        ([ASKED, FINISHED], 0, 0, 0, 0),
        ([ASKED, QUEUED, FINISHED], 0, 0, 0, 0),
        ([ASKED, QUEUED, made(records.Left, 1)], 1, 1, 0, 0),
        ([ASKED, ADMITTED, FINISHED], 0, 0, 0, 1),
        ([ASKED, ADMITTED, FINISHED, RELEASED], 0, 0, 0, 0),
    ],
    ids=[
        *("asked", "waits", "runs", "released", "over", "refused", "left-while-waiting"),
        *("half-closed", "slot-abandoned", "slot-noticed"),
    ],
)
def test_a_job(told: list[Record], active: int, waiting: int, running: int, abandoned: int) -> None:
    now = after(*told)
    assert (now.active, now.waiting["slot"]) == (active, waiting)
    assert (now.running, now.abandoned) == (running, abandoned)


def test_a_job_that_waits_for_its_load_and_then_for_its_slot() -> None:
    """It is in one queue at a time."""
    turns = [made(records.Queued, 1, waits_for="load"), QUEUED, ADMITTED]
    stands = [after(ASKED, *turns[: count + 1]).waiting for count in range(3)]
    assert [(now["load"], now["slot"]) for now in stands] == [(1, 0), (0, 1), (0, 0)]


def test_a_job_that_waited_for_its_turn_to_load_and_had_it() -> None:
    """It doesn't wait when its model is there, and that of another job is not its own."""
    waits = made(records.Queued, 1, waits_for="load")
    assert after(ASKED, waits, made(records.ModelLoaded, 2)).waiting["load"] == 1
    assert after(ASKED, waits, made(records.ModelLoaded, 1)).waiting["load"] == 0


def test_models_come_and_go() -> None:
    told = [
        made(records.ModelLoaded, 1, model=A, slots=2, vram=10),
        made(records.ModelLoaded, 2, model=B, slots=4, vram=20),
        made(records.ModelUnloaded, model=A),
    ]
    assert list(after(*told[:2]).loaded) == [A, B]
    (stay,) = after(*told).loaded[B]
    assert (stay.slots, stay.vram) == (4, 20)
    assert list(after(*told).loaded) == [B]


@pytest.mark.parametrize("last", [FINISHED, made(records.ModelUnloaded)])
def test_an_abandoned_slot_goes_with_its_model(last: Record) -> None:
    """Whichever is over first. Its name may be another one than that of the model in memory."""
    first = made(records.ModelUnloaded) if last is FINISHED else FINISHED
    told = [ASKED, made(records.ModelLoaded), ADMITTED]
    assert after(*told, first, last).abandoned == 0
    other = [made(records.ModelLoaded, model=B), *told]
    assert after(*other, first, last).abandoned == 0
    assert after(*other, FINISHED, made(records.ModelUnloaded, model=B)).abandoned == 1
    alias = [made(records.ModelLoaded, model=B), ASKED, ADMITTED, FINISHED]
    assert after(*alias, made(records.ModelUnloaded, model=B)).abandoned == 0


def test_it_is_down_while_it_restarts() -> None:
    assert not after(made(records.Stopped)).up
    assert after(made(records.Stopped), made(records.Restarted)).up


def test_two_models_of_one_name() -> None:
    """A model that was replaced on disk while it was loaded: the older stay ends first."""
    told = [
        made(records.ModelLoaded, 1, slots=2),
        made(records.ModelLoaded, 2, slots=4),
        made(records.ModelUnloaded),
    ]
    (stay,) = after(*told).loaded[A]
    assert stay.slots == 4


def test_a_model_that_nobody_saw_come_may_go() -> None:
    assert after(made(records.ModelUnloaded)).loaded == {}


def test_the_door_and_the_connections() -> None:
    opened, closed = made(records.Opened), made(records.Closed)
    assert after(opened, opened, closed).connections == 1
    assert after(made(records.DoorMoved, door=Door.FROZEN)).door is Door.FROZEN


@settings(deadline=None, max_examples=120)
@given(traffic())
def test_whatever_happens(told: list[Record]) -> None:
    """After each record, the standing is what its requests' own records say."""
    journal = Journal(limit=5)
    for count, record in enumerate(told, 1):
        journal.add(record)
        if count % 7 == 0:
            journal.clear_counters()
        for server in SERVERS:
            now = journal.tally.servers[server].standing
            assert seen(now) == standing(told[:count], server)
    for server in SERVERS:
        ended = [made(records.Finished, number, server=server) for number in range(1000)]
        open_now = {record.exchange for record in told if isinstance(record, records.Asked)}
        open_now -= {record.exchange for record in told if isinstance(record, records.Finished)}
        mine = {record.exchange for record in told if record.server == server}
        for record in ended:
            if record.exchange in open_now & mine:
                journal.add(record)
        now = journal.tally.servers[server].standing
        assert (now.active, now.running, +now.waiting) == (0, 0, {})
        assert now._jobs == {}
