"""Faults that tell health checks and work apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Door, Head, Hold, Wait
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.fail_health import FailHealth
from ollama_simulator.faults.fault import Fault, any_fault, known
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.liar import Liar
from ollama_simulator.faults.slow_health import SlowHealth
from tests.engine.driving import Machine, virtual
from tests.faults.acting import WHOLE, collected, exchange, request, scripted

HEALTH = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/health"),
    ("GET", "/api/version"),
    ("GET", "/api/tags?x=1"),
    ("HEAD", "/api/tags"),
    ("GET", "/api/ps"),
    ("GET", "/v1/models"),
]
WORK = [
    ("POST", "/api/chat"),
    ("POST", "/api/generate"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/api/show"),
    ("POST", "/api/tags"),
    ("GET", "/v1/models/test-model"),
    ("GET", "/nowhere"),
]


def played(fault: Fault, method: str, target: str) -> list[Act]:
    """What a fault makes of an honest answer."""

    async def main(clock: VirtualClock) -> list[Act]:
        made = exchange(Machine(clock), request(method, target, b""))
        return await collected(fault.around(made, scripted(WHOLE)))

    return virtual(main)


def status_of(acts: list[Act]) -> int | None:
    """The status of an answer; None if there is none."""
    return next((act.status for act in acts if isinstance(act, Head)), None)


@pytest.mark.parametrize(("method", "target"), HEALTH)
def test_health_checks(method: str, target: str) -> None:
    """A liar is well, a failing one is not, a slow one is late."""
    assert played(Liar(), method, target) == list(WHOLE)
    assert played(Liar(Hang()), method, target) == list(WHOLE)
    assert status_of(played(FailHealth(), method, target)) == 503
    assert played(FailHealth(Hang()), method, target) == [Hold()]
    assert played(SlowHealth(2500), method, target) == [Wait(2.5), *WHOLE]
    assert played(SlowHealth(0), method, target) == list(WHOLE)


@pytest.mark.parametrize(("method", "target"), WORK)
def test_work(method: str, target: str) -> None:
    """All the other way round."""
    assert status_of(played(Liar(), method, target)) == 500
    assert played(Liar(Hang()), method, target) == [Hold()]
    assert played(FailHealth(), method, target) == list(WHOLE)
    assert played(SlowHealth(2500), method, target) == list(WHOLE)


def test_nested_faults_are_read_from_json() -> None:
    """Whatever there is for requests, again and again, and what is wrong is told with its place."""
    read = msgspec.json.Decoder(any_fault()).decode
    assert read(b'{"type":"Liar"}') == Liar()
    inner = b'{"type":"HttpError","status_code":429,"message":"no"}'
    assert read(b'{"type":"Liar","fault":%b}' % inner) == Liar(HttpError(429, "no"))
    twice = b'{"type":"Liar","fault":{"type":"FailHealth","fault":{"type":"Hang"}}}'
    assert read(twice) == Liar(FailHealth(Hang()))
    with pytest.raises(
        msgspec.ValidationError, match=r"Invalid value 'Nope' - at `\$\.fault\.type`"
    ):
        read(b'{"type":"Liar","fault":{"type":"Nope"}}')
    with pytest.raises(msgspec.ValidationError, match=r"`\$\.fault\.status_code`"):
        read(b'{"type":"Liar","fault":{"type":"HttpError","status_code":9,"message":""}}')


@pytest.mark.parametrize("outer", ["Liar", "FailHealth"])
@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        *((kind.__name__, {}, "works before there is a request")
          for kind in known().values() if kind.at_the_door()),
        ("Normal", {}, "leaves health checks alone"),
        ("Slow", {"tokens_per_sec": 1.0, "num_tokens": 5}, "leaves health checks alone"),
    ],
)  # fmt: skip
def test_what_can_not_stand_within(
    outer: str, name: str, fields: dict[str, Any], words: str
) -> None:
    """Refused when it is set, not when it would strike."""
    given = msgspec.json.encode({"type": outer, "fault": {"type": name, **fields}})
    with pytest.raises(msgspec.ValidationError, match=f"fault: {name} {words}"):
        msgspec.json.decode(given, type=any_fault())


def test_they_leave_the_door_open() -> None:
    assert {kind.door for kind in (Liar, FailHealth, SlowHealth)} == {Door.OPEN}
