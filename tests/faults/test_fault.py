"""What a fault is, where it is found, and when it has struck."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, Door, End, Hangup, Head, How, Reply, Tick
from ollama_simulator.clock import VirtualClock
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults import fault as faults
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault, any_fault, bend, known, register
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.records import Struck
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, HEAD, STREAM, WHOLE, collected, exchange, request, scripted

# --- the registry -------------------------------------------------------------------------

SEEDS = {
    "Normal",
    "Hang",
    "ConnectionRefused",
    "FailMidStream",
    "TimeoutAfterHeaders",
    "Slow",
    "HttpError",
    "ModelNotFound",
    "AbruptClose",
    "Custom",
}


def test_all_of_the_seeds_faults_are_known() -> None:
    """By their names, in order, each a value with a docstring."""
    found = known()
    assert set(found) >= SEEDS
    assert list(found) == sorted(found)
    for name, kind in found.items():
        assert kind.__name__ == name
        assert issubclass(kind, Fault)
        assert (kind.__doc__ or "").strip()
        assert kind.__struct_config__.frozen


@pytest.mark.parametrize(("name", "kind"), known().items())
def test_a_fault_has_a_file_of_its_own(name: str, kind: type[Fault]) -> None:
    """It is called like the fault, so that who looks for one finds it."""
    file = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    assert kind.__module__ == f"ollama_simulator.faults.{file}"


def test_two_of_one_name_are_an_error() -> None:
    """The message names both modules."""

    class Hang(Fault, frozen=True):
        """Not the real one."""

    with pytest.raises(ValueError) as caught:
        register(Hang)
    assert str(caught.value) == (
        f"two faults are called Hang: in ollama_simulator.faults.hang and {__name__}"
    )
    assert known()["Hang"] is not Hang


def test_faults_are_read_from_json() -> None:
    """By their type, with the seed's defaults."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(any_fault())
    assert decoder.decode(b'{"type":"Normal"}') == Normal(num_tokens=20, load_delay_ms=0)
    assert decoder.decode(b'{"type":"FailMidStream","tokens_before_fail":5}') == FailMidStream(5)
    for name, kind in known().items():
        decoded = msgspec.json.decode(msgspec.json.encode({"type": name}), type=dict)
        required = [field.name for field in msgspec.structs.fields(kind) if field.required]
        if not required:
            assert decoder.decode(msgspec.json.encode(decoded)) == kind()


