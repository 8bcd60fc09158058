"""A server that streams as fast as its connection takes it, and counts.

It must not import the player.
"""

import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing
from ollama_simulator.conformance.faults import generates
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault

MOST = 96 * 1024 * 1024
"""Bytes after which it ends by itself."""
NUMBER = "0000000"
PIECE = NUMBER + " and so on and so forth." * 670
"""The text of one line: about 16 kB, with the line's number in the place of `NUMBER`. Some take a
model that says the same again and again for a broken one."""


class Tap(msgspec.Struct):
    """How much has run out, and whether it may run on."""

    sent: int = 0
    """Bytes of the body that the kernel has taken."""
    lines: int = 0
    shut: bool = False
    """Set it to have the answer end well."""
    ended: bool = False


class Flood(Fault, frozen=True):
    """An endless answer, line after line, as fast as it is taken."""

    tap: Any

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Lines until the tap is shut, then the last."""
        if not generates(exchange) or self.tap.lines:
            async for act in handler(exchange):
                yield act
            return
        await exchange.drain()
        head = await exchange.success_head()
        yield msgspec.structs.replace(head, framing=Framing.CHUNKED)
        line, last = lines(exchange)
        while not self.tap.shut and self.tap.sent < MOST:
            self.tap.lines += 1
            yield Body(line.replace(NUMBER.encode(), b"%07d" % self.tap.lines))
            self.tap.sent += len(line)
        yield Body(last)
        self.tap.ended = True
        yield End()


def lines(exchange: Exchange) -> tuple[bytes, bytes]:
    """A line of the endless text and the last one, in the dialect that the server was asked in: a
    translator need not ask in its client's."""
    model = "test-model:latest"
    if exchange.request.target.startswith("/api/"):
        begun = {"model": model, "created_at": "2026-01-01T00:00:00Z"}
        line = {**begun, "message": {"role": "assistant", "content": PIECE}, "done": False}
        last = {
            **begun,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
        }
        return _json(line) + b"\n", _json(last) + b"\n"
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model}
    delta = {"index": 0, "delta": {"content": PIECE}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return (
        b"data: " + _json({**head, "choices": [delta]}) + b"\n\n",
        b"data: " + _json({**head, "choices": [end]}) + b"\n\ndata: [DONE]\n\n",
    )


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
