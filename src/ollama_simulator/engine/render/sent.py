"""Messages as Ollama sends them to a runner that renders conversations itself.

Source: the very server, asked what it sends.

Rules of this file:

1. Arguments of calls are a text of JSON; pictures are parts of the content, behind its text.
2. What an answer of the history thought is not sent.

It must not import anything but layer 0.
"""

import base64
from typing import Any

from ollama_simulator.model import Message

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"\x00\x00\x01\x00", "x-icon"),
    (b"\x00\x00\x02\x00", "x-icon"),
)
"""What pictures begin with. Whatever else there is counts as a JPEG."""
_SOUNDS = ((b"ID3", "mp3"), *((bytes((0xFF, second)), "mp3") for second in range(0xE0, 0x100)))


def sent(turn: Message) -> dict[str, Any]:
    """A message on its way to the runner."""
    text = [{"type": "text", "text": turn.content}] if turn.content else []
    given = named(turn, [*text, *map(_part, turn.images)] if turn.images else turn.content)
    if turn.tool_calls:
        given["tool_calls"] = [
            {
                **({"id": call.id} if call.id else {}),
                "index": call.index,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    return given


def named(turn: Message, content: object) -> dict[str, Any]:
    """A message with this content, and what it says of tools."""
    given: dict[str, Any] = {"role": turn.role, "content": content}
    if turn.tool_name:
        given["name"] = turn.tool_name
    if turn.tool_call_id:
        given["tool_call_id"] = turn.tool_call_id
    return given


def _part(data: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    if sound := _sound(data):
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": sound}}
    kind = next((kind for head, kind in _PICTURES if data.startswith(head)), "jpeg")
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{encoded}"}}


def _sound(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    return next((kind for head, kind in _SOUNDS if data.startswith(head)), "")
