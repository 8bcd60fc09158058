"""Scripts for recordings of the compat routes, from the native lines that stand in them.

Source: compat specification 18.

Rules of this file:

1. A native line becomes one token with the same text, thinking or calls, marked for the model's
   path by the engine.
2. An error line becomes what makes a real server say it.

It must not import anything of this package but `script`, `recording` and `scripts`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ollama_simulator.golden.recording import Native
from ollama_simulator.golden.scripts import GAP_MS, LOAD_MS, PROMPT_MS, PROMPT_TOKENS, TOKENS
from ollama_simulator.script import Alternative, Call, Load, Refuse, Script, Step

_CHAT_ERROR = "llama-server chat error: "
_BAD_JSON = "error unmarshalling llama-server response: "
_BAD_ARGUMENTS = re.compile(r'llama-server returned invalid tool call arguments for "(.*?)": ')


def from_native(native: Native) -> Script:
    """A script that makes the native endpoint stream these lines."""
    lines = [json.loads(line, parse_int=_number) for line in native.lines if line]
    if native.status != 200:
        error = lines[0]["error"]
        if error.startswith(_CHAT_ERROR):
            return answering([*_error(error)], None)
        return answering([], None, refuse=Refuse(native.status, error))
    steps: list[Step] = []
    reason = None
    counts: dict[str, int] = {}
    for line in lines:
        if "error" in line:
            steps += _error(line["error"])
            reason = "stop"  # unfit arguments are found at the end
            continue
        if line["done"]:
            reason = line["done_reason"]
            counts = {
                "prompt_tokens": line.get("prompt_eval_count", 0),
                "tokens": line.get("eval_count", 0),
            }
        if line["done"] and line.get("response"):
            steps.append(_last(line))
        else:
            steps += _steps(line)
    return answering(steps, reason, **counts)


def answering(steps: Sequence[Step], reason: str | None, **more: Any) -> Script:
    """A script that answers so, at the pace and with the counts of the recordings."""
    fields: dict[str, Any] = {"prompt_tokens": PROMPT_TOKENS, "tokens": TOKENS} | more
    return Script(
        answer=tuple(steps),
        done_reason=reason,
        gap_ms=GAP_MS / 10,
        prompt_ms=PROMPT_MS / 10,
        load=Load(delay_ms=LOAD_MS),
        **fields,
    )


def _steps(line: dict[str, Any]) -> Iterator[Step]:
    """What one native line says: thinking comes before content, both before calls."""
    message = line.get("message", {"content": line.get("response", ""), **line})
    likely: dict[str, Any] = {}
    for entry in line.get("logprobs", ())[:1]:
        likely["logprob"] = entry["logprob"]
        likely["top"] = tuple(
            Alternative(top["token"], top["logprob"]) for top in entry.get("top_logprobs", ())
        )
    thinking, content = message.get("thinking"), message["content"]
    if thinking and content:
        delta = {"reasoning_content": thinking, "content": content}
        yield Step(event=json.dumps({"choices": [{"delta": delta}]}))
    elif thinking:
        yield Step(thinking=thinking, **likely)
    elif content:
        yield Step(content=content, **likely)
    if calls := message.get("tool_calls"):
        yield Step(tool_calls=tuple(_call(call) for call in calls))


def _last(line: dict[str, Any]) -> Step:
    """A runner's last event that has text: only then does a last line have some."""
    timings = {
        "prompt_n": line.get("prompt_eval_count", 0),
        "prompt_ms": PROMPT_MS,
        "predicted_n": line.get("eval_count", 0),
        "predicted_ms": PROMPT_MS,
    }
    kind = "limit" if line["done_reason"] == "length" else "eos"
    event = {"content": line["response"], "stop": True, "stop_type": kind, "timings": timings}
    return Step(event=json.dumps(event))


def _number(text: str) -> int | float:
    """An integer; Python's have no negative zero, and Go's numbers do."""
    return -0.0 if text == "-0" else int(text)


def _call(call: dict[str, Any]) -> Call:
    function = call["function"]
    return Call(function["name"], function["arguments"], call.get("id", ""))


def _error(text: str) -> Iterator[Step]:
    """What makes a runner's failure read so."""
    if text.startswith(_CHAT_ERROR):
        fields = dict(re.findall(r"(code|message|type):(.*?)(?= \w+:|\]$)", text))
        error = {**fields, "code": int(fields["code"])} if "code" in fields else fields
        yield Step(event=json.dumps({"error": error}))
    elif text.startswith(_BAD_JSON):
        yield Step(event="{broken")
    elif bad := _BAD_ARGUMENTS.match(text):
        yield Step(tool_calls=(Call(bad[1], '{"a":', ""),))
    else:
        yield Step(error=text)
