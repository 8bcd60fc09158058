"""Faults and profiles over the control API."""

from __future__ import annotations

import json
from typing import Literal

import jsonschema
import msgspec
import pytest

from ollama_simulator import hardware, overriding
from ollama_simulator.acts import How
from ollama_simulator.control import catalogue
from ollama_simulator.faults import fault
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.hardware import HardwareProfile
from tests.control.api import controlled
from tests.net.loops import on_each_loop

FAULTS = {told.name: told for told in catalogue._faults().faults}


@pytest.mark.parametrize("name", fault.known())
def test_a_fault_is_told(name: str) -> None:
    """With a schema that is one, and an example that conforms to it and can be read."""
    told, kind = FAULTS[name], fault.known()[name]
    assert told.door is kind.at_the_door()
    assert told.description.splitlines()[0] == (kind.__doc__ or "").splitlines()[0]
    assert "\n    " not in told.description
    jsonschema.Draft202012Validator.check_schema(told.schema)
    schema = jsonschema.Draft202012Validator(told.schema)
    assert schema.is_valid(told.example)
    assert not schema.is_valid({**told.example, "more": 1})
    read = msgspec.convert(told.example, fault.any_fault())
    assert type(read) is kind
    assert schema.is_valid(msgspec.to_builtins(read))
    if not kind.at_the_door():
        assert overriding.asked_for(json.dumps(told.example)).rule.fault == read


@on_each_loop
async def test_every_fault_can_be_set() -> None:
    async with controlled() as api:
        status, shown = await api("GET", "/faults")
        assert (status, [each["name"] for each in shown["faults"]]) == (200, list(fault.known()))
        rules = [{"fault": each["example"]} for each in shown["faults"]]
        status, server = await api("POST", "/servers", {"rules": rules})
        assert status == 201
        told = [active["rule"]["fault"]["type"] for active in server["rules"]]
        assert told == list(fault.known())
        one = next(each for each in shown["faults"] if each["name"] == "Liar")
        assert await api("GET", "/faults/Liar") == (200, one)


@on_each_loop
async def test_fields_of_faults_are_described() -> None:
    async with controlled() as api:
        _, shown = await api("GET", "/faults/Stall")
        fields = shown["schema"]["properties"]
        assert len(fields) > 1
        assert all("description" in fields[name] for name in fields if name != "type")
        told = await api.problem(404, "UnknownFault", "GET", "/faults/Stal")
        assert "did you mean Stall?" in told["detail"]


@on_each_loop
async def test_every_profile_is_told() -> None:
    async with controlled() as api:
        status, shown = await api("GET", "/profiles")
        assert (status, [each["name"] for each in shown["profiles"]]) == (200, hardware.names())
        name = "rtx-4090-llama3-8b"
        short = next(each for each in shown["profiles"] if each["name"] == name)
        assert short["model"] in short["description"]
        answer = await api.client.get(f"/profiles/{name}")
        profile = hardware.named(name)
        assert short["vram_bytes"] == profile.memory.vram_bytes
        assert msgspec.json.decode(answer.content, type=HardwareProfile) == profile
        for unknown in ("rtx-4090-llama3-8c", "fleet.toml", "..%5Cx"):
            await api.problem(404, "UnknownProfile", "GET", f"/profiles/{unknown}")


class Odd(Fault, frozen=True):
    """A fault of somebody else, with fields of every kind."""

    number: int
    rate: float
    text: str
    flag: bool
    how: How
    word: Literal["a", "b"]
    several: list[int]
    table: dict[str, int]
    maybe: int | None
    inner: Rule


def test_a_fault_of_somebody_else_has_an_example_too() -> None:
    """Which can be read as one, as far as its fields tell what they take."""
    found = catalogue.example(Odd)
    assert list(found) == ["type", *Odd.__struct_fields__]
    read = msgspec.convert(found, Odd)
    assert (read.number, read.how, read.word, read.several) == (5, next(iter(How)), "a", [])
