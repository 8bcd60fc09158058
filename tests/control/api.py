"""A fleet with its control API in the test's own loop, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ollama_simulator.access import Access
from ollama_simulator.control.serve import serving
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel


class Api:
    """The control API of a fleet."""

    def __init__(self, fleet: Fleet, port: int, client: httpx.AsyncClient) -> None:
        self.fleet = fleet
        self.port = port
        self.client = client

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask it. The status, and the document; bytes are sent as they are."""
        data: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await self.client.request(method, path, **({} if body is None else data))
        return answer.status_code, answer.json() if answer.content else None

    async def problem(
        self, status: int, kind: str, method: str, path: str, body: Any = None
    ) -> Any:
        """Ask for something that must be refused. What is told."""
        data: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await self.client.request(method, path, **({} if body is None else data))
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert told["type"] == f"/openapi.json#/components/responses/{kind}"
        assert told["status"] == status
        assert told["instance"] == path
        return told

    async def ask(
        self, name: str = "s1", path: str = "/api/version", **more: Any
    ) -> httpx.Response:
        """Ask a server."""
        port = self.fleet.named(name).listener.port
        return await self.client.request("GET", f"http://{HOST}:{port}{path}", **more)


@asynccontextmanager
async def controlled(
    fleet: Fleet | None = None, access: Access | None = None
) -> AsyncIterator[Api]:
    """The API of a fleet, of three servers unless one is given, for this machine unless it is for
    others."""
    async with fleet or Fleet([0, 0, 0]) as running:
        sock = kernel.listen(HOST, 0)
        port = sock.getsockname()[1]
        base = f"http://{HOST}:{port}"
        async with (
            serving(running, sock, running._spawn, access),
            httpx.AsyncClient(base_url=base, timeout=15) as client,
        ):
            yield Api(running, port, client)
