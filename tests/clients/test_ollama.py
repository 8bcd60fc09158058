"""The Python package `ollama` against a simulated server.

What it does by itself is in the compatibility specification, 16: no retries, errors with a status.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import ollama
import pytest
from pydantic import BaseModel

from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.script import Call, Step
from tests.clients.conftest import Farm, says

ASKED = [{"role": "user", "content": "hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "where"}},
            "required": ["city"],
        },
    },
}
CALLS = Step(
    tool_calls=(
        Call("get_weather", {"city": "Paris"}, "a1"),
        Call("get_weather", {"city": "Rome"}, "a2"),
    )
)


@pytest.fixture
def client(farm: Farm) -> Iterator[ollama.Client]:
    client = ollama.Client(host=farm.url)
    yield client
    client._client.close()


def test_chat(farm: Farm, client: ollama.Client) -> None:
    farm.script(says("Hello", " there"))
    answer = client.chat("plain", ASKED)
    assert (answer.message.role, answer.message.content) == ("assistant", "Hello there")
    assert (answer.done, answer.done_reason, answer.model) == (True, "stop", "plain")
    assert (answer.prompt_eval_count, answer.eval_count) == (11, 7)
    assert answer.total_duration
    assert answer.load_duration


def test_streamed_chat(farm: Farm, client: ollama.Client) -> None:
    farm.script(says("Hello", " there"))
    parts = list(client.chat("plain", ASKED, stream=True))
    assert [part.message.content for part in parts] == ["Hello", " there", ""]
    assert [part.done for part in parts] == [False, False, True]


def test_asynchronous_chat(farm: Farm) -> None:
    farm.script(says("Hello", " there"))

    async def both() -> tuple[str | None, list[str | None]]:
        asynchronous = ollama.AsyncClient(host=farm.url)
        whole = await asynchronous.chat("plain", ASKED)
        stream = await asynchronous.chat("plain", ASKED, stream=True)
        parts = [part.message.content async for part in stream]
        await asynchronous._client.aclose()
        return whole.message.content, parts

    assert asyncio.run(both()) == ("Hello there", ["Hello", " there", ""])


def test_thinking(farm: Farm, client: ollama.Client) -> None:
    farm.script(says(Step(thinking="Hm"), Step(thinking=", so"), "Yes"))
    answer = client.chat("thinker", ASKED, think=True)
    assert (answer.message.thinking, answer.message.content) == ("Hm, so", "Yes")
    parts = list(client.chat("thinker", ASKED, think="low", stream=True))
    assert [part.message.thinking for part in parts[:2]] == ["Hm", ", so"]


def test_tools(farm: Farm, client: ollama.Client) -> None:
    """Calls come whole; their results go back in the next turn."""
    farm.script(says(CALLS, contains="hi"), says("Sunny", contains="21"))
    answer = client.chat("thinker", ASKED, tools=[WEATHER])
    calls = answer.message.tool_calls
    assert calls is not None
    assert [dict(call.function.arguments) for call in calls] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    result = {"role": "tool", "content": "21 degrees", "tool_name": "get_weather"}
    last = client.chat("thinker", [*ASKED, answer.message, result], tools=[WEATHER])
    assert last.message.content == "Sunny"


def test_tools_made_of_functions(farm: Farm, client: ollama.Client) -> None:
    def get_weather(city: str) -> str:
        """Tell the weather.

        Args:
          city: where
        """
        return city

    farm.script(says(CALLS))
    answer = client.chat("thinker", ASKED, tools=[get_weather])
    assert answer.message.tool_calls is not None
    assert len(answer.message.tool_calls) == 2


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"]
    age: int
    toys: list[str] | None = None


def test_structured_output(client: ollama.Client) -> None:
    """Without a script the answer conforms to the schema, and is the same each time."""
    first, second = (
        client.chat("plain", ASKED, format=Pet.model_json_schema()).message.content
        for _ in range(2)
    )
    assert first is not None
    assert Pet.model_validate_json(first).kind in ("cat", "dog")
    assert first == second


def test_generate(farm: Farm, client: ollama.Client) -> None:
    farm.script(says("Hello", " there"))
    answer = client.generate("plain", "hi", system="be brief")
    assert (answer.response, answer.done_reason) == ("Hello there", "stop")
    assert answer.context
    parts = [part.response for part in client.generate("plain", "hi", stream=True)]
    assert parts == ["Hello", " there", ""]
    again = client.generate("plain", "and?", context=answer.context)
    assert again.context is not None
    assert len(again.context) > len(answer.context)


def test_log_probabilities(farm: Farm, client: ollama.Client) -> None:
    farm.script(says(Step(content="He", logprob=-0.5)))
    answer = client.chat("plain", ASKED, logprobs=True, top_logprobs=0)
    assert answer.logprobs is not None
    assert [(each.token, each.logprob) for each in answer.logprobs] == [("He", -0.5)]


def test_pictures(client: ollama.Client) -> None:
    """They pass as base64; who can't see says so as the runner does."""
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("plain", [{**ASKED[0], "images": [picture]}])
    assert caught.value.status_code == 500
    assert "image input is not supported" in caught.value.error


