"""Events of a runner's stream that a script has verbatim.

Source: native specification 5.5 and 7, and the recordings `generate/final-with-content-*`,
`errors/*-malformed-*` and `errors/*-error-event-*`.

Rules of this file:

1. The runner of a conversation (path `native`) tells deltas, all others tell content.
2. What is missing or of another type says nothing.
3. What comes with the end is part of the last line, not a line of its own.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ollama_simulator.engine.output import End, Failure, Kind, Output, Piece
from ollama_simulator.engine.parsers.native import CallPart
from ollama_simulator.golang.unmarshal import NotJson, unmarshal
from ollama_simulator.settings import Profile

CLOSING = "[DONE]"
"""What a conversation's stream ends with."""


def outputs(wire: Profile, event: str, *, chats: bool) -> Iterator[Output]:
    """What an event comes to."""
    if chats and event == CLOSING:
        yield End(None)
        return
    try:
        told = unmarshal(event)
    except NotJson as wrong:
        yield Failure(Kind.MALFORMED, str(wrong))
        return
    if wire == "0.13.5":
        yield _old(told)
        return
    told = told if isinstance(told, dict) else {}
    yield from _deltas(told) if chats else _content(told)


def _old(told: Any) -> Output:
    """What an event of the runner of 0.13.5 comes to."""
    if not isinstance(told, dict):
        said = f"json: cannot unmarshal {_kind(told)} into Go value of type llm.CompletionResponse"
        return Failure(Kind.MALFORMED, said)
    piece = Piece(_text(told.get("content")), verbatim=True)
    if told.get("done") is not True:
        return piece
    return End(
        "length" if told.get("done_reason") == 1 else "stop",
        _count(told.get("prompt_eval_count")),
        _count(told.get("eval_count")),
        _count(told.get("prompt_eval_duration")) / 1e9,
        _count(told.get("eval_duration")) / 1e9,
        piece,
    )


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _kind(value: Any) -> str:
    match value:
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "bool"
    return "number"


def _content(told: Mapping[str, Any]) -> Iterator[Output]:
    piece = Piece(_text(told.get("content")), verbatim=True)
    if told.get("stop") is True:
        yield _end("length" if told.get("stop_type") == "limit" else "stop", told, piece)
    else:
        yield piece


def _deltas(told: Mapping[str, Any]) -> Iterator[Output]:
    if "error" in told:
        yield Failure(Kind.REPORTED, shown(told["error"]))
        return
    choices = told.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    calls = delta.get("tool_calls")
    piece = Piece(
        _text(delta.get("content")),
        _text(delta.get("reasoning_content")),
        tuple(map(_part, calls)) if isinstance(calls, list) else (),
        verbatim=True,
    )
    if reason := choice.get("finish_reason"):
        yield _end("length" if reason == "length" else "stop", told, piece)
    else:
        yield piece


def _part(call: Any) -> CallPart:
    call = call if isinstance(call, dict) else {}
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    index = call.get("index")
    return CallPart(
        index if isinstance(index, int) else 0,
        _text(call.get("id")),
        _text(function.get("name")),
        _text(function.get("arguments")),
    )


def _end(reason: str, told: Mapping[str, Any], last: Piece) -> End:
    timings = told.get("timings")
    timings = timings if isinstance(timings, dict) else {}
    numbers = {key: value for key, value in timings.items() if isinstance(value, int | float)}
    prompt = numbers.get("prompt_n", 0) + numbers.get("cache_n", 0)
    return End(
        reason,
        int(prompt),
        int(numbers.get("predicted_n", 0)),
        numbers.get("prompt_ms", 0.0) / 1000,
        numbers.get("predicted_ms", 0.0) / 1000,
        last,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def shown(value: Any) -> str:
    """A value as Go prints it for people: `%v`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            pairs = " ".join(f"{key}:{shown(value[key])}" for key in sorted(value))
            return f"map[{pairs}]"
        case list():
            return f"[{' '.join(map(shown, value))}]"
        case int() | float():
            return _number(float(value))
    return str(value)


def _number(value: float) -> str:
    exponent = Decimal(repr(value)).adjusted()
    if -4 <= exponent < 6 or value == 0:
        return repr(value).removesuffix(".0")
    mantissa = f"{Decimal(repr(value)).normalize():e}".partition("e")[0]
    return f"{mantissa}e{exponent:+03d}"
