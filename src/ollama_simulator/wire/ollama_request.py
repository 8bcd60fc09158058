"""What `/api/chat` and `/api/generate` take.

Source: native specification 3, 4.7 and 4.8.

It must not import another dialect.
"""

from collections.abc import Mapping
from typing import Any

from ollama_simulator.golang.decode import FLAG, INT, MAP, TEXT, UNREAD, Array, Record, Type
from ollama_simulator.golang.parse import as_sent, plain
from ollama_simulator.model import Message, ToolCall
from ollama_simulator.settings import PROFILES, Profile
from ollama_simulator.wire import tools
from ollama_simulator.wire.native import IMAGES, KEEP_ALIVE, MESSAGES, SWITCHES, THINK, TOOL

_COMMON = {
    **SWITCHES,
    "model": TEXT,
    "format": UNREAD,
    "keep_alive": KEEP_ALIVE,
    "options": MAP,
    "top_logprobs": INT,
}


_GENERATE: dict[str, Type] = {
    **dict.fromkeys("prompt suffix system template".split(), TEXT),
    "context": Array("[]int", item=INT),
    "raw": FLAG,
    "images": IMAGES,
}


def _shape(go: str, profile: Profile, fields: Mapping[str, Type]) -> Record:
    return Record(go, fields={**_COMMON, "think": THINK[profile], **fields})


def _chat(profile: Profile) -> Mapping[str, Type]:
    tools = Array("api.Tools", item=TOOL[profile])
    return {"messages": MESSAGES[profile], "tools": tools}


CHAT = {profile: _shape("api.ChatRequest", profile, _chat(profile)) for profile in PROFILES}
GENERATE = {profile: _shape("api.GenerateRequest", profile, _GENERATE) for profile in PROFILES}


def common(body: Mapping[str, Any], sent: bytes) -> dict[str, Any]:
    """The fields of a job that both have; `sent` is the body before it was read."""
    return {
        "think": body.get("think"),
        "format": as_sent(sent, "format") if "format" in body else None,
        "options": plain(body.get("options", {})),
        "keep_alive": body.get("keep_alive"),
        "truncate": body.get("truncate", True),
        "shift": body.get("shift"),
        "logprobs": body.get("logprobs", False),
        "top_logprobs": body.get("top_logprobs", 0),
        "debug": body.get("_debug_render_only", False),
    }


def message(given: Mapping[str, Any]) -> Message:
    """One turn of a conversation."""
    return Message(
        given.get("role", "").lower(),
        given.get("content", ""),
        given.get("thinking", ""),
        tuple(given.get("images", ())),
        tuple(map(_call, given.get("tool_calls", ()))),
        given.get("tool_name", ""),
        given.get("tool_call_id", ""),
    )


def _call(given: Mapping[str, Any]) -> ToolCall:
    function = given.get("function", {})
    return tools.call(
        function.get("name", ""),
        function.get("arguments", {}),
        id=given.get("id", ""),
        index=function.get("index", 0),
    )
