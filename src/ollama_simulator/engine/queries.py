"""The jobs that only look: what is installed, what is loaded, and nothing at all.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine import lookup
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import cloud
from ollama_simulator.model import (
    Answer,
    Event,
    ListLoaded,
    ListModels,
    ModelMissing,
    Nothing,
    Refusal,
    Show,
)

NOTHING = Answer(None)


async def show(machine: Machine, job: Show, call: Call) -> AsyncGenerator[Event, None]:
    """Describe one installed model. What points to another host is not described offline."""
    what = cloud.MODEL_DETAILS
    if machine.settings.wire == "0.13.5" and machine.store.get(job.model) is None:
        # The old version doesn't complete the name that it complains of.
        raise Refusal(404, f"model '{job.model}' not found")
    installed = lookup.find(machine, job.model, job.path or "/api/show", what)
    lookup.refuse_stub(installed, job.model)
    model = installed.model
    if not (model.has_weights or model.remote_host or model.broken):
        # Such as one that was made of a stub: there is nothing that could be described.
        raise ModelMissing(job.model)
    if installed.model.remote_host and machine.settings.no_cloud:
        raise cloud.disabled(what)
    yield Answer(installed)


def look_at_models(machine: Machine) -> Answer:
    """The installed models."""
    return Answer(machine.store.newest_first())


def look_at_nothing(machine: Machine) -> Answer:
    """Nothing."""
    return NOTHING


async def installed(machine: Machine, job: ListModels, call: Call) -> AsyncGenerator[Event, None]:
    """List the installed models."""
    yield look_at_models(machine)


async def loaded(machine: Machine, job: ListLoaded, call: Call) -> AsyncGenerator[Event, None]:
    """List the models in memory."""
    yield Answer(machine.scheduler.listed())


async def nothing(machine: Machine, job: Nothing, call: Call) -> AsyncGenerator[Event, None]:
    """Answer at once."""
    yield look_at_nothing(machine)
