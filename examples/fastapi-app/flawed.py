"""What goes wrong in applications like this one, so that you see the tests notice.

FLAW=unwatched pytest
"""

import json
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

import app
import httpx
import pytest
from fastapi import Request

T = TypeVar("T")


async def unwatched(request: Request, wanted: Awaitable[T]) -> T:
    """Takes the place of `while_there`: the application waits, whoever left."""
    return await wanted


async def all_is_well(first: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Takes the place of `events`: what broke off looks complete."""
    yield f"data: {json.dumps(first)}\n\n"
    try:
        async for piece in rest:
            yield f"data: {json.dumps(piece)}\n\n"
    except (httpx.TransportError, app.CutShort):
        pass
    yield "event: done\ndata:\n\n"


PLACES = {unwatched.__name__: "while_there", all_is_well.__name__: "events"}


def install(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the application do it wrong."""
    monkeypatch.setattr(app, PLACES[flaw], globals()[flaw])
