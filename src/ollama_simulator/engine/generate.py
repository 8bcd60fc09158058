"""One generation: from the request to its last token.

Rules of this file:

1. It tells time by its clock only, and its deadlines are absolute: token k is due k / rate
   after the prompt was evaluated, however late token k-1 was.
2. The cache holds what was really evaluated and generated (seed facts, "KV cache and tokens").

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator import records
from ollama_simulator.engine import options
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.scheduler import Want
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.model import Abandoned, Done, Event, Infer, Message, Origin, Token, Usage
from ollama_simulator.names import canonical

STALL_S = 0.25
"""A job whose reader takes longer than this for a token goes on from then, at its pace, instead of
catching up in a burst. Our own lateness is another matter: it is caught up, so nothing drifts."""
BREATH = 64
"""Tokens after which others have their turn, even if the next ones are due already."""

_CANCELED = "error reading llama-server response: context canceled"


async def generate(machine: Machine, job: Infer, call: Call) -> AsyncGenerator[Event, None]:
    """Answer a prompt, or load or unload the model."""
    clock, memory, pace = machine.clock, machine.memory, call.pace
    started = clock.now()
    installed = machine.store.find(job.model)
    if job.empty and job.keep_alive == 0:
        machine.scheduler.unload(installed)
        yield Done("unload", None)
        return
    asked = options.read(job.options)
    limit = asked.get("num_predict", 0)
    limit = limit if limit > 0 else None
    want = Want(asked, job.shift, job.keep_alive, load_s=pace.load_s)
    async with machine.scheduler.lease(installed, want, call.gone, call.see) as lease:
        if job.empty:
            yield Done("load", None)
            return
        async with lease.slot(call.gone, call.see):
            prompt = prompt_tokens(job.messages or (Message("user", job.prompt),))
            cached = memory.match(lease.runner, prompt) if job.uses_cache else 0
            prompt_s = (len(prompt) - cached) / pace.prefill_tps
            due = clock.now() + prompt_s
            text: list[str] = []
            evaluated = False
            try:
                if not await clock.sleep_until(due, call.gone):
                    raise Abandoned(500, _CANCELED, Origin.RUNNER)
                evaluated = True
                call.see(records.Evaluated, prompt=len(prompt), cached=cached, seconds=prompt_s)
                first = due
                count = pace.tokens if limit is None else limit
                for piece in pieces(machine.seed, canonical(installed.model.name), prompt, count):
                    due = first + (len(text) + 1) / pace.decode_tps
                    if not await clock.sleep_until(due, call.gone):
                        raise Abandoned(500, _CANCELED, Origin.RUNNER)
                    text.append(piece)
                    made = clock.now()
                    yield Token(piece)
                    if (held := clock.now() - made) > STALL_S:
                        first += held
                    if len(text) % BREATH == 0:
                        await clock.breathe()
            finally:
                if job.uses_cache and evaluated:
                    memory.remember(lease.runner, [*prompt, "<|assistant|>", *text])
                elif job.uses_cache:
                    rest = round(max(0.0, due - clock.now()) * pace.prefill_tps + 0.5)
                    memory.remember(lease.runner, prompt[: max(cached, len(prompt) - rest)])
            yield Done(
                "stop" if limit is None else "length",
                Usage(
                    total_s=clock.now() - started,
                    load_s=lease.load_s,
                    prompt_tokens=len(prompt),
                    prompt_s=prompt_s,
                    tokens=len(text),
                    generation_s=due - first,
                ),
            )
