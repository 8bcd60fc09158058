"""The smaller `/v1/responses` of the profile 0.13.5.

Source: compatibility specification 15 (0.13.3).

Rules of this file:

1. The object has seven members, and the events of a stream show four of them: nothing of the
   request is echoed, nothing is said of annotations and log probabilities.
2. In the final output there are calls or the message, never both.

It must not import another dialect.
"""

import random

from ollama_simulator.golang import gojson
from ollama_simulator.model import Done, Token, ToolCall
from ollama_simulator.wire.answer import Whole
from ollama_simulator.wire.responses_object import Object, function_call, reasoning
from ollama_simulator.wire.responses_stream import IDS


def old_object(id: str, message_id: str, created: int, model: str, said: Whole) -> bytes:
    """A whole answer, as it is sent."""
    output: list[Object] = []
    if said.thinking:
        output.append(reasoning(f"rs_{id}", said.thinking))
    if said.calls:
        output += [_whole_call(f"fc_{id}_{n}", call) for n, call in enumerate(said.calls)]
    else:
        output.append(_message(message_id, said.text))
    shown = {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": "completed",
        "model": model,
        "output": output,
        "usage": _usage(said.prompt_tokens, said.tokens),
    }
    return gojson.encode(shown) + b"\n"


class OldStream:
    """The events of one response, printed."""

    def __init__(self, id: str, message_id: str, ids: random.Random) -> None:
        self._id = id
        self._message_id = message_id
        self._ids = ids
        self._sequence = 0
        self._index = 0
        self._calls: list[Object] = []
        self._text: list[str] | None = None
        self._thinking: list[str] = []
        self._thinking_id = ""
        self._thought = False
        """Whether the only item of thinking is complete."""

    def say(self, event: Token | Done) -> list[bytes]:
        """What one event of ours leads to."""
        out = []
        if not self._sequence:
            for kind in ("response.created", "response.in_progress"):
                out.append(self._event(kind, response=self._response("in_progress", [])))
        if event.thinking:
            out += self._think(event.thinking)
        if event.calls:
            out += self._finish_thinking() + self._call(event.calls)
        elif event.text and not self._calls:
            out += self._write(event.text)
        if isinstance(event, Done):
            counts = (event.usage.prompt_tokens, event.usage.tokens) if event.usage else (0, 0)
            out += self._complete(*counts)
        return out

    def _think(self, thinking: str) -> list[bytes]:
        out = []
        if not self._thinking_id:
            self._thinking_id = f"rs_{self._draw()}"
            begun = {"id": self._thinking_id, "type": "reasoning", "summary": []}
            out.append(self._item("added", begun, self._index))
        self._thinking.append(thinking)
        kind = "response.reasoning_summary_text.delta"
        of = {"item_id": self._thinking_id, "output_index": self._index}
        return [*out, self._event(kind, delta=thinking, **of)]

    def _finish_thinking(self) -> list[bytes]:
        if not self._thinking_id or self._thought:
            return []
        self._thought = True
        thinking = "".join(self._thinking)
        of = {"item_id": self._thinking_id, "output_index": self._index}
        self._index += 1
        return [
            self._event("response.reasoning_summary_text.done", text=thinking, **of),
            self._item("done", reasoning(self._thinking_id, thinking), self._index - 1),
        ]

    def _call(self, calls: tuple[ToolCall, ...]) -> list[bytes]:
        out = []
        for n, call in enumerate(calls):
            item = function_call(f"fc_{self._draw()}_{n}", call)
            self._calls.append(item)
            # The items of later events begin at the same place again.
            index = self._index + n
            of = {"item_id": item["id"], "output_index": index}
            kind = "response.function_call_arguments"
            out += [
                self._item("added", {**item, "status": "in_progress", "arguments": ""}, index),
                self._event(f"{kind}.delta", delta=call.arguments, **of),
                self._event(f"{kind}.done", arguments=call.arguments, **of),
                self._item("done", item, index),
            ]
        return out

    def _write(self, text: str) -> list[bytes]:
        out = self._finish_thinking()
        if self._text is None:
            self._text = []
            begun = {**_message(self._message_id, ""), "status": "in_progress", "content": []}
            out += [
                self._item("added", begun, self._index),
                self._event("response.content_part.added", part=_part(""), **self._content()),
            ]
        self._text.append(text)
        return [*out, self._event("response.output_text.delta", delta=text, **self._content())]

    def _complete(self, prompt_tokens: int, tokens: int) -> list[bytes]:
        out = self._finish_thinking()
        output: list[Object] = []
        if self._thinking_id:
            output.append(reasoning(self._thinking_id, "".join(self._thinking)))
        output += self._calls
        if self._text is not None and not self._calls:
            text = "".join(self._text)
            item = _message(self._message_id, text)
            output.append(item)
            out += [
                self._event("response.output_text.done", text=text, **self._content()),
                self._event("response.content_part.done", part=_part(text), **self._content()),
                self._item("done", item, self._index),
            ]
        response = self._response("completed", output or None)
        response["usage"] = _usage(prompt_tokens, tokens)
        return [*out, self._event("response.completed", response=response)]

    def _content(self) -> Object:
        return {"item_id": self._message_id, "output_index": self._index, "content_index": 0}

    def _response(self, status: str, output: list[Object] | None) -> Object:
        return {"id": self._id, "object": "response", "status": status, "output": output}

    def _item(self, what: str, item: Object, index: int) -> bytes:
        return self._event(f"response.output_item.{what}", item=item, output_index=index)

    def _event(self, kind: str, **fields: object) -> bytes:
        fields["type"] = kind
        fields["sequence_number"] = self._sequence
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + gojson.encode_sorted(fields) + b"\n\n"

    def _draw(self) -> int:
        return self._ids.randrange(IDS)


def _part(text: str) -> Object:
    return {"type": "output_text", "text": text}


def _message(id: str, text: str) -> Object:
    return {
        "id": id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [_part(text)],
    }


def _whole_call(id: str, call: ToolCall) -> Object:
    item = function_call(id, call)
    del item["status"]
    return {key: value for key, value in item.items() if value}


def _usage(prompt_tokens: int, tokens: int) -> Object:
    return {
        "input_tokens": prompt_tokens,
        "output_tokens": tokens,
        "total_tokens": prompt_tokens + tokens,
    }
