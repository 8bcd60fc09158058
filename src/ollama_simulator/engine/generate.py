"""Chat and generate: from the request to its last token.

Source: native specification 4.7, 4.8 and 5.

Rules of this file:

1. The order of what is looked at is that of Ollama's handlers.
2. Whatever way it ends, what it holds is free afterwards.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine import checks
from ollama_simulator.engine.answer.generation import Run
from ollama_simulator.engine.answer.task import read, task
from ollama_simulator.engine.flowing import flowing
from ollama_simulator.engine.lease import Want
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.model import Done, Event, Infer, Rendered

STALL_S = 0.25
"""A job whose reader takes longer than these real seconds for a token goes on from then, at its
pace, instead of catching up in a burst. Our own lateness is another matter: it is caught up, so
nothing drifts."""
BREATH = 64
"""Tokens after which others have their turn, even if the next ones are due already."""


async def generate(machine: Machine, job: Infer, call: Call) -> AsyncGenerator[Event, None]:
    """Answer a prompt, or load or unload the model, or show the prompt."""
    started = machine.clock.now()
    installed = checks.find(machine, job)
    model = installed.model
    if job.kind == "generate":
        checks.remote(machine, job, model)
    if job.empty and job.keep_alive == 0:
        machine.scheduler.unload(installed)
        yield Done("unload", None)
        return
    if job.kind == "chat":
        checks.remote(machine, job, model)
    checked = checks.check(machine.settings, model, job)
    script = machine.scripts.take(job, model.name)
    want = Want(
        checked.options,
        job.shift,
        job.keep_alive,
        load=script.load if script is not None else None,
        load_s=call.pace.load_s,
    )
    async with machine.scheduler.lease(installed, want, call.gone, call.see) as lease:
        await lease.greet(call.gone)
        if job.empty:
            yield Done("load", None)
            return
        context = lease.runner.context
        prompt = read(model, checked.job, script, context)
        if job.debug:
            yield Rendered(prompt.text, prompt.images)
            return
        checks.refuse_level(machine.settings, model, checked.job)
        asked = task(
            machine.settings.wire, model, checked, script, prompt, context, shifts=lease.shifts
        )
        run = Run(machine, asked, call, lease, started)
        run.check(again=False)
        await lease.render(len(asked.prompt.tokens), call.gone)
        async with lease.seat(run.visit, call.gone, call.see) as seat:
            clock, gone = machine.clock, call.gone
            said = 0
            run.sits(seat)
            try:
                for again in (False, True):
                    paced = run.reads(again=again)
                    if not (await seat.made(0) and await clock.sleep_until(paced, gone)):
                        raise run.abandoned
                    run.evaluated(again=again)
                    outputs = run.outputs(again=again)
                    while (output := next(outputs, None)) is not None:
                        if not (seat.timeless or await seat.made(run.token(output))):
                            raise run.abandoned
                        due = run.due(output)
                        if gone.fired or (
                            due > clock.now() and not await clock.sleep_until(due, gone)
                        ):
                            raise run.abandoned
                        made = clock.now()
                        if (event := run.says(output, made)) is not None:
                            yield event
                            if gone.in_write:
                                # The stream ends where its reader can't be written to.
                                return
                            written = clock.now()
                            clock.lateness.add(written - due)
                            if written - made > STALL_S * clock.speed:
                                run.stalled(written - made)
                        said += 1
                        if said % BREATH == 0:
                            await clock.breathe()
                        if run.switches and run.switched and not again:
                            break
                        if call.flows and run.flows:
                            flow = flowing(run, seat, clock, outputs)
                            try:
                                if not flow.over:
                                    yield flow
                            finally:
                                flow.settle()
                            outputs = flow.rest()
                            if gone.in_write:
                                return
                            if (held := clock.now() - flow.said) > STALL_S * clock.speed:
                                run.stalled(held)
                    if not run.switched:
                        break
            finally:
                run.leaves()
