"""What is checked before a job gets to a model, in the order of Ollama's handlers.

Source: native specification 3.3, 4.7, 4.8 and 8; 11 for 0.13.5.

Rules of this file:

1. None of these checks waits, loads or queues.
2. Names in complaints are as they were typed, but the capabilities `tools` and `insert` are
   missed of the model's full name.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.engine import lookup, options
from ollama_simulator.engine.machine import Machine
from ollama_simulator.engine.registry import cloud
from ollama_simulator.model import Infer, Installed, Model, Refusal
from ollama_simulator.settings import Settings


class Checked(msgspec.Struct, frozen=True):
    """A job that may go on."""

    job: Infer
    """With `think` decided."""
    options: Mapping[str, Any]
    """The model's own, and the request's above them."""


def find(machine: Machine, job: Infer) -> Installed:
    """The model that is meant. Raises `ModelMissing`, or `Refusal` for one of the cloud."""
    path = job.path or f"/api/{job.kind}"
    exact = machine.settings.wire == "0.13.5" and job.kind == "chat"
    installed = lookup.find(machine, job.model, path, exact=exact)
    if installed.model.broken:
        raise Refusal(500, installed.model.broken)
    if machine.settings.wire != "0.13.5":
        lookup.refuse_stub(installed, job.model)
    return installed


def remote(machine: Machine, job: Infer, model: Model) -> None:
    """Raise `Refusal` for a stub of a model that runs elsewhere."""
    if model.remote_host:
        now = machine.clock.wall_ns()
        raise cloud.stub(machine.settings, model.remote_host, f"/api/{job.kind}", now)


def check(settings: Settings, model: Model, job: Infer) -> Checked:
    """All that is checked of a job for a local model. Raises `Refusal`."""
    if job.kind == "generate":
        _check_generate(model, job)
        refuse_level(settings, model, job)
    think = _think(model, job)
    if "completion" not in model.capabilities:
        raise Refusal(400, f'"{job.model}" does not support {job.kind}')
    full = names.parse(model.name).full
    if job.tools and "tools" not in model.capabilities:
        raise Refusal(400, f"{full} does not support tools")
    if job.suffix and job.kind == "generate" and "insert" not in model.capabilities:
        raise Refusal(400, f"{full} does not support insert")
    asked = {**options.read(model.parameters), **options.read(job.options)}
    if think is not job.think:
        job = msgspec.structs.replace(job, think=think)
    return Checked(job, asked)


def _check_generate(model: Model, job: Infer) -> None:
    if "image" in model.capabilities:
        raise Refusal(400, "image generation models are not currently supported")
    if job.raw and (job.template or job.system or job.context):
        raise Refusal(400, "raw mode does not support template, system, or context")


def refuse_level(settings: Settings, model: Model, job: Infer) -> None:
    """Raise `Refusal` if the model can't be told how hard to think.

    Of a chat that is said only when all but the runner's answer is there.
    """
    if settings.wire == "0.13.5" and isinstance(job.think, str) and model.path != "harmony":
        said = f'think value "{job.think}" is not supported for this model'
        raise Refusal(400, said)


def _think(model: Model, job: Infer) -> bool | str | None:
    """Whether the model is to think, and how hard."""
    able = "thinking" in model.capabilities
    if job.think is None:
        return True if able else None
    if job.think and not able:
        if job.think_if_able:
            return None
        raise Refusal(400, f'"{job.model}" does not support thinking')
    return job.think


def pictures(model: Model, job: Infer) -> None:
    """Raise `Refusal` for more pictures than the model looks at."""
    family = "mllama" in (model.family, *(model.families or ()))
    if job.kind == "generate" and family and len(job.images) > 1:
        said = "this model only supports one image while more than one image requested"
        raise Refusal(400, said)
