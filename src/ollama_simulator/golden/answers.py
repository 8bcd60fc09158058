"""Scripts for recordings that tell nothing of the model but the answer itself.

Source: compat specification 18, 9.6 and 10.6 (searches of the web: the model is asked again).

Rules of this file:

1. A streamed piece becomes one token; a whole answer becomes one token for each item of it.
2. Where the server searched, what comes before belongs to one answer of the model, and what comes
   after to the next.

It must not import anything of this package but `script` and its own folder.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ollama_simulator.golden.native_lines import answering, from_native
from ollama_simulator.golden.recording import Recording
from ollama_simulator.golden.scripts import LOAD_MS
from ollama_simulator.golden.world import world
from ollama_simulator.model import Found
from ollama_simulator.script import Call, Load, Script, Step, Vectors

NO_QUERY = "web_search requires a non-empty string query"
TOO_MANY = "web_search exceeded the maximum"


def scripts_for(recording: Recording) -> list[Script]:
    """What the model's runner does in a compat recording, one script for each time it is asked."""
    if recording.native is not None:
        return [from_native(recording.native)]
    if recording.request.path == "/v1/embeddings":
        runner = world().runner
        vectors = Vectors(default=runner.vector, prompt_tokens=runner.embed_tokens)
        return [Script(embeddings=vectors, load=Load(delay_ms=LOAD_MS))]
    answers = _Answers()
    for document in _documents(recording.reply.body):
        for said in _said(document):
            answers.add(said)
    return answers.scripts()


def searches(recording: Recording) -> tuple[Found, ...] | None:
    """What the server's searches of the web find; None where the answer says that none can."""
    failed = b'"web_search_tool_result_error","error_code":"unavailable"' in recording.reply.body
    return None if failed or not recording.compat else world().found


class _Answers:
    """The model's answers, one after the other.

    An answer whose end isn't told just ends, as a runner's answer without a last word does.
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._calls: list[Call] = []
        self._done: list[Script] = []
        self._reason: str | None = None

    def add(self, said: Step | Call | str) -> None:
        """A piece, a call, or the reason of the end."""
        match said:
            case Call(name="web_search"):
                self._close()
                self._calls.append(said)
            case Call():
                self._calls.append(said)
            case Step():
                if any(call.name == "web_search" for call in self._calls):
                    self._close()
                self._steps.append(said)
            case str():
                self._reason = said

    def scripts(self) -> list[Script]:
        """All of them; the last is given for ever."""
        script = self._script()
        return [*self._done, script]

    def _close(self) -> None:
        if any(call.name == "web_search" for call in self._calls):
            self._reason = "stop"  # a model that calls ends its answer
            self._done.append(msgspec.structs.replace(self._script(), times=1))

    def _script(self) -> Script:
        steps = [*self._steps]
        if self._calls:
            steps.append(Step(tool_calls=tuple(self._calls)))
        self._steps, self._calls = [], []
        return answering(steps, self._reason)


def _documents(body: bytes) -> Iterator[Any]:
    """The JSON of a body: all of it, or the data of each server-sent event."""
    text = body.decode("utf-8", "replace")
    for piece in [text] if text.startswith("{") else re.findall(r"(?m)^data: (.*)$", text):
        try:
            yield json.loads(piece)
        except ValueError:
            continue


def _said(document: Any) -> Iterator[Step | Call | str]:
    """What the model said in one document of an answer."""
    match document:
        case {"choices": [{"text": str(text), "finish_reason": finish}]}:
            yield from [Step(content=text)] if text else []
            yield from _reason(finish)
        case {"choices": [{"delta": said, "finish_reason": finish}]} | {
            "choices": [{"message": said, "finish_reason": finish}]
        }:
            yield from _message(said)
            yield from _reason(finish)
        case {"object": "response", "output": [*items]} | {"type": "message", "content": [*items]}:
            for item in items:
                yield from _item(item)
            yield from _reason(document.get("stop_reason", "stop"))
        case {"type": "response.completed"}:
            yield "stop"
        case {"type": "message_delta", "delta": {"stop_reason": str(finish)}}:
            yield from _reason(finish)
        case {"type": "response.output_text.delta", "delta": str(text)}:
            yield Step(content=text)
        case {"type": "response.reasoning_summary_text.delta", "delta": str(text)}:
            yield Step(thinking=text)
        case {"type": "response.output_item.done", "item": {"type": type} as item}:
            if type in ("function_call", "web_search_call"):
                yield from _item(item)
        case {"type": "content_block_start", "content_block": {"type": type} as item}:
            if type in ("server_tool_use",):
                yield from _item(item)
        case {"type": "content_block_delta", "delta": {"text": str(text)}}:
            yield Step(content=text)
        case {"type": "content_block_delta", "delta": {"thinking": str(text)}}:
            yield Step(thinking=text)
        case {"response": {"error": {"message": str(error)}}} | {"error": {"message": str(error)}}:
            if error == NO_QUERY or error.startswith(TOO_MANY):
                query = "" if error == NO_QUERY else "x"
                yield Call("web_search", {"query": query}, "")
                yield "stop"


def _reason(finish: str | None) -> Iterator[str]:
    """Why the model stopped, in the words of its runner."""
    if finish:
        yield "length" if finish in ("length", "max_tokens") else "stop"


def _message(message: dict[str, Any]) -> Iterator[Step | Call]:
    """A message of a chat, or what a chunk adds to it."""
    if thinking := message.get("reasoning"):
        yield Step(thinking=thinking)
    if content := message.get("content"):
        yield Step(content=content)
    for call in message.get("tool_calls", ()):
        yield Call(call["function"]["name"], call["function"]["arguments"], call["id"])


def _item(item: dict[str, Any]) -> Iterator[Step | Call]:
    """An item of a response, or a block of a message."""
    match item:
        case {"type": "reasoning", "encrypted_content": str(text)} if text:
            yield Step(thinking=text)
        case {"type": "thinking", "thinking": str(text)} if text:
            yield Step(thinking=text)
        case {"type": "message", "content": [*parts]}:
            for part in parts:
                yield from [Step(content=part["text"])] if part["text"] else []
        case {"type": "text", "text": str(text)} if text:
            yield Step(content=text)
        case {"type": "function_call", "name": name, "arguments": text, "call_id": identity}:
            yield Call(name, text, identity)
        case {"type": "web_search_call", "action": {"query": query}}:
            yield Call("web_search", {"query": query}, "")
        case {"type": "server_tool_use" | "tool_use", "name": name, "input": value}:
            yield Call(name, value, "")