def test_embed(client: ollama.Client) -> None:
    vectors = client.embed("plain", ["a cat", "a cat!", "tax law"]).embeddings
    assert [len(vector) for vector in vectors] == [384] * 3

    def alike(i: int, j: int) -> float:
        return sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))

    assert alike(0, 0) == pytest.approx(1.0, abs=1e-5)
    assert alike(0, 1) > alike(0, 2)
    assert len(client.embed("plain", "x", dimensions=8).embeddings[0]) == 8
    assert len(client.embeddings("plain", "x").embedding) == 384


def test_models(client: ollama.Client) -> None:
    """Listed, shown, loaded, unloaded, copied, made, removed."""
    assert {model.model for model in client.list().models} == {"thinker:latest", "plain:latest"}
    shown = client.show("thinker")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert client.ps().models == []
    client.generate("plain", keep_alive="10m")
    (loaded,) = client.ps().models
    assert (loaded.model, loaded.context_length) == ("plain:latest", 4096)
    client.generate("plain", keep_alive=0)
    assert client.ps().models == []
    assert client.copy("plain", "mine").status == "success"
    made = client.create("tuned", from_="plain", system="be brief", parameters={"temperature": 0.1})
    assert made.status == "success"
    assert "SYSTEM be brief" in (client.show("tuned").modelfile or "")
    assert client.delete("mine").status == "success"
    assert {model.model for model in client.list().models} == {
        "thinker:latest",
        "plain:latest",
        "tuned:latest",
    }


def test_pull(client: ollama.Client) -> None:
    """Progress to the end; what isn't there is an error in the stream."""
    lines = list(client.pull("all-minilm", stream=True))
    assert lines[0].status == "pulling manifest"
    assert lines[-1].status == "success"
    assert any(line.completed and line.total for line in lines)
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(client.pull("nope", stream=True))
    with pytest.raises(ollama.ResponseError) as caught:
        client.pull("nope")
    assert caught.value.status_code == 500


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        ({"model": "nope", "messages": ASKED}, 404, "model 'nope' not found"),
        ({"model": "plain", "messages": ASKED, "tools": [WEATHER]}, 400, "does not support tools"),
        ({"model": "plain", "messages": ASKED, "think": True}, 400, "does not support thinking"),
    ],
)
def test_errors(client: ollama.Client, call: dict[str, Any], status: int, words: str) -> None:
    """A status before the first token, streamed or not, and no retry."""
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match=words) as caught:
            list(client.chat(**call, stream=stream))
        assert caught.value.status_code == status


def test_an_error_in_a_stream(farm: Farm, client: ollama.Client) -> None:
    farm.script(says("Par", Step(crash="CUDA error: device lost")))
    heard: list[str | None] = []
    stream = client.chat("plain", ASKED, stream=True)
    with pytest.raises(ollama.ResponseError, match="CUDA error: device lost"):
        heard.extend(part.message.content for part in stream)
    assert heard == ["Par"]


def test_it_never_tries_again(farm: Farm, client: ollama.Client) -> None:
    farm.behave(HttpError(status_code=503, message="busy"))
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("plain", ASKED)
    assert (caught.value.status_code, farm.tries()) == (503, 1)


def test_a_reset_in_a_stream(farm: Farm, client: ollama.Client) -> None:
    farm.behave(FailMidStream(tokens_before_fail=2))
    with pytest.raises(httpx.ReadError):
        list(client.chat("plain", ASKED, stream=True))
    assert farm.tries() == 1
