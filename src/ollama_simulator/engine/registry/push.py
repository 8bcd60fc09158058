"""Sending a model to a registry.

Source: native specification 4.12.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator import names
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import remote
from ollama_simulator.engine.registry.layers import layers_of
from ollama_simulator.engine.registry.pull import TICK_S, progress, wait
from ollama_simulator.model import Event, Layer, Model, Progress, Push
from ollama_simulator.registry import Offer, Registry
from ollama_simulator.settings import Profile

_NO_NAME: dict[Profile, str] = {"0.33": "unqualified name: {}", "0.13.5": "file does not exist"}
"""What is said of an invalid name."""


async def push(machine: Machine, job: Push, call: Call) -> AsyncGenerator[Event, None]:
    """Send a model, file by file. The registry holds nothing new afterwards."""
    yield Progress("retrieving manifest")
    name = names.parse(machine.store.spelled(names.parse(job.model)).short)
    try:
        model = _installed(machine, name)
    except remote.Unreachable as error:
        yield Progress("couldn't retrieve manifest")
        raise remote.failed(str(error)) from None
    for layer in layers_of(model):
        try:
            rest = f"blobs/sha256:{layer.digest}"
            registry = remote.ask(machine.settings, "Head", name, rest, job.insecure)
        except remote.Unreachable as error:
            raise remote.failed(str(error)) from None
        if _holds(registry, name, layer):
            yield progress("pushing", layer.digest, layer.size, layer.size)
            continue
        async for event in _upload(machine, layer, call):
            yield event
    yield Progress("pushing manifest")
    yield Progress("success")


def _installed(machine: Machine, name: names.Name) -> Model:
    """The model of this name. Raises `Unreachable` with why its manifest can't be read."""
    if not name.valid:
        raise remote.Unreachable(_NO_NAME[machine.settings.wire].format(name.full))
    found = machine.store.get(name.short)
    if found is None:
        path = "/".join(name)
        where = f"{machine.settings.models}/manifests/{path}"
        raise remote.Unreachable(f"open {where}: no such file or directory")
    if found.model.broken:
        raise remote.Unreachable(found.model.broken)
    return found.model


def _holds(registry: Registry, name: names.Name, layer: Layer) -> bool:
    """Whether the registry has a file already."""
    offers = [held.model for held in registry.offers]
    found = remote.find(registry, name)
    if isinstance(found, Offer):
        offers.append(found.model)
    return any(layer in layers_of(model) for model in offers)


async def _upload(machine: Machine, layer: Layer, call: Call) -> AsyncGenerator[Event, None]:
    """A line every 60 ms, the last one when all of it is sent."""
    begun = tick = machine.clock.now()
    rate = machine.settings.pull_bytes_per_second
    done = -1
    while done < layer.size:
        tick += TICK_S
        await wait(machine, tick, call)
        done = min(layer.size, round((tick - begun) * rate))
        yield progress("pushing", layer.digest, layer.size, done)
