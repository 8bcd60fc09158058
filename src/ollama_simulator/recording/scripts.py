"""Makes scripts of recorded answers of `/api/chat` and `/api/generate`.

Rules of this file:

1. An exchange that a script can't say is left out, and told, with the reason.
2. Pieces are said as they were recorded, and at their times, but for what marks of thoughts and
   calls take: a script has one gap for all tokens, and pauses where that is too short.

It must not import anything of this package but `script` and its own folder.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ollama_simulator.recording.entries import Exchange, Request
from ollama_simulator.recording.reading import Tape
from ollama_simulator.script import Call, Load, Script, Step

PATHS = ("/api/chat", "/api/generate")
LOADED_MS = 500.0
"""A start of the model that took longer than so many milliseconds is one; less is what every
request of a loaded model tells."""
PAUSE_MS = 5.0
"""Milliseconds that a piece may come too soon, without a pause before it."""
MARKS = 3
"""Tokens that may come before the first piece, and behind the last thought: marks, which nobody
sees."""
SETTLING = 8
"""Pieces whose times tell little of the gap."""


class LeftOut(msgspec.Struct, frozen=True):
    """An exchange of which no script was made."""

    line: int
    why: str


class Converted(msgspec.Struct, frozen=True):
    """What became of a recording."""

    scripts: tuple[Script, ...]
    left_out: tuple[LeftOut, ...]


class _Cannot(Exception):
    """No script says this. The text says why."""


class _Line(msgspec.Struct):
    """A line of an answer, and when it was there: milliseconds since the request was whole."""

    at: float
    said: dict[str, Any]


class _Told(msgspec.Struct):
    """What a server tells of its time, in milliseconds."""

    load_ms: float
    prompt_ms: float
    generated_ms: float


def convert(tape: Tape) -> Converted:
    """The scripts by which a server says what was recorded."""
    found: list[tuple[str, Script]] = []
    left_out: list[LeftOut] = []
    for each in tape.exchanges:
        try:
            found.append(_script(each.exchange))
        except _Cannot as reason:
            left_out.append(LeftOut(each.line, str(reason)))
    return Converted(tuple(_told_apart(found)), tuple(left_out))


def _told_apart(found: Sequence[tuple[str, Script]]) -> Iterator[Script]:
    """Scripts none of which answers what another one was recorded for, each in its turn."""
    asked = [(script.model, text) for text, script in found]
    for place, (text, script) in enumerate(found):
        others = {other for model, other in asked if model == script.model and other != text}
        if text and not any(text in other for other in others):
            told = msgspec.structs.replace(script, contains=text)
        else:
            told = msgspec.structs.replace(script, matches=rf"\A{re.escape(text)}\Z")
        again = (script.model, text) in asked[place + 1 :]
        yield msgspec.structs.replace(told, times=1) if again else told


def _script(exchange: Exchange) -> tuple[str, Script]:
    """The words that were answered, and the answer. Raises `_Cannot`."""
    request, head = exchange.request, exchange.head
    path = request.target.partition("?")[0]
    if request.method != "POST" or path not in PATHS:
        raise _Cannot(f"{request.method} {path} is said by no script")
    if exchange.ended != "complete" or head is None:
        raise _Cannot(f"its answer ended `{exchange.ended}`, which is a fault's to do")
    if head.status != 200:
        raise _Cannot(f"its answer has the status {head.status}, which is a fault's to say")
    asked = _asked(request)
    lines = list(_lines(exchange))
    last = lines[-1].said if lines else {}
    if last.get("done_reason") in ("load", "unload"):
        raise _Cannot("it loads or unloads a model, and says nothing")
    steps = [(line.at, step) for line in lines for step in _steps(line.said)]
    end = lines[-1].at if lines else max(exchange.seconds - request.seconds, 0.0) * 1000
    load_ms = _ms(last.get("load_duration"))
    loaded = load_ms > LOADED_MS
    told = _Told(
        load_ms if loaded else 0.0,
        _ms(last.get("prompt_eval_duration")),
        _ms(last.get("eval_duration")),
    )
    timed = (_whole if asked.get("stream") is False else _timed)(steps, end, told)
    model = asked.get("model")
    return _text(asked, path), Script(
        model=model if isinstance(model, str) else "",
        done_reason=_reason(last),
        prompt_tokens=_count(last.get("prompt_eval_count")),
        tokens=_count(last.get("eval_count")),
        load=Load(delay_ms=round(load_ms, 1)) if loaded else None,
        **timed,
    )


def _asked(request: Request) -> dict[str, Any]:
    data = request.body.data if request.body is not None else b""
    if data is None:
        raise _Cannot("its body was too large to be kept")
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Cannot("its body is no JSON object")
    return value


def _text(asked: dict[str, Any], path: str) -> str:
    """What a script is matched on: the last message, or the prompt."""
    text = asked.get("prompt", "")
    if path == "/api/chat":
        messages = asked.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else {}
        text = last.get("content", "") if isinstance(last, dict) else ""
    return text if isinstance(text, str) else ""


def _lines(exchange: Exchange) -> Iterator[_Line]:
    """The JSON objects of an answer. Raises `_Cannot`."""
    rest = b""
    for place, piece in enumerate(exchange.pieces, 1):
        at = max(piece.seconds - exchange.request.seconds, 0.0) * 1000
        rest += piece.data or b""
        *lines, rest = rest.split(b"\n")
        if place == len(exchange.pieces):
            lines.append(rest)
        for line in lines:
            if not line.strip():
                continue
            try:
                said = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError):
                raise _Cannot("its answer is not in JSON") from None
            if not isinstance(said, dict):
                raise _Cannot("its answer has a line that is no object")
            yield _Line(at, said)


def _steps(said: dict[str, Any]) -> Iterator[Step]:
    """What the model did in a line."""
    message = said.get("message", said)
    if not isinstance(message, dict):
        raise _Cannot("its answer has a message that is no object")
    if thinking := message.get("thinking"):
        yield Step(thinking=str(thinking))
    if content := message.get("content") or message.get("response"):
        yield Step(content=str(content))
    if calls := message.get("tool_calls"):
        yield Step(tool_calls=tuple(map(_call, calls)))
    if error := said.get("error"):
        yield Step(error=str(error))


def _call(call: Any) -> Call:
    try:
        function = call["function"]
        return msgspec.convert(
            {"name": function["name"], "arguments": function["arguments"], "id": call.get("id")},
            Call,
        )
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError):
        raise _Cannot("its answer has a call that is none") from None


def _timed(steps: Sequence[tuple[float, Step]], end: float, told: _Told) -> dict[str, Any]:
    """An answer that came piece by piece, with pauses where the usual gap is too short."""
    if not steps:
        return {"answer": (), "prompt_ms": round(max(end - told.load_ms, 0.0), 1)}
    times = [at for at, _ in steps]
    gap = _gap(times)
    first = max(times[0] - told.load_ms, 0.0)
    prompt = told.prompt_ms if 0 < told.prompt_ms <= first else first
    out: list[Step] = []
    due = times[0]
    if first - prompt > max(PAUSE_MS, MARKS * gap):
        # A queue, or whatever else the server doesn't tell of.
        out.append(Step(wait_ms=round(first - prompt, 1)))
    thought = False
    for at, step in [*steps, (end, None)]:
        if thought and step is not None and step.thinking is None and at - due <= MARKS * gap:
            due = at
        thought = step is not None and step.thinking is not None
        if at - due > max(PAUSE_MS, gap / 2):
            pause = round(at - due, 1)
            out.append(Step(wait_ms=pause))
            due += pause
        if step is not None:
            out.append(step)
        due += gap
    return {"answer": tuple(out), "prompt_ms": round(prompt, 1), "gap_ms": gap}


def _gap(times: Sequence[float]) -> float:
    """The longest gap with which no piece is later than recorded, in milliseconds; the first few
    of many don't count, for a jitter of theirs would be that of all."""
    counted = enumerate(times[1:], 1)
    skipped = SETTLING if len(times) > 4 * SETTLING else 0
    gaps = (float(at - times[0]) / place for place, at in counted if place > skipped)
    return math.floor(min(gaps, default=0.0) * 10 + 0.01) / 10


def _whole(steps: Sequence[tuple[float, Step]], end: float, told: _Told) -> dict[str, Any]:
    """An answer that came at once, when all of it was made."""
    generated = min(told.generated_ms, max(end - told.load_ms, 0.0))
    answer = [step for _, step in steps]
    if generated:
        answer.append(Step(wait_ms=round(generated, 1)))
    prompt = max(end - told.load_ms - generated, 0.0)
    return {"answer": tuple(answer), "prompt_ms": round(prompt, 1), "gap_ms": 0.0}


def _reason(last: dict[str, Any]) -> str | None:
    reason = last.get("done_reason")
    return reason if reason in ("stop", "length") else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _ms(nanoseconds: Any) -> float:
    return nanoseconds / 1e6 if isinstance(nanoseconds, int | float) else 0.0
