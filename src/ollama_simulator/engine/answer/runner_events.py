"""Events of a runner's stream that a script has verbatim.

Source: native specification 5.5 and 7, and the recordings `generate/final-with-content-*`,
`errors/*-malformed-*` and `errors/*-error-event-*`.

Rules of this file:

1. The runner of a conversation (path `native`) tells deltas, all others tell content.
2. What is missing says nothing; what is of another type ends the answer.
3. What comes with the end is part of the last line, not a line of its own.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ollama_simulator.engine.answer.output import End, Failure, Kind, Output, Piece
from ollama_simulator.engine.answer.parsers.native import CallPart
from ollama_simulator.engine.answer.runner_event_types import CONTENT, DELTAS
from ollama_simulator.golang import parse
from ollama_simulator.golang.decode import Place
from ollama_simulator.model import Logprob, Refusal
from ollama_simulator.settings import Profile

CLOSING = "[DONE]"
"""What a conversation's stream ends with; nobody minds if more follows."""


def outputs(wire: Profile, event: str, *, chats: bool) -> Iterator[Output]:
    """What an event comes to."""
    if chats and event == CLOSING:
        return
    try:
        value = parse.parse_all(event)
        if wire == "0.13.5":
            yield _old(parse.plain(value))
            return
        shape = DELTAS if chats else CONTENT
        told = {} if value is None else shape.read(value, Place())
    except Refusal as wrong:
        yield Failure(Kind.MALFORMED, wrong.message)
        return
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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _content(told: Mapping[str, Any]) -> Iterator[Output]:
    content = told.get("content", "")
    if told.get("stop"):
        reason = "length" if told.get("stop_type") == "limit" else "stop"
        yield _end(reason, told, Piece(content, verbatim=True))
    else:
        likely = _logprobs(told.get("completion_probabilities", ()))
        yield Piece(content, logprobs=likely, verbatim=True)


def _deltas(told: Mapping[str, Any]) -> Iterator[Output]:
    if "error" in told:
        yield Failure(Kind.REPORTED, shown(parse.plain(told["error"])))
        return
    choice: Mapping[str, Any] = next(iter(told.get("choices", ())), {})
    delta = choice.get("delta", {})
    piece = Piece(
        delta.get("content", ""),
        delta.get("reasoning_content", ""),
        tuple(map(_part, delta.get("tool_calls", ()))),
        _logprobs(choice.get("logprobs", {}).get("content", ())),
        verbatim=True,
    )
    if (reason := choice.get("finish_reason")) is not None:
        yield _end("length" if reason == "length" else "stop", told, piece)
    else:
        yield piece


def _part(call: Mapping[str, Any]) -> CallPart:
    function = call.get("function", {})
    return CallPart(
        call.get("index", 0),
        call.get("id", ""),
        function.get("name", ""),
        function.get("arguments", ""),
    )


def _logprobs(tokens: Iterable[Mapping[str, Any]]) -> tuple[Logprob, ...]:
    return tuple(
        Logprob(
            token.get("token", ""),
            _likely(token),
            tuple(
                Logprob(other.get("token", ""), _likely(other))
                for other in token.get("top_logprobs") or token.get("top_probs", ())
            ),
        )
        for token in tokens
    )


def _likely(token: Mapping[str, Any]) -> float:
    likely: float = token.get("logprob") or token.get("prob", 0.0)
    return likely


def _end(reason: str, told: Mapping[str, Any], last: Piece) -> End:
    timings = told.get("timings", {})
    return End(
        reason,
        timings.get("prompt_n", 0) + timings.get("cache_n", 0),
        timings.get("predicted_n", 0),
        timings.get("prompt_ms", 0.0) / 1000,
        timings.get("predicted_ms", 0.0) / 1000,
        last,
    )


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
