"""The four ways to a fleet, so that one test can go all of them.

A test is a coroutine that awaits what `done` makes of each answer; what it asks of servers over
HTTP it asks in another thread, since two of the fleets live in its own event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from ollama_simulator.simulation.simulate import connect, simulate

LOCAL = ("with simulate", "async with simulate")
REMOTE = ("with connect", "async with connect")
WAYS = (*LOCAL, *REMOTE)

Test = Callable[..., Coroutine[Any, Any, None]]


async def done(answer: Any) -> Any:
    """What was answered, whether it has to be awaited or not."""
    return await answer if inspect.isawaitable(answer) else answer


@contextlib.asynccontextmanager
async def block(handle: Any) -> AsyncIterator[Any]:
    """The block of something that has one of either kind."""
    if hasattr(handle, "__aenter__"):
        async with handle as inside:
            yield inside
    else:
        with handle as inside:
            yield inside


@contextlib.asynccontextmanager
async def fleet(way: str, *args: Any, **settings: Any) -> AsyncIterator[Any]:
    """A fleet, reached in one of the ways."""
    async with contextlib.AsyncExitStack() as stack:
        made = simulate(*args, **settings, control=way in REMOTE)
        if way in REMOTE:
            made = connect(str(stack.enter_context(made).control_url))
        if way.startswith("async"):
            yield await stack.enter_async_context(made)
        else:
            yield stack.enter_context(made)


def every_way(test: Test) -> Callable[..., None]:
    """Run a test once in each of the ways; it gets the way as its first argument."""

    @functools.wraps(test)
    def run(way: str, **fixtures: Any) -> None:
        asyncio.run(test(way, **fixtures))

    in_every_way: Callable[..., None] = pytest.mark.parametrize("way", WAYS)(run)
    return in_every_way


class Answer:
    """What a server answered; `status` is None if it did not."""

    def __init__(self, status: int | None, body: bytes) -> None:
        self.status = status
        self.body = body


def ask(url: str, path: str = "/api/chat", text: str = "Hello", **more: Any) -> Answer:
    """Ask a server something, and wait for it."""
    wish: dict[str, Any] = {"model": "test-model", "stream": False, **more}
    if path == "/api/chat":
        wish["messages"] = [{"role": "user", "content": text}]
    body = json.dumps(wish).encode() if path != "/api/tags" else None
    try:
        with urllib.request.urlopen(url + path, body, timeout=10) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read())
    except OSError as error:
        return Answer(None, str(error).encode())


def asking(url: str, *args: Any, **more: Any) -> asyncio.Future[Answer]:
    """The same, begun at once in another thread."""
    work = functools.partial(ask, url, *args, **more)
    return asyncio.get_running_loop().run_in_executor(None, work)


async def asked(url: str, *args: Any, **more: Any) -> Answer:
    """The same, while the event loop goes on."""
    return await asking(url, *args, **more)
