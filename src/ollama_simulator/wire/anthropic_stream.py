"""The order of the events in a stream of `/v1/messages`.

Source: compatibility specification 10.4.

Rules of this file:

1. One block is open at a time. Their indices count up from 0.
2. Once a block of thinking is closed, all later thinking is dropped.
3. A call is sent once for each id, so of several without an id the first alone.

It must not import another dialect.
"""

from ollama_simulator.golang import gojson
from ollama_simulator.model import Done, Token, ToolCall
from ollama_simulator.wire.anthropic_shapes import (
    Block,
    Counts,
    Delta,
    MessageStart,
    Reply,
    StreamEvent,
    call_block,
    delta,
    ending,
    start,
    stop,
    text_block,
    thinking_block,
)

_TEXT = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":'
)

STOP_REASONS = {"": "", "stop": "end_turn", "length": "max_tokens"}
"""Any other reason, in practice only `load`, becomes `stop_sequence`."""


def stop_reason(reason: str, *, called: bool) -> str:
    """Why a message ends; empty for one that broke off."""
    return "tool_use" if called else STOP_REASONS.get(reason, "stop_sequence")


class Stream:
    """The events of one message."""

    def __init__(self, id: str, model: str, estimate: int) -> None:
        self._id = id
        self._model = model
        self._estimate = estimate
        self._begun = False
        self._open = ""
        """The type of the block that is open."""
        self._index = 0
        self._thought = False
        self._sent: set[str] = set()

    def say(self, event: Token | Done) -> list[StreamEvent]:
        """What one event of ours leads to."""
        out: list[StreamEvent] = [] if self._begun else self.begin(_counts(event).input_tokens)
        if event.thinking and not self._thought:
            out += self._into("thinking", thinking_block(""))
            added = Delta("thinking_delta", thinking=event.thinking)
            out.append(delta(self._index, added))
        if event.text:
            out += self._into("text", text_block(""))
            out.append(delta(self._index, Delta("text_delta", text=event.text)))
        for call in event.calls:
            if call.id not in self._sent:
                out += self._call(call)
        if isinstance(event, Done):
            out += self.close()
            reason = stop_reason(event.reason, called=bool(self._sent))
            out += ending(reason, _counts(event))
        return out

    def more_text(self, event: Token) -> bytes | None:
        """The event of a piece of text that goes on, printed; None if the piece is anything else.

        Most pieces are such, so they take a short way.
        """
        if self._open != "text" or event.thinking or event.calls or not event.text:
            return None
        return b"%b%b}}\n\n" % (_TEXT % self._index, gojson.encode(event.text))

    def begin(self, input_tokens: int) -> list[StreamEvent]:
        """The start of the message, if it has not begun. No tokens stand for the estimate."""
        if self._begun:
            return []
        self._begun = True
        counts = Counts(input_tokens or self._estimate, 0)
        reply = Reply(self._id, "message", "assistant", self._model, (), usage=counts)
        return [MessageStart("message_start", reply)]

    def close(self) -> list[StreamEvent]:
        """Close the block that is open."""
        if not self._open:
            return []
        self._thought = self._thought or self._open == "thinking"
        self._open = ""
        self._index += 1
        return [stop(self._index - 1)]

    def whole(self, block: Block) -> list[StreamEvent]:
        """A block that is there at once; only text is added to its start."""
        first = text_block("") if block.type == "text" else block
        out = [*self.close(), start(self._index, first)]
        if isinstance(block.text, str):
            out.append(delta(self._index, Delta("text_delta", text=block.text)))
        self._index += 1
        return [*out, stop(self._index - 1)]

    def _into(self, kind: str, block: Block) -> list[StreamEvent]:
        if self._open == kind:
            return []
        out = self.close()
        self._open = kind
        return [*out, start(self._index, block)]

    def _call(self, call: ToolCall) -> list[StreamEvent]:
        self._sent.add(call.id)
        out = [*self.close(), start(self._index, call_block(call, "{}"))]
        out.append(delta(self._index, Delta("input_json_delta", partial_json=call.arguments)))
        self._index += 1
        return [*out, stop(self._index - 1)]


def _counts(event: Token | Done) -> Counts:
    if isinstance(event, Token) or event.usage is None:
        return Counts(0, 0)
    return Counts(event.usage.prompt_tokens, event.usage.tokens)
