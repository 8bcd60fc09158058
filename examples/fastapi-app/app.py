"""A web application that answers questions with Ollama, word by word.

OLLAMA_URL=http://127.0.0.1:11434 uvicorn app:from_environment --factory

`POST /ask` answers with Server-Sent Events: `data: "a piece"` for each piece, and at the end either
`event: done` or `event: error`. What goes wrong before the first piece has a status of its own.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

T = TypeVar("T")


class Question(BaseModel):
    """What `POST /ask` takes."""

    text: str
    model: str = "test-model"


class CutShort(Exception):
    """The answer ended without saying that it is complete."""


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


def make_app(ollama_url: str, patience: float = 30.0) -> FastAPI:
    """The application. `patience` is how many seconds Ollama may be silent."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=ollama_url, timeout=patience) as client:
            app.state.ollama = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/ask")
    async def ask(question: Question, request: Request) -> StreamingResponse:
        answer = pieces(app.state.ollama, question)
        try:
            first = await while_there(request, anext(answer))
        except httpx.ConnectError:
            raise HTTPException(503, "the model server can't be reached") from None
        except httpx.TimeoutException:
            raise HTTPException(504, "the model takes too long") from None
        except httpx.HTTPStatusError as error:
            raise HTTPException(*told(error)) from None
        except (httpx.TransportError, CutShort, StopAsyncIteration):
            raise HTTPException(502, "the model server broke off") from None
        except ClientLeft:
            raise HTTPException(499, "the client left") from None
        return StreamingResponse(events(first, answer), media_type="text/event-stream")

    return app


async def pieces(ollama: httpx.AsyncClient, question: Question) -> AsyncGenerator[str, None]:
    """Ollama's answer. Raises `CutShort` if it breaks off cleanly."""
    body = {
        "model": question.model,
        "messages": [{"role": "user", "content": question.text}],
    }
    async with ollama.stream("POST", "/api/chat", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            part = json.loads(line)
            if "error" in part:  # it failed when the status was sent already
                raise CutShort
            if part["message"]["content"]:
                yield part["message"]["content"]
            if part["done"]:
                return
    raise CutShort


async def events(first: str, rest: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """The answer as events. It is closed when the client leaves, and Ollama is left with it."""
    async with aclosing(rest):
        yield f"data: {json.dumps(first)}\n\n"
        try:
            async for piece in rest:
                yield f"data: {json.dumps(piece)}\n\n"
        except (httpx.TransportError, CutShort):
            yield "event: error\ndata: the answer broke off\n\n"
        else:
            yield "event: done\ndata:\n\n"


async def while_there(request: Request, wanted: Awaitable[T]) -> T:
    """Wait for something as long as the client does. Raises `ClientLeft`.

    The framework watches the client only once an answer has begun. Until then it is ours to do,
    or Ollama would evaluate a long prompt for nobody.
    """
    work = asyncio.ensure_future(wanted)
    gone = asyncio.ensure_future(left(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientLeft
        return work.result()
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.wait({work, gone})


async def left(request: Request) -> None:
    """Return when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def told(error: httpx.HTTPStatusError) -> tuple[int, str, dict[str, str]]:
    """What a client is told when Ollama answered with an error."""
    if error.response.status_code == 503:
        return 503, "the model server is busy", {"Retry-After": "1"}
    return 502, f"the model server answered {error.response.status_code}", {}


def from_environment() -> FastAPI:
    """The application as `uvicorn` starts it."""
    return make_app(os.environ.get("OLLAMA_URL", "http://127.0.0.1:11434"))
