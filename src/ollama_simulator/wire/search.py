"""The web search that two dialects build in: the model calls it, the server does it.

Source: compatibility specification 9.6 and 10.6.

Rules of this file:

1. The model sees a function like any other; of several calls in one answer the first counts.
2. What was found goes back to the model as the result of its call, and it is asked again.

It must not import a dialect.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator.golang.parse import Json
from ollama_simulator.model import Found, Infer, Message, Tool, ToolCall
from ollama_simulator.wire import tools
from ollama_simulator.wire.answer import Whole

NAME = "web_search"
"""The function that the model calls."""
MOST = 3
"""How often one answer may search."""

_QUERY: dict[str, Json] = {
    "type": "object",
    "required": ["query"],
    "properties": {"query": {"type": "string", "description": "What to look for."}},
}
TOOL: Tool = tools.tool(NAME, "Looks for current information on the web.", _QUERY)


def call_in(calls: Iterable[ToolCall]) -> ToolCall | None:
    """The call of a search, if there is one."""
    return next((call for call in calls if call.name == NAME), None)


def other_calls(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """The calls that are the client's business."""
    return tuple(call for call in calls if call.name != NAME)


def query_in(call: ToolCall) -> str:
    """What is searched for; empty if the call doesn't say it in a string."""
    query = (tools.arguments_in(call.arguments) or {}).get("query")
    return query if isinstance(query, str) else ""


def asked_again(job: Infer, said: Whole, call: ToolCall, found: Iterable[Found]) -> Infer:
    """The same wish, with the model's call and what was found."""
    result = "".join(_shown(one) for one in found)
    messages = (
        *job.messages,
        Message("assistant", said.text, said.thinking, tool_calls=(call,)),
        Message("tool", result, tool_call_id=call.id),
    )
    return msgspec.structs.replace(job, messages=messages, think_if_able=False)


def _shown(one: Found) -> str:
    content = f"Content: {one.content}\n" if one.content else ""
    return f"Title: {one.title}\nURL: {one.url}\n{content}\n"
