"""Faults of a narrow line: what they have the performer and the exchange do."""

from __future__ import annotations

import math

import pytest

from ollama_simulator.acts import Act, Throttle
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.bandwidth import Bandwidth
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.trickle import Trickle
from ollama_simulator.model import Refusal
from tests.engine.driving import Machine, virtual
from tests.faults.acting import STREAM, WHOLE, bent, collected, exchange, request, scripted


@pytest.mark.parametrize("acts", [STREAM, WHOLE])
@pytest.mark.parametrize(
    ("fault", "throttle"),
    [
        (Trickle(), Throttle(16, pause=0.02)),
        (Trickle(1, 1500), Throttle(1, pause=1.5)),
        (Bandwidth(10_000), Throttle(100, per_byte=1e-4)),
        (Bandwidth(5.0), Throttle(1, per_byte=0.2)),
        (Bandwidth(1e12), Throttle(16 * 1024, per_byte=1e-12)),
    ],
)
def test_what_is_performed(fault: Fault, throttle: Throttle, acts: tuple[Act, ...]) -> None:
    """From the first byte on; the acts are the honest ones."""
    assert bent(fault, acts) == [throttle, *acts]


def read_at(rate: float) -> tuple[float, bytes]:
    """When a body of 10 bytes was read that was there at once, and the body."""

    async def main(clock: VirtualClock) -> tuple[float, bytes]:
        made = exchange(Machine(clock), request(body=b"0123456789"))
        made.reading_rate = rate
        body = await made.body()
        return clock.now(), body

    return virtual(main)


@pytest.mark.parametrize(("rate", "seconds"), [(math.inf, 0.0), (5.0, 2.0), (0.5, 20.0)])
def test_a_request_is_read_no_faster(rate: float, seconds: float) -> None:
    """Whatever comes of it: the body is the same."""
    assert read_at(rate) == (seconds, b"0123456789")


def test_a_body_that_comes_late_is_no_faster_for_it() -> None:
    """Uploads are read at the rate, too, and a broken one is told as it is."""

    async def main(clock: VirtualClock) -> tuple[float, list[bytes], str]:
        asked = request(body=b"01234", end=False)
        made = exchange(Machine(clock), asked)
        made.reading_rate = 10.0
        found = []
        try:
            async for piece in made.upload():
                found.append(piece)
                asked.body.fail("unexpected EOF")
        except Refusal as refusal:
            return clock.now(), found, refusal.message
        raise AssertionError("it was taken for whole")

    assert virtual(main) == (0.5, [b"01234"], "unexpected EOF")


@pytest.mark.parametrize(
    ("fault", "rate"), [(Bandwidth(), math.inf), (Bandwidth(1.0, 700.0), 700.0)]
)
def test_bandwidth_of_requests(fault: Bandwidth, rate: float) -> None:
    """Left out, they are read as they come."""

    async def main(clock: VirtualClock) -> float:
        made = exchange(Machine(clock))
        await collected(fault.around(made, scripted(STREAM)))
        return made.reading_rate

    assert virtual(main) == rate
