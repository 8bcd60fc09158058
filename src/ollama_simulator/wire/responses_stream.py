"""The order of the events in a stream of `/v1/responses`.

Source: compatibility specification 9.3 to 9.6.

Rules of this file:

1. Every event has the next number. Items count up from 0, but not always: a message that is open
   when a call or a thought comes keeps its place, and they take it, too. Ollama does so.
2. Once a call was sent, later text is dropped, unless the stream is one that searches.

It must not import another dialect.
"""

import random
from collections.abc import Callable, Iterable

from ollama_simulator.golang import gojson
from ollama_simulator.model import Done, Token, ToolCall
from ollama_simulator.wire.responses_object import (
    Echo,
    Object,
    function_call,
    message,
    part,
    reasoning,
    search_call,
    usage,
)

_TEXT = (
    b"event: response.output_text.delta\n"
    b'data: {"content_index":0,"delta":%b,"item_id":"%b","logprobs":[],"output_index":%d,'
    b'"sequence_number":%d,"type":"response.output_text.delta"}\n\n'
)

IDS = 999_999
"""The numbers in ids are below this."""


class Stream:
    """The events of one response, printed."""

    def __init__(
        self, id: str, message_id: str, echo: Echo, now: Callable[[], int], ids: random.Random
    ) -> None:
        self._id = id
        self._message_id = message_id
        self._echo = echo
        self._now = now
        self._ids = ids
        self._sequence = 0
        self._index = 0
        self._items: list[Object] = []
        """Those that are complete."""
        self._text: list[str] | None = None
        """The pieces of the message that is open."""
        self._thinking: list[str] = []
        self._thinking_id = ""
        """Empty if no thought is open."""
        self._called = False

    def say(self, event: Token | Done) -> list[bytes]:
        """What one event of ours leads to."""
        if type(event) is Token and self._text is not None and self._is_text_alone(event):
            return [self._more_text(event.text)]
        out = self.begin()
        if event.thinking:
            out += self._think(event.thinking)
        if event.calls:
            out += self._finish_thinking() + self.call(event.calls)
            self._called = True
        elif event.text and not self._called:
            out += self._write(event.text)
        if isinstance(event, Done):
            counts = (event.usage.prompt_tokens, event.usage.tokens) if event.usage else (0, 0)
            out += self.complete(*counts)
        return out

    def begin(self) -> list[bytes]:
        """The first two events, if nothing was said yet."""
        if self._sequence:
            return []
        kinds = ("response.created", "response.in_progress")
        return [self._event(kind, response=self._response("in_progress", [])) for kind in kinds]

    def call(self, calls: Iterable[ToolCall]) -> list[bytes]:
        """Calls of the client's tools, each at once."""
        out = []
        for n, call in enumerate(calls):
            item = function_call(f"fc_{self._draw()}_{n}", call)
            at = {"output_index": self._index}
            of = {"item_id": item["id"], **at}
            begun = {**item, "status": "in_progress", "arguments": ""}
            kind = "response.function_call_arguments"
            out += [
                self._event("response.output_item.added", item=begun, **at),
                self._event(f"{kind}.delta", delta=call.arguments, **of),
                self._event(f"{kind}.done", arguments=call.arguments, **of),
                self._done(item, self._index),
            ]
            self._items.append(item)
            self._index += 1
        return out

    def complete(self, prompt_tokens: int, tokens: int) -> list[bytes]:
        """The end of the response."""
        out = self._finish_thinking()
        output = list(self._items)
        if self._text is not None:
            item = message(self._message_id, "".join(self._text))
            output.append(item)
            if not self._called:
                out += self._message_done(item)
        response = self._response("completed", output or None)
        response["completed_at"] = self._now()
        response["usage"] = usage(prompt_tokens, tokens)
        return [*out, self._event("response.completed", response=response)]

    # --- searches ----------------------------------------------------------------------------

    def finish_message(self) -> list[bytes]:
        """Close the message that is open, so that another may follow."""
        if self._text is None:
            return []
        item = message(self._message_id, "".join(self._text))
        out = self._message_done(item)
        self._items.append(item)
        self._text = None
        self._index += 1
        self._message_id = f"msg_{self._id.removeprefix('resp_')}_{self._index}"
        return out

    def start_search(self, id: str, query: str) -> list[bytes]:
        """A web search begins."""
        out = self._finish_thinking()
        begun = search_call(id, query, "in_progress")
        out.append(self._event("response.output_item.added", item=begun, output_index=self._index))
        for state in ("in_progress", "searching"):
            kind = f"response.web_search_call.{state}"
            out.append(self._event(kind, item_id=id, output_index=self._index))
        self._index += 1
        return out

    def finish_search(self, id: str, query: str) -> list[bytes]:
        """The search that began last has found something."""
        index = self._index - 1
        item = search_call(id, query)
        self._items.append(item)
        kind = "response.web_search_call.completed"
        return [self._event(kind, item_id=id, output_index=index), self._done(item, index)]

    def fail(self, code: str, text: str, prompt_tokens: int, tokens: int) -> list[bytes]:
        """The response ends because of an error."""
        response = {
            "id": self._id,
            "object": "response",
            "status": "failed",
            "model": self._echo.model,
            "output": [],
            "error": {"code": code, "message": text},
            "usage": {
                "input_tokens": prompt_tokens,
                "output_tokens": tokens,
                "total_tokens": prompt_tokens + tokens,
            },
        }
        return [*self.begin(), self._event("response.failed", response=response)]

    # --- parts of the above ------------------------------------------------------------------

    def _think(self, thinking: str) -> list[bytes]:
        out = []
        if not self._thinking_id:
            self._thinking_id = f"rs_{self._draw()}"
            self._thinking = []
            begun = {"id": self._thinking_id, "type": "reasoning", "summary": []}
            kind = "response.output_item.added"
            out.append(self._event(kind, item=begun, output_index=self._index))
        self._thinking.append(thinking)
        kind = "response.reasoning_summary_text.delta"
        return [*out, self._event(kind, delta=thinking, summary_index=0, **self._thought())]

    def _finish_thinking(self) -> list[bytes]:
        if not self._thinking_id:
            return []
        thinking = "".join(self._thinking)
        item = reasoning(self._thinking_id, thinking)
        kind = "response.reasoning_summary_text.done"
        out = [
            self._event(kind, text=thinking, summary_index=0, **self._thought()),
            self._done(item, self._index),
        ]
        self._items.append(item)
        self._thinking_id = ""
        self._index += 1
        return out

    def _write(self, text: str) -> list[bytes]:
        out = self._finish_thinking()
        if self._text is None:
            self._text = []
            begun = {**message(self._message_id, ""), "status": "in_progress", "content": []}
            out += [
                self._event("response.output_item.added", item=begun, output_index=self._index),
                self._event("response.content_part.added", part=part(""), **self._content()),
            ]
        return [*out, self._more_text(text)]

    def _is_text_alone(self, event: Token) -> bool:
        """Whether a piece only goes on with the message, as most pieces do."""
        lone = bool(event.text) and not event.thinking and not event.calls
        return lone and not self._thinking_id and not self._called

    def _more_text(self, text: str) -> bytes:
        """A piece of the message that is open. Its keys are sorted already."""
        assert self._text is not None, "a message is open"
        self._text.append(text)
        self._sequence += 1
        said = gojson.encode(text)
        id = self._message_id.encode()
        return _TEXT % (said, id, self._index, self._sequence - 1)

    def _message_done(self, item: Object) -> list[bytes]:
        (content,) = item["content"]
        said = {"text": content["text"], "logprobs": []}
        return [
            self._event("response.output_text.done", **said, **self._content()),
            self._event("response.content_part.done", part=content, **self._content()),
            self._done(item, self._index),
        ]

    def _done(self, item: Object, index: int) -> bytes:
        return self._event("response.output_item.done", item=item, output_index=index)

    def _thought(self) -> Object:
        return {"item_id": self._thinking_id, "output_index": self._index}

    def _content(self) -> Object:
        return {"item_id": self._message_id, "output_index": self._index, "content_index": 0}

    def _response(self, status: str, output: list[Object] | None) -> Object:
        return self._echo.streamed(self._id, self._now(), status, output)

    def _event(self, kind: str, **fields: object) -> bytes:
        fields["type"] = kind
        fields["sequence_number"] = self._sequence
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + gojson.encode_sorted(fields) + b"\n\n"

    def _draw(self) -> int:
        return self._ids.randrange(IDS)
