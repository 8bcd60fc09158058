"""Asks the control API of this process, without a connection.

Source: ASGI 3.0, "HTTP & WebSocket message format".

It must not import the servers' insides.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.workers.messages import Wish

Headers = tuple[tuple[bytes, bytes], ...]


class Answer(msgspec.Struct, frozen=True):
    """What an application answered."""

    status: int
    headers: Headers
    body: bytes


async def ask(application: Any, wish: Wish) -> Answer:
    """Have an ASGI application answer a wish."""
    given = [{"type": "http.request", "body": wish.body, "more_body": False}]
    status, body = 500, bytearray()
    headers: Headers = ()

    async def receive() -> dict[str, Any]:
        if given:
            return given.pop()
        # The client stays until it is answered: it is a process of ours.
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody ends this wait")

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = tuple((bytes(name), bytes(value)) for name, value in message["headers"])
        else:
            body.extend(message.get("body", b""))

    await application(_scope(wish), receive, send)
    return Answer(status, headers, bytes(body))


def _scope(wish: Wish) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": wish.method,
        "scheme": "http",
        "path": wish.path,
        "raw_path": wish.raw_path,
        "query_string": wish.query,
        "root_path": "",
        "headers": list(wish.headers),
        "server": None,
        "client": None,
    }
