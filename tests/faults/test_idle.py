"""Faults of kept connections: act by act, and over sockets."""

from __future__ import annotations

import pytest

from ollama_simulator.acts import Act, End, How, Idle
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.close_idle import CloseIdle
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import Asked, Closed, Struck
from tests.engine.driving import virtual
from tests.faults.acting import STREAM, WHOLE, bent, request
from tests.net.peers import Peer, until


@pytest.mark.parametrize("acts", [STREAM, WHOLE])
@pytest.mark.parametrize(
    ("fault", "idle"),
    [
        (CloseIdle(), Idle(How.FIN)),
        (CloseIdle(how=How.RST), Idle(How.RST)),
        (CloseIdle(0), Idle(How.FIN, 0.0)),
        (CloseIdle(1500, How.RST), Idle(How.RST, 1.5)),
    ],
)
def test_only_what_comes_behind_the_end(
    fault: CloseIdle, idle: Idle, acts: tuple[Act, ...]
) -> None:
    assert bent(fault, acts) == [*acts[:-1], End(idle)]


def test_a_client_that_wants_the_end_notices_nothing() -> None:
    """There is no connection to be kept."""
    assert bent(CloseIdle(), STREAM, request(keep_alive=False)) == list(STREAM)


def ask_twice(fault: CloseIdle, apart: float) -> tuple[list[int], How | None, int, list[How]]:
    """The statuses that a client gets that asks twice on one connection, how that ends, how often
    the fault struck, and how we ended connections."""

    async def main(clock: VirtualClock) -> tuple[list[int], How | None, int, list[How]]:
        async with Fleet(clock=clock) as fleet:
            await fleet.behave(None, fault)
            statuses = []
            async with await Peer.connect(fleet.ports[0]) as peer:
                await peer.ask("/api/version")
                statuses.append((await peer.answer())[0])
                await clock.sleep_until(clock.now() + apart)
                how = None
                try:
                    await peer.ask("/api/version")
                    statuses.append((await peer.answer())[0])
                except (AssertionError, ConnectionError) as error:
                    how = How.RST if isinstance(error, ConnectionError) else How.FIN
            journal = fleet.journal
            assert len(journal.where(Asked)) == len(statuses)
            await until(lambda: bool(journal.where(Closed)))
            ended = [record.how for record in journal.where(Closed, by="us")]
            return statuses, how, len(journal.where(Struck)), ended

    return virtual(main)


def test_closed_when_the_next_request_comes() -> None:
    """The first is answered; the second is neither read nor answered."""
    assert ask_twice(CloseIdle(), 60.0) == ([200], How.FIN, 1, [How.FIN])


def test_reset_when_the_next_request_comes() -> None:
    assert ask_twice(CloseIdle(how=How.RST), 60.0) == ([200], How.RST, 1, [How.RST])


def test_closed_after_a_while() -> None:
    """A request that comes in time is answered; one that is late meets the end."""
    assert ask_twice(CloseIdle(1000), 0.9)[0] == [200, 200]
    statuses, how, _, _ = ask_twice(CloseIdle(1000), 1.1)
    assert statuses == [200]
    assert how is not None
