"""The jobs that only move names: copy and delete.

Source: native specification 4.15 and 4.16.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from msgspec.structs import replace

from ollama_simulator import names
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.model import Answer, Copy, Delete, Event, ModelMissing


async def copy(machine: Machine, job: Copy, call: Call) -> AsyncGenerator[Event, None]:
    """Give a model a second name. A damaged manifest is copied as it is."""
    found = machine.store.get(job.source)
    if found is None:
        raise ModelMissing(job.source)
    target = machine.store.spelled(names.parse(job.destination)).short
    if machine.store.get(target) is not found:
        machine.store.install(replace(found.model, name=target), prune=False)
    yield Answer(None)


async def delete(machine: Machine, job: Delete, call: Call) -> AsyncGenerator[Event, None]:
    """Remove a model. If it is in memory, it stays there."""
    name = job.model
    if machine.settings.wire != "0.13.5":
        name = names.pulled(name)
    try:
        machine.store.remove(name)
    except ModelMissing:
        raise ModelMissing(job.model) from None
    yield Answer(None)
