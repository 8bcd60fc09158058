"""Scripts for recordings of the compat routes: from the native lines, or from the answer itself.

Source: compat specification 18.

Rules of this file:

1. A native line becomes one token with the same text, thinking or calls, marked for the model's
   path by the engine; an error line becomes what makes a real server say it.
2. Without native lines the expected answer tells what was generated.

It must not import anything of this package but `script`, `recording` and `scripts`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ollama_simulator.golden.recording import Native, Recording
from ollama_simulator.golden.scripts import GAP_MS, LOAD_MS, PROMPT_TOKENS, TOKENS
from ollama_simulator.script import Alternative, Call, Load, Refuse, Script, Step, Vectors

EMBED_TOKENS = 3
"""Tokens of an input, as the recorded stand-in counts them."""

_CHAT_ERROR = "llama-server chat error: "
_BAD_JSON = "error unmarshalling llama-server response: "
_BAD_ARGUMENTS = re.compile(r'llama-server returned invalid tool call arguments for "(.*?)": ')


def script_for(recording: Recording) -> Script:
    """What the model's runner does in a compat recording."""
    if recording.native is not None:
        return from_native(recording.native)
    return from_answer(recording)


def from_native(native: Native) -> Script:
    """A script that makes the native endpoint stream these lines."""
    lines = [json.loads(line) for line in native.lines if line]
    if native.status != 200:
        error = lines[0]["error"]
        if error.startswith(_CHAT_ERROR):
            return _answer([*_error(error)], None)
        return _answer([], None, refuse=Refuse(native.status, error))
    steps: list[Step] = []
    reason = None
    counts: dict[str, int] = {}
    for line in lines:
        if "error" in line:
            steps += _error(line["error"])
            continue
        if line["done"]:
            reason = line["done_reason"]
            counts = {
                "prompt_tokens": line.get("prompt_eval_count", 0),
                "tokens": line.get("eval_count", 0),
            }
        steps += _steps(line)
    return _answer(steps, reason, **counts)


def _answer(steps: list[Step], reason: str | None, **more: Any) -> Script:
    fields: dict[str, Any] = {"prompt_tokens": PROMPT_TOKENS, "tokens": TOKENS} | more
    return Script(
        answer=tuple(steps),
        done_reason=reason,
        gap_ms=GAP_MS / 10,
        prompt_ms=0.0,
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
    if thinking := message.get("thinking"):
        yield Step(thinking=thinking, **likely)
    if content := message["content"]:
        yield Step(content=content, **likely)
    if calls := message.get("tool_calls"):
        yield Step(tool_calls=tuple(_call(call) for call in calls))


def _call(call: dict[str, Any]) -> Call:
    function = call["function"]
    return Call(function["name"], json.dumps(function["arguments"]), call.get("id", ""))


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


# --- from the answer ----------------------------------------------------------------------


def from_answer(recording: Recording) -> Script:
    """A script that a recorded answer of a compat route tells."""
    steps: list[Step] = []
    reason = "stop"
    for event in _documents(recording.reply.body):
        match event:
            case {"data": [{"embedding": first}, *_]}:
                return _embeddings(first)
            case {"choices": [{"text": str(text), "finish_reason": finish}]}:
                steps += [Step(content=text)] if text else []
                reason = finish or reason
            case {"type": "response.output_text.delta", "delta": str(text)}:
                steps.append(Step(content=text))
            case {"type": "content_block_delta", "delta": {"text": str(text)}}:
                steps.append(Step(content=text))
            case {"object": "response", "output": [*items]}:
                steps += [step for item in items for step in _item(item)]
            case {"type": "message", "content": [*blocks]}:
                steps += [step for block in blocks for step in _item(block)]
    return _answer(steps, reason)


def _documents(body: bytes) -> Iterator[Any]:
    """The JSON of a body: all of it, or the data of each server-sent event."""
    text = body.decode("utf-8", "replace")
    for piece in [text] if text.startswith("{") else re.findall(r"(?m)^data: (.*)$", text):
        try:
            yield json.loads(piece)
        except ValueError:
            continue


def _embeddings(vector: Any) -> Script:
    if isinstance(vector, str):
        return Script(embeddings=Vectors(prompt_tokens=EMBED_TOKENS))
    vectors = Vectors(default=tuple(vector), prompt_tokens=EMBED_TOKENS)
    return Script(embeddings=vectors, load=Load(delay_ms=LOAD_MS))


def _item(item: dict[str, Any]) -> Iterator[Step]:
    match item:
        case {"type": "reasoning", "encrypted_content": str(text)}:
            yield Step(thinking=text)
        case {"type": "message", "content": [*parts]}:
            for part in parts:
                yield Step(content=part["text"])
        case {"type": "text", "text": str(text)}:
            yield Step(content=text)
        case {"type": "function_call", "name": name, "arguments": text, "call_id": id}:
            yield Step(tool_calls=(Call(name, text, id),))
        case {"type": "web_search_call", "action": {"query": query}}:
            yield Step(tool_calls=(Call("web_search", {"query": query}, ""),))
        case {"type": "server_tool_use", "name": name, "input": value}:
            yield Step(tool_calls=(Call(name, value, ""),))
