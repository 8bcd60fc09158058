"""One simulated machine: jobs in, events out, at the right times.

Rules of this file:

1. It knows who does which job, and nothing of how it is done.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

from ollama_simulator.clock import Interrupt
from ollama_simulator.engine import queries
from ollama_simulator.engine.embedding import embeddings
from ollama_simulator.engine.generate import generate
from ollama_simulator.engine.machine import Call, Machine, Pace
from ollama_simulator.engine.registry import account, create, manage, pull, push, uploads
from ollama_simulator.engine.searching import search
from ollama_simulator.model import (
    Account,
    Answer,
    CloudCall,
    CloudStatus,
    Copy,
    Create,
    Delete,
    Embed,
    Event,
    FindBlob,
    Infer,
    Job,
    ListLoaded,
    ListModels,
    Nothing,
    Pull,
    Push,
    PutBlob,
    Show,
    WebSearch,
)
from ollama_simulator.records import See

JOBS: dict[type[Job], Callable[[Machine, Any, Call], AsyncGenerator[Event, None]]] = {
    Infer: generate,
    Embed: embeddings,
    Show: queries.show,
    ListModels: queries.installed,
    ListLoaded: queries.loaded,
    Nothing: queries.nothing,
    WebSearch: search,
    Pull: pull.pull,
    Push: push.push,
    Create: create.create,
    Copy: manage.copy,
    Delete: manage.delete,
    FindBlob: uploads.find_blob,
    PutBlob: uploads.put_blob,
    Account: account.account,
    CloudCall: account.cloud_call,
    CloudStatus: account.cloud_status,
}
"""Who does which job."""
LOOKS: dict[type[Job], Callable[[Machine], Answer]] = {
    ListModels: queries.look_at_models,
    Nothing: queries.look_at_nothing,
}
"""Those that only look, and never wait: what they find."""


class Engine(Machine):
    """The machine behind one server."""

    def looking(self, job: Job) -> Callable[[], Answer]:
        """What does a job that only looks, again and again. The answer's value is the same object
        until what there is changes."""
        return partial(LOOKS[type(job)], self)

    def run(
        self, job: Job, pace: Pace, gone: Interrupt, see: See, *, flows: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Do a job; one that `flows` may offer flows among its events. Raises `ModelMissing`,
        `Refusal`, or `Abandoned` when `gone` fires.

        What the job holds is free when the generator is closed.
        """
        return JOBS[type(job)](self, job, Call(pace, gone, see, flows))
