"""What the tests of pull, push and create share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.registry.blobs import Intake
from ollama_simulator.engine.registry.layers import text_layer
from ollama_simulator.model import Create, Event, Job, Layer, Model, Progress, Refusal
from ollama_simulator.registry import Offer, Registry
from ollama_simulator.settings import Settings
from tests.engine.driving import Machine, virtual

HOST = "10.0.0.1:5000"
RATE = 1_000_000.0
"""Bytes a second."""


def layer(kind: str, size: int, name: str = "") -> Layer:
    """A layer with a digest of its own."""
    return Layer(kind, text_layer(kind, f"{kind} {name}").digest, size)


def model(name: str, *layers: Layer, **fields: Any) -> Model:
    """A model of these layers."""
    size = sum(each.size for each in layers)
    fields = {"family": "llama", "parameter_size": "1.2B", "quantization_level": "F16"} | fields
    return Model(name=name, size=size, digest="d" * 64, layers=layers, **fields)


def settings(*offers: Offer, **fields: Any) -> Settings:
    """A server with one registry that speaks plain HTTP."""
    registry = Registry(host=HOST, tls=False, offers=offers, **fields)
    return Settings(registries=(registry,), pull_bytes_per_second=RATE, models="/m")


def worked(
    job: Job, *, models: tuple[Model, ...] = (), up: Settings | None = None, **files: bytes
) -> tuple[list[Event], Refusal | None, Machine]:
    """What a job said, how it failed, and the machine afterwards."""

    async def main(clock: VirtualClock) -> tuple[list[Event], Refusal | None, Machine]:
        machine = Machine(clock, models=models, settings=up)
        for data in files.values():
            put(machine, data)
        said: list[Event] = []
        try:
            async for event in machine.run(job):
                said.append(event)
        except Refusal as refusal:
            return said, refusal, machine
        return said, None, machine

    return virtual(main)


def put(machine: Machine, data: bytes) -> str:
    """Upload a file. Returns its digest as clients write it."""
    intake = Intake()
    intake.add(data)
    digest, blob = intake.finish()
    machine.store.blobs[digest] = blob
    return f"sha256:{digest}"


def digest_of(data: bytes) -> str:
    """A file's digest as clients write it."""
    intake = Intake()
    intake.add(data)
    return f"sha256:{intake.finish()[0]}"


def statuses(events: list[Event]) -> list[str]:
    """The texts of the lines."""
    assert all(isinstance(event, Progress) for event in events)
    return [event.status for event in events if isinstance(event, Progress)]


def created(
    fields: Mapping[str, Any], *, models: tuple[Model, ...] = (), **files: bytes
) -> tuple[list[str], Refusal | None, Machine]:
    """The lines of a creation of `new`, how it failed, and the machine afterwards."""
    up = Settings(models="/m", registries=())
    said, refusal, machine = worked(Create("new", fields), models=models, up=up, **files)
    return statuses(said), refusal, machine
