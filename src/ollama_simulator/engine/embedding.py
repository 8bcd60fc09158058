"""Texts to vectors: the job of the embedding endpoints.

Source: native specification 4.9 and 4.10.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine import options
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.scheduler import Want
from ollama_simulator.engine.text import tokenize
from ollama_simulator.engine.vectors import embed
from ollama_simulator.model import (
    Abandoned,
    Answer,
    Embed,
    Embeddings,
    Event,
    Origin,
    Usage,
)


async def embeddings(machine: Machine, job: Embed, call: Call) -> AsyncGenerator[Event, None]:
    """One vector for each input, after the time that reading them takes."""
    started = machine.clock.now()
    installed = machine.store.find(job.model)
    want = Want(options.read(job.options), keep_alive=job.keep_alive, load_s=call.pace.load_s)
    async with (
        machine.scheduler.lease(installed, want, call.gone, call.see) as lease,
        lease.slot(call.gone, call.see),
    ):
        count = sum(len(tokenize(text)) for text in job.inputs)
        prompt_s = count / call.pace.prefill_tps
        if not await machine.clock.sleep_until(machine.clock.now() + prompt_s, call.gone):
            raise Abandoned(500, "context canceled", Origin.RUNNER)
        vectors = []
        for text in job.inputs:
            vectors.append(embed(text, job.dimensions))
            await machine.clock.breathe()
        usage = Usage(machine.clock.now() - started, lease.load_s, count, prompt_s, 0, 0.0)
        yield Answer(Embeddings(tuple(vectors), usage))