@pytest.mark.parametrize(
    ("json", "words"),
    [
        (b'{"type":"Nope"}', "Invalid value 'Nope' - at `$.type`"),
        (b'{"type":"Hang","x":1}', "Object contains unknown field `x`"),
        (b'{"type":"FailMidStream"}', "missing required field `tokens_before_fail`"),
        (b'{"type":"FailMidStream","tokens_before_fail":-1}', ">= 0"),
        (b'{"type":"Normal","tokens_per_sec":0}', ">= 1e-06"),
        (b'{"type":"HttpError","status_code":99,"message":""}', ">= 200"),
    ],
)
def test_bad_json_is_told_with_its_place(json: bytes, words: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(json, type=any_fault())
    assert words in str(caught.value)


def test_most_faults_leave_the_door_open() -> None:
    """Only those of `door.py` move it."""
    moved = {name for name, kind in known().items() if kind.at_the_door()}
    always = {"ConnectionRefused", "ConnectTimeout", "Frozen", "Crash"}
    assert moved == {*always, "Flapping", "RollingRestart"}
    assert {name for name in moved if known()[name].door is not Door.OPEN} == always


def test_a_plain_fault_changes_nothing() -> None:
    """`Fault.around` is the handler's reply."""

    async def main(clock: VirtualClock) -> list[Act]:
        made = exchange(Machine(clock))
        return await collected(Fault().around(made, scripted(STREAM)))

    assert virtual(main) == list(STREAM)


# --- bend ---------------------------------------------------------------------------------


class Bend(Fault, frozen=True):
    """A fault for these tests, which are told how to bend."""

    way: str

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Bend."""
        if self.way == "ignore the handler":
            yield Hangup(How.RST)
            return
        if self.way == "add at the start":
            yield Tick()
        number = 0
        async for act in handler(exchange):
            if self.way == "replace" and number == 2:
                act = Body(b"other")
            if self.way == "hang up" and number == 4:
                yield Hangup(How.FIN)
                return
            if self.way == "add in the middle" and number == 4:
                yield Body(b"more")
            if self.way == "repeat" and number == 2:
                yield act
            dropped = {"drop the first": 0, "drop one": 3, "drop a body": 4}.get(self.way)
            if number != dropped:
                yield act
            number += 1


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the honest answer one of given acts."""

    def use(acts: tuple[Act, ...]) -> None:
        monkeypatch.setattr(faults, "answer", scripted(acts))

    return use


def struck(fault: Fault, *, stop: int | None = None) -> tuple[list[Act], list[int]]:
    """The acts that came out, and how many had come before each `Struck`."""

    async def main(clock: VirtualClock) -> tuple[list[Act], list[int]]:
        machine = Machine(clock)
        made = exchange(machine)
        acts: list[Act] = []
        when: list[int] = []
        reply = made.stage(bend(made, fault))
        async for act in reply:
            if len(machine.saw(Struck)) > len(when):
                when.append(len(acts))
            acts.append(act)
            if len(acts) == stop:
                break
        await made.close()
        records = machine.saw(Struck)
        assert len(records) == len(when)
        assert all(record.fault == type(fault).__name__ for record in records)
        return acts, when

    return virtual(main)


@pytest.mark.parametrize("acts", [STREAM, WHOLE])
@pytest.mark.parametrize("fault", [Fault(), Normal(), Bend("not at all"), ConnectionRefused()])
def test_a_fault_that_changes_nothing_has_not_struck(
    script: Any, fault: Fault, acts: tuple[Act, ...]
) -> None:
    """What went in comes out, and there is no record."""
    script(acts)
    assert struck(fault) == (list(acts), [])


@pytest.mark.parametrize(
    ("way", "before"),
    [
        ("ignore the handler", 0),
        ("add at the start", 0),
        ("drop the first", 0),
        ("replace", 2),
        ("repeat", 3),
        ("drop one", 3),
        ("hang up", 4),
        ("add in the middle", 4),
        ("drop a body", 4),
    ],
)
def test_a_fault_strikes_with_its_first_change(script: Any, way: str, before: int) -> None:
    """One record, however much is changed, when the first changed act comes out."""
    script(STREAM)
    acts, when = struck(Bend(way))
    assert acts != list(STREAM)
    assert when == [before]
    assert acts[:before] == list(STREAM[:before])


def test_a_fault_that_never_comes_to_it_has_not_struck(script: Any) -> None:
    """The client left before."""
    script(STREAM)
    assert struck(Bend("hang up"), stop=4) == (list(STREAM[:4]), [])


def test_the_handler_is_pulled_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that hangs up asks the engine for no more."""
    pulled: list[Act] = []
    monkeypatch.setattr(faults, "answer", scripted(STREAM, pulled))
    struck(Bend("hang up"))
    assert pulled == list(STREAM[:5])


@pytest.mark.parametrize("stop", range(1, 12))
def test_every_stage_is_closed(stop: int) -> None:
    """However far the real answer came, closing the exchange closes the engine's events."""

    async def main(clock: VirtualClock) -> tuple[bool, bool]:
        machine = Machine(clock)
        made = exchange(machine)
        reply = made.stage(bend(made, Fault()))
        for _ in range(stop):
            await anext(reply)
        held = machine.engine.busy
        await made.close()
        await clock.sleep_until(clock.now() + 0.001)
        with pytest.raises(StopAsyncIteration):
            await anext(reply)
        return held, machine.engine.busy

    assert virtual(main) == (True, False)


@pytest.mark.parametrize(
    "fault",
    [
        FailMidStream(5),
        AbruptClose(1000),
    ],
)
def test_a_cut_that_never_came_has_not_struck(script: Any, fault: Fault) -> None:
    """A client that leaves before the cut has read what an honest server says."""
    script(STREAM)
    _, when = struck(fault, stop=5)
    assert when == []


def test_a_pace_without_anything_to_pace_has_not_struck() -> None:
    """A slow server tells its version as fast as another."""

    async def main(clock: VirtualClock) -> tuple[list[Act], int]:
        machine = Machine(clock)
        made = exchange(machine, request("GET", "/api/version", b""))
        return await collected(bend(made, Slow(1.0, 5))), len(machine.saw(Struck))

    acts, count = virtual(main)
    assert isinstance(acts[-1], End)
    assert count == 0


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Normal(), 0),
        (Normal(tokens_per_sec=65.0, num_tokens=20), 0),
        (Normal(num_tokens=3), 0),
        (Normal(load_delay_ms=1), 0),
        (Slow(1.0, 5), 1),
        (Hang(), 1),
        (FailMidStream(3), 1),
        (AbruptClose(3), 1),
        (Frozen(), 0),
    ],
)
def test_struck_on_a_real_chat(fault: Fault, count: int) -> None:
    """Each fault on the real answer: once, or not at all."""

    async def main(clock: VirtualClock) -> int:
        machine = Machine(clock)
        made = exchange(machine, request(body=CHAT))
        await collected(bend(made, fault))
        await made.close()
        return len(machine.saw(Struck))

    assert virtual(main) == count


def test_acts_of_one_value_are_told_apart() -> None:
    """Two ticks are equal, yet dropping one of them is a change."""
    acts: tuple[Act, ...] = (Tick(), Tick(), HEAD, Body(b"x", flush=False), End())

    class DropsATick(Fault, frozen=True):
        """Drops the second tick."""

        def around(self, exchange: Exchange, handler: Handler) -> Reply:
            """Drop it."""

            async def dropping() -> AsyncGenerator[Act, None]:
                ticks = 0
                async for act in handler(exchange):
                    ticks += isinstance(act, Tick)
                    if not (isinstance(act, Tick) and ticks == 2):
                        yield act

            return dropping()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "answer", scripted(acts))
        out, when = struck(DropsATick())
    assert [type(act) for act in out] == [Tick, Head, Body, End]
    assert when == [1]
