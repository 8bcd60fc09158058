"""What `/v1/messages` prints: the message, its blocks, and the events of a stream.

Source: compatibility specification 10.2 to 10.4 and 10.6.

Rules of this file:

1. Keys stand in the order in which Go prints them; what is unset is left out.

It must not import another dialect.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ollama_simulator.golang import gojson
from ollama_simulator.model import Found, ToolCall


class ErrorDetail(msgspec.Struct, frozen=True):
    """What is wrong."""

    type: str
    message: str


class Error(msgspec.Struct, frozen=True):
    """An error."""

    type: str
    error: ErrorDetail
    request_id: str


class Counts(msgspec.Struct, frozen=True):
    """Tokens of a prompt and its answer."""

    input_tokens: int
    output_tokens: int


class SearchResult(msgspec.Struct, frozen=True):
    """One thing that a web search found."""

    type: str
    url: str
    title: str


class SearchError(msgspec.Struct, frozen=True):
    """Why a web search found nothing."""

    type: str
    error_code: str


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a message's content."""

    type: str
    text: str | UnsetType = UNSET
    id: str = ""
    name: str = ""
    input: Raw | UnsetType = UNSET
    tool_use_id: str = ""
    content: tuple[SearchResult, ...] | SearchError | UnsetType | None = UNSET
    thinking: str | UnsetType = UNSET


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message: whole, or at the start of a stream."""

    id: str
    type: str
    role: str
    model: str
    content: tuple[Block, ...] | None
    stop_reason: str = ""
    usage: Counts | UnsetType = UNSET


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is added to a block. An empty addition is not printed."""

    type: str
    text: str = ""
    partial_json: str = ""
    thinking: str = ""


class MessageStart(msgspec.Struct, frozen=True):
    """The first event."""

    type: str
    message: Reply


class BlockStart(msgspec.Struct, frozen=True):
    """A block begins."""

    type: str
    index: int
    content_block: Block


class BlockDelta(msgspec.Struct, frozen=True):
    """A block goes on."""

    type: str
    index: int
    delta: Delta


class BlockStop(msgspec.Struct, frozen=True):
    """A block ends."""

    type: str
    index: int


class StopReason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why the message ends."""

    stop_reason: str = ""


class MessageDelta(msgspec.Struct, frozen=True):
    """The message ends."""

    type: str
    delta: StopReason
    usage: Counts


class MessageStop(msgspec.Struct, frozen=True):
    """The last event."""

    type: str


StreamEvent = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop


def frame(event: StreamEvent) -> bytes:
    """One event of a stream."""
    return b"event: " + event.type.encode() + b"\ndata: " + gojson.encode(event) + b"\n\n"


def start(index: int, block: Block) -> BlockStart:
    """A block begins."""
    return BlockStart("content_block_start", index, block)


def delta(index: int, added: Delta) -> BlockDelta:
    """A block goes on."""
    return BlockDelta("content_block_delta", index, added)


def stop(index: int) -> BlockStop:
    """A block ends."""
    return BlockStop("content_block_stop", index)


def ending(reason: str, counts: Counts) -> list[StreamEvent]:
    """The two events at the end of a message."""
    return [MessageDelta("message_delta", StopReason(reason), counts), MessageStop("message_stop")]


# --- blocks ---------------------------------------------------------------------------------


def text_block(text: str) -> Block:
    """Text."""
    return Block("text", text=text)


def thinking_block(thinking: str) -> Block:
    """Thinking, without a signature."""
    return Block("thinking", thinking=thinking)


def call_block(call: ToolCall, arguments: str) -> Block:
    """A call of a tool, its arguments an object in JSON."""
    return Block("tool_use", id=call.id, name=call.name, input=Raw(arguments.encode()))


def search_block(id: str, query: str) -> Block:
    """A web search that the server does."""
    asked = Raw(gojson.encode({"query": query}))
    return Block("server_tool_use", id=id, name="web_search", input=asked)


def found_block(id: str, found: tuple[Found, ...]) -> Block:
    """What a web search found; Go prints a list of nothing as null."""
    results = tuple(SearchResult("web_search_result", one.url, one.title) for one in found)
    return Block("web_search_tool_result", tool_use_id=id, content=results or None)


def failed_block(id: str, code: str) -> Block:
    """Why a web search found nothing."""
    error = SearchError("web_search_tool_result_error", code)
    return Block("web_search_tool_result", tool_use_id=id, content=error)
