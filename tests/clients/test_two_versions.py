"""Python's `ollama` and `openai` against both versions, side by side in one fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ollama
import openai

from ollama_simulator.fleet import Fleet
from ollama_simulator.settings import Profile, Settings
from tests.clients.conftest import PLAIN, THINKER, says

VERSIONS: tuple[Profile, ...] = ("0.33", "0.13.5")
USER: Any = [{"role": "user", "content": "hi"}]


def both(ask: Callable[[str], Awaitable[Any]]) -> list[Any]:
    """What a client gets of each version, the newer one first."""

    async def main() -> list[Any]:
        settings = [Settings(wire=wire, installed_models=(THINKER, PLAIN)) for wire in VERSIONS]
        async with Fleet((0, 0), settings=settings) as fleet:
            fleet.script(None, [says("Hel", "lo")])
            return [await ask(f"http://127.0.0.1:{port}") for port in fleet.ports]

    return asyncio.run(main())


def test_ollama() -> None:
    """The same words; what isn't there has another name."""

    async def ask(url: str) -> tuple[str, str, int]:
        client = ollama.AsyncClient(url)
        parts = await client.chat(PLAIN.name, messages=USER, stream=True)
        text = "".join([part.message.content or "" async for part in parts])
        try:
            await client.show("nope")
        except ollama.ResponseError as error:
            return text, error.error, error.status_code
        finally:
            await client._client.aclose()
        return text, "", 0

    assert both(ask) == [
        ("Hello", "model 'nope:latest' not found", 404),
        ("Hello", "model 'nope' not found", 404),
    ]


def test_openai() -> None:
    """The role stands in the first chunk, or in each; the reason is never lost."""

    async def ask(url: str) -> tuple[Any, ...]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
            stream = await client.chat.completions.create(
                model=PLAIN.name, messages=USER, stream=True
            )
            choices = [chunk.choices[0] async for chunk in stream]
            text = "".join(choice.delta.content or "" for choice in choices)
            roles = [choice.delta.role for choice in choices]
            try:
                await client.chat.completions.create(model="nope", messages=USER)
            except openai.NotFoundError as error:
                return text, roles, choices[-1].finish_reason, error.type
            return text, roles, choices[-1].finish_reason, None

    assert both(ask) == [
        ("Hello", ["assistant", None, None], "stop", "not_found_error"),
        ("Hello", ["assistant"] * 3, "stop", "api_error"),
    ]
