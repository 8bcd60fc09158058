"""What a script lets the runner put out.

Source: native specification 13 (`script`), 5.7 (both passes of a formatted answer).

Rules of this file:

1. `raw` and `event` are the runner's own words; the rest is worded for the model's path.
2. In the second pass the model has thought already: thoughts are left out, all else is repeated.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator

import msgspec

from ollama_simulator.engine.answer import runner_events
from ollama_simulator.engine.answer.output import End, Failure, Kind, Output, Pause, Piece
from ollama_simulator.engine.answer.speech import Speech
from ollama_simulator.model import Logprob
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Profile


def outputs(
    wire: Profile, script: Script, speech: Speech, *, chats: bool, again: bool
) -> Iterator[Output]:
    """The answer of a script that has one.

    `chats`: whether the runner makes the prompt of a conversation itself; `again`: whether it
    is the second pass.
    """
    for step in script.answer or ():
        if again and step.thinking is not None:
            continue
        for _ in range(step.repeat):
            for output in _done(wire, step, speech, chats):
                yield output
                if isinstance(output, Failure | End):
                    return
    yield _end(script)


def _done(wire: Profile, step: Step, speech: Speech, chats: bool) -> Iterator[Output]:
    if step.wait_ms is not None:
        yield Pause(step.wait_ms / 1000)
    elif step.error is not None:
        yield Failure(Kind.TOLD, step.error, step.status)
    elif step.crash is not None:
        yield Failure(Kind.CRASH, step.crash)
    elif step.reset is not None:
        yield Failure(Kind.RESET)
    elif step.event is not None:
        yield from runner_events.outputs(wire, step.event, chats=chats)
    else:
        pieces = _spoken(step, speech)
        if pieces and (likely := _logprobs(step)):
            pieces = (*pieces[:-1], msgspec.structs.replace(pieces[-1], logprobs=likely))
        yield from pieces


def _spoken(step: Step, speech: Speech) -> tuple[Piece, ...]:
    if step.raw is not None:
        return (Piece(step.raw, verbatim=True),)
    if step.content is not None:
        return speech.say(step.content)
    if step.thinking is not None:
        return speech.think(step.thinking)
    return speech.call(step.tool_calls or ())


def _logprobs(step: Step) -> tuple[Logprob, ...]:
    if step.logprob is None:
        return ()
    text = next(word for word in (step.raw, step.content, step.thinking, "") if word is not None)
    top = tuple(Logprob(other.token, other.logprob) for other in step.top)
    return (Logprob(text, step.logprob, top),)


def _end(script: Script) -> End:
    reason = script.done_reason
    if reason is not None and reason != "length":
        reason = "stop"
    return End(reason, script.prompt_tokens, script.tokens)
