"""Control routes for what there is to choose from: faults and hardware profiles.

Rules of this file:

1. What takes long is done in a thread, once: the servers' tokens don't wait for it.

It must not import the servers' insides.
"""

import asyncio
import functools
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

from ollama_simulator import hardware
from ollama_simulator.control.operation import Call, Example, Table
from ollama_simulator.control.problems import Problem
from ollama_simulator.faults import fault
from ollama_simulator.faults.fault import Fault
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.mistakes import instead
from ollama_simulator.schemas import alone

operation = Table("Catalogue")


class FaultInfo(msgspec.Struct, frozen=True):
    """One fault."""

    name: str
    description: str
    """What it does: the first line in short, then all of it. `code` stands in backquotes."""
    door: bool
    """Whether it works by the port, before there is a request."""
    schema: dict[str, Any]
    """The JSON Schema (2020-12) of its document."""
    example: dict[str, Any]
    """A document that can be set as it is."""


class Faults(msgspec.Struct, frozen=True):
    """Every fault."""

    faults: list[FaultInfo]
    """By name."""


class ProfileInfo(msgspec.Struct, frozen=True):
    """One hardware profile, in short."""

    name: str
    description: str
    """The machine and the model, and where the numbers are from."""
    hardware: str
    """What it is, as its maker calls it."""
    model: str
    """The model that was measured; empty for any."""
    vram_bytes: int
    """The memory for models; 0 for no limit."""
    trust: str
    """How far its numbers are to be trusted, from `A` to `D`."""


class Profiles(msgspec.Struct, frozen=True):
    """Every hardware profile that comes with the simulator."""

    profiles: list[ProfileInfo]
    """The default one first, then by name."""


WORDS = {
    "message": "out of order",
    "model_name": "no-such-model",
    "response_body": "{}",
    "content_type": "application/json",
    "status_code": 503,
}
"""Values for fields of examples by their names, where the type alone tells nothing of use."""


@operation("GET", "/faults", gives=Faults)
async def list_faults(call: Call) -> Faults:
    """Every fault: what it does, its fields, and an example.

    Each is set as a behaviour (`PUT /servers/{name}/behavior`), as a rule
    (`POST /servers/{name}/rules`), or for one request by the header `X-Simulator-Fault`.
    """
    return await asyncio.to_thread(_faults)


@operation(
    "GET",
    "/faults/{name}",
    gives=FaultInfo,
    problems=("UnknownFault",),
    examples=(Example(path={"name": "Hang"}),),
)
async def get_fault(call: Call) -> FaultInfo:
    """One fault."""
    known = {each.name: each for each in (await asyncio.to_thread(_faults)).faults}
    name = call.path["name"]
    if name not in known:
        raise Problem("UnknownFault", f"there is no fault {name!r}; {instead(name, list(known))}")
    return known[name]


@operation("GET", "/profiles", gives=Profiles)
async def list_profiles(call: Call) -> Profiles:
    """Every hardware profile that comes with the simulator."""
    return await asyncio.to_thread(_profiles)


@operation(
    "GET",
    "/profiles/{name}",
    gives=HardwareProfile,
    problems=("UnknownProfile",),
    examples=(Example(path={"name": "rtx-4090-llama3-8b"}),),
)
async def get_profile(call: Call) -> HardwareProfile:
    """One hardware profile, with all its numbers. What is not told is nothing, or no limit."""
    name = call.path["name"]
    if name not in (there := hardware.names()):
        raise Problem("UnknownProfile", f"there is no profile {name!r}; {instead(name, there)}")
    return hardware.named(name)


@functools.cache
def _profiles() -> Profiles:
    return Profiles([_short(hardware.named(name)) for name in hardware.names()])


@functools.cache
def _faults() -> Faults:
    return Faults(
        [
            FaultInfo(
                name=name,
                description=cleandoc(kind.__doc__ or ""),
                door=kind.at_the_door(),
                schema=alone(kind),
                example=example(kind),
            )
            for name, kind in fault.known().items()
        ]
    )


def example(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A document of a fault, or of what stands in one: what must be given, and no more."""
    found: dict[str, Any] = {"type": kind.__name__} if issubclass(kind, Fault) else {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            found[field.encode_name] = WORDS.get(field.name) or _some(inspect.type_info(field.type))
    return found


def _some(kind: inspect.Type) -> Any:
    """Some value of a type; of one that is not simple, the first that it can be."""
    match kind:
        case inspect.IntType(ge=least):
            return max(5, least or 0)
        case inspect.FloatType(ge=least):
            return max(5.0, least or 0.0)
        case inspect.Metadata(type=inner):
            return _some(inner)
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return True
        case inspect.EnumType(cls=choices):
            return next(iter(choices)).value
        case inspect.LiteralType(values=choices):
            return choices[0]
        case inspect.UnionType(types=kinds):
            return _some(kinds[0])
        case inspect.StructType(cls=struct):
            return example(struct)
        case inspect.ListType() | inspect.SetType() | inspect.VarTupleType():
            return []
    return {}


def _short(profile: HardwareProfile) -> ProfileInfo:
    model = profile.model.name
    machine = f"{profile.hardware}, {model}" if model else profile.hardware
    return ProfileInfo(
        name=profile.name,
        description=f"{machine}. Numbers: {profile.source}",
        hardware=profile.hardware,
        model=model,
        vram_bytes=profile.memory.vram_bytes,
        trust=profile.trust,
    )
