"""The response object of `/v1/responses`, and the items of its output.

Source: compatibility specification 9.2 to 9.6.

Rules of this file:

1. A whole answer has its keys in the order of Go's struct; the events of a stream are maps, whose
   keys are sorted when they are printed. So the same things have two forms here.
2. What the request said is echoed: the schema of a format as it was sent, numbers printed again.

It must not import another dialect.
"""

from typing import Any

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import Json
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import ToolCall
from ollama_simulator.wire.answer import Whole

Object = dict[str, Any]
"""A JSON object to be printed."""


class Echo:
    """What a response repeats of its request."""

    def __init__(self, body: Object, schema: msgspec.Raw | None) -> None:
        self.model: str = body.get("model", "")
        self._body = body
        self._schema = schema
        self._tools = [_tool(given) for given in body.get("tools", ())]

    def whole(
        self, id: str, created: int, completed: int, output: list[Object], said: Whole
    ) -> Object:
        """The object of a whole answer; times in seconds since 1970."""
        effort = self._body.get("reasoning", {})
        reasoning = {key: effort[key] for key in ("effort", "summary") if effort.get(key)}
        return {
            "id": id,
            "object": "response",
            "created_at": created,
            "completed_at": completed,
            "status": "completed",
            "incomplete_details": None,
            "model": self.model,
            "previous_response_id": None,
            "instructions": self._body.get("instructions") or None,
            "output": output,
            "error": None,
            "tools": self._tools,
            "tool_choice": "auto",
            "truncation": self._body.get("truncation", "disabled"),
            "parallel_tool_calls": True,
            "text": {"format": self._format()},
            "top_p": _float(self._body.get("top_p", 1.0)),
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "top_logprobs": 0,
            "temperature": _float(self._body.get("temperature", 1.0)),
            "reasoning": reasoning or None,
            "usage": usage(said.prompt_tokens, said.tokens),
            "max_output_tokens": self._body.get("max_output_tokens"),
            "max_tool_calls": None,
            "store": False,
            "background": self._body.get("background", False),
            "service_tier": "default",
            "metadata": {},
            "safety_identifier": None,
            "prompt_cache_key": None,
        }

    def streamed(self, id: str, created: int, status: str, output: list[Object] | None) -> Object:
        """The object of an event, without counts and without the time of its end."""
        effort = self._body.get("reasoning", {})
        reasoning = {key: effort.get(key) or None for key in ("effort", "summary")}
        return self.whole(id, created, 0, [], Whole()) | {
            "status": status,
            "completed_at": None,
            "output": output,
            "tools": [{key: tool[key] for key in tool if key != "tools"} for tool in self._tools],
            "reasoning": reasoning if any(reasoning.values()) else None,
            "usage": None,
        }

    def _format(self) -> Object:
        given = self._body.get("text", {}).get("format")
        if given is None:
            return {"type": "text"}
        shown = {"type": given.get("type", "")}
        if given.get("name"):
            shown["name"] = given["name"]
        if self._schema is not None:
            shown["schema"] = self._schema
        if "strict" in given:
            shown["strict"] = given["strict"]
        return shown


def usage(prompt_tokens: int, tokens: int) -> Object:
    """What the answer cost."""
    return {
        "input_tokens": prompt_tokens,
        "output_tokens": tokens,
        "total_tokens": prompt_tokens + tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }


# --- items -----------------------------------------------------------------------------------


def part(text: str) -> Object:
    """Text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(id: str, text: str) -> Object:
    """A message that is complete."""
    return {
        "id": id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part(text)],
    }


def reasoning(id: str, thinking: str) -> Object:
    """What the model thought; the encrypted form is the plain one."""
    return {
        "id": id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thinking}],
        "encrypted_content": thinking,
    }


def function_call(id: str, call: ToolCall) -> Object:
    """A call of a tool."""
    return {
        "id": id,
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def search_call(id: str, query: str, status: str = "completed") -> Object:
    """A web search that the server did."""
    action = {"type": "search", "query": query}
    return {"id": id, "type": "web_search_call", "status": status, "action": action}


def output_of(said: Whole, response_id: str, message_id: str) -> list[Object]:
    """The items of a whole answer: with calls, its text is lost."""
    items = []
    if said.thinking:
        items.append(reasoning(f"rs_{response_id}", said.thinking))
    if not said.calls:
        return [*items, message(message_id, said.text)]
    calls = enumerate(said.calls)
    return [*items, *(whole_call(f"fc_{response_id}_{n}", call) for n, call in calls)]


def whole_call(id: str, call: ToolCall) -> Object:
    """A call in a whole answer, where what is empty is left out."""
    item = function_call(id, call)
    return {key: value for key, value in item.items() if value}


def _tool(given: Object) -> Object:
    parameters = given.get("parameters")
    shown: Object = {
        "type": given.get("type", ""),
        "name": given.get("name", ""),
        "description": given.get("description"),
        "strict": given.get("strict"),
        "parameters": None if parameters is None else _printed(parameters),
    }
    if given.get("tools"):
        shown["tools"] = [_tool(member) for member in given["tools"]]
    return shown


def _printed(value: Json) -> msgspec.Raw:
    return msgspec.Raw(printed(value).encode("utf-8", "replace"))


def _float(x: float) -> msgspec.Raw:
    return msgspec.Raw(gojson.float64(x).encode())
