"""What a model's runner puts out for a task: what a script says, or what nobody scripted.

Source: native specification 3.5, 5.1 and 5.7.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator

from ollama_simulator.engine.answer import bounds, scripted, unscripted
from ollama_simulator.engine.answer.output import Output
from ollama_simulator.engine.answer.paths import Way
from ollama_simulator.engine.answer.task import Task
from ollama_simulator.names import canonical


def outputs(task: Task, way: Way, seed: int, tokens: int, *, again: bool) -> Iterator[Output]:
    """All of it, in the first or the second pass. `tokens` is the length of an answer that nothing
    limits."""
    script = task.script
    if script is not None and script.answer is not None:
        said = scripted.outputs(task.wire, script, way.speech, chats=task.chats, again=again)
        if not task.chats:
            said = bounds.guarded(said)
        if script.tokens is not None:
            # Who tells what is counted has decided how long it is.
            return said
        return bounds.bounded(said, task.stops, task.limit)
    first = way.two_passes and not again
    asked = unscripted.Asked(
        seed,
        canonical(task.model.name),
        task.prompt.tokens,
        tokens,
        task.limit,
        None if first else task.format,
        way.thinks and not again,
        task.sized,
    )
    said = unscripted.outputs(asked, way.speech)
    if task.job.logprobs:
        said = unscripted.with_logprobs(said, task.job.top_logprobs)
    return bounds.bounded(said, task.stops, None) if task.stops else said
