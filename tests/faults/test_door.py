"""Faults that happen before there is a request: where they want the door, and what comes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ollama_simulator.acts import Door, How, Stance
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.crash import Crash
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.flapping import Flapping
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rolling_restart import RollingRestart
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.client import Broken, End
from ollama_simulator.records import Closed, ModelUnloaded, Restarted, Stopped
from tests.engine.driving import virtual
from tests.faults import test_sweep as sweep
from tests.faults.acting import CHAT, STREAM, bent

GONE = Stance(Door.SHUT, ended=True)


@pytest.mark.parametrize(
    ("fault", "stance"),
    [
        (ConnectionRefused(), Stance(Door.SHUT)),
        (ConnectTimeout(), Stance(Door.DEAF)),
        (Frozen(), Stance(Door.FROZEN)),
        (Crash(), GONE),
        (Fault(), Stance()),
    ],
)
def test_doors(fault: Fault, stance: Stance) -> None:
    """Each wants the door so, for ever, and bends no answer that comes through all the same."""
    assert fault.stance(0.0) == fault.stance(1e6, 7) == stance
    assert fault.at_the_door() is (stance != Stance())
    assert bent(fault, STREAM) == list(STREAM)


def down_until(when: float) -> Stance:
    return Stance(Door.SHUT, ended=True, until=when)


def up_until(when: float) -> Stance:
    return Stance(until=when)


@pytest.mark.parametrize(
    ("age", "up", "down"),
    [
        (0.0, up_until(2), down_until(1)),
        (0.9995, up_until(2), down_until(1)),
        (1.0, up_until(2), up_until(3)),
        (2.0, down_until(3), up_until(3)),
        (2.999, down_until(3), up_until(3)),
        (3.0, up_until(5), down_until(4)),
        (300.0, up_until(302), down_until(301)),
    ],
)
def test_flapping(age: float, up: Stance, down: Stance) -> None:
    """2 s up and 1 s down, from either."""
    assert Flapping(2000, 1000).stance(age) == up
    assert Flapping(2000, 1000, starts_down=True).stance(age) == down


def test_a_rounding_error_is_no_time() -> None:
    """Who looks at the moment of a change sees what comes behind it."""
    fault = Flapping(100, 200)
    for number in range(1, 3000):
        moment = (1_000.7 + number * 0.3) - 1_000.7
        assert fault.stance(moment) == up_until((number * 300 + 100) / 1000)


@pytest.mark.parametrize(
    ("place", "age", "stance"),
    [
        (1, 0.0, down_until(3)),
        (1, 3.0, Stance()),
        (2, 0.0, up_until(5)),
        (2, 5.0, down_until(8)),
        (2, 8.0, Stance()),
        (3, 9.0, up_until(10)),
        (3, 12.5, down_until(13)),
        (3, 1e6, Stance()),
    ],
)
def test_rolling_restart(place: int, age: float, stance: Stance) -> None:
    """Each once, in the order of their numbers."""
    assert RollingRestart(3000, 5000).stance(age, place) == stance


# --- over sockets, under the virtual clock ------------------------------------------------


async def ask(port: int, method: str, path: str, body: Any = None) -> tuple[End, bytes]:
    """How one answer ends for its client, or its connection."""
    try:
        return await sweep.ask(port, method, path, body)
    except Broken as broken:
        return broken.end, b""


def seen(fault: Fault, times: list[float], servers: int = 1) -> list[list[End]]:
    """How each server answers at some times after the fault was set on all."""

    async def main(clock: VirtualClock) -> list[list[End]]:
        async with Fleet((0,) * servers, clock=clock) as fleet:
            begun = clock.now()
            await fleet.behave(None, fault)
            found = []
            for when in times:
                await clock.sleep_until(begun + when)
                found.append([(await ask(port, "GET", "/api/version"))[0] for port in fleet.ports])
            await fleet.behave(None, Normal())
            assert (await ask(fleet.ports[0], "GET", "/api/version"))[0] is End.COMPLETE
            return found

    return virtual(main)


UP, DOWN = [End.COMPLETE], [End.REFUSED]


def test_a_server_that_flaps() -> None:
    """Up, down, up, down."""
    found = seen(Flapping(2000, 1000), [0, 1.9, 2.1, 2.9, 3.1, 4.9, 5.1])
    assert found == [UP, UP, DOWN, DOWN, UP, UP, DOWN]


def test_a_fleet_that_is_restarted() -> None:
    """One after the other, then all are there."""
    found = seen(RollingRestart(1000, 2000), [0.5, 1.5, 2.5, 3.5, 4.5, 99], servers=3)
    assert found == [
        DOWN + UP + UP,
        UP * 3,
        UP + DOWN + UP,
        UP * 3,
        UP + UP + DOWN,
        UP * 3,
    ]


def test_a_crash_takes_all_with_it() -> None:
    """The answer in progress is reset, memory is lost; healing begins anew."""

    async def main(clock: VirtualClock) -> None:
        async with Fleet(clock=clock) as fleet:
            (port,) = fleet.ports
            server = fleet.server(port)
            assert (await ask(port, "POST", "/api/chat", CHAT))[0] is End.COMPLETE
            assert server.loaded_model == "test-model:latest"
            async with asyncio.TaskGroup() as group:
                answer = group.create_task(ask(port, "POST", "/api/chat", CHAT))
                await clock.sleep_until(clock.now() + 0.1)
                await server.behave(Crash())
            end, came = answer.result()
            assert end is End.RESET
            assert 0 < came.count(b"\n") < 20
            assert (await ask(port, "GET", "/"))[0] is End.REFUSED
            journal = fleet.journal
            assert len(journal.where(Stopped)) == 1
            assert [record.why for record in journal.where(ModelUnloaded)] == ["restarted"]
            await clock.sleep_until(clock.now() + 60)
            await server.behave(Normal())
            assert [round(record.seconds) for record in journal.where(Restarted)] == [60]
            assert server.loaded_model is None
            assert (await ask(port, "GET", "/"))[0] is End.COMPLETE
            assert How.RST in {record.how for record in journal.where(Closed, by="us")}

    virtual(main)
