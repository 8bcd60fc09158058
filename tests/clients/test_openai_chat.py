"""The Python package `openai` against a simulated server: chat, completions, embeddings, models.

What it does by itself is in the compatibility specification, 16: three tries on 5xx and resets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.script import Call, Step
from tests.clients.conftest import Farm, says

ASKED: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALLS = Step(
    tool_calls=(
        Call("get_weather", {"city": "Paris"}, "a1"),
        Call("get_weather", {"city": "Rome"}, "a2"),
    )
)


@pytest.fixture
def client(farm: Farm) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{farm.url}/v1", api_key="none") as client:
        yield client


def test_chat(farm: Farm, client: openai.OpenAI) -> None:
    farm.script(says("Hello", " there"))
    answer = client.chat.completions.create(model="plain", messages=ASKED)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Hello there", "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)
    assert answer.id.startswith("chatcmpl-")


def test_streamed_chat(farm: Farm, client: openai.OpenAI) -> None:
    farm.script(says("Hello", " there"))
    chunks = list(
        client.chat.completions.create(
            model="plain", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert texts == ["Hello", " there", None]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 18


def test_asynchronous_chat(farm: Farm) -> None:
    farm.script(says("Hello", " there"))

    async def both() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{farm.url}/v1", api_key="none") as asynchronous:
            whole = await asynchronous.chat.completions.create(model="plain", messages=ASKED)
            stream = await asynchronous.chat.completions.create(
                model="plain", messages=ASKED, stream=True
            )
            texts = [
                chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices
            ]
        return whole.choices[0].message.content, "".join(texts)

    assert asyncio.run(both()) == ("Hello there", "Hello there")


def test_the_streaming_helper(farm: Farm, client: openai.OpenAI) -> None:
    farm.script(says(Step(thinking="Hm"), "Hello", CALLS))
    with client.chat.completions.stream(model="thinker", messages=ASKED, tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        whole = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.arguments for call in calls] == ['{"city":"Paris"}', '{"city":"Rome"}']
    assert whole.choices[0].finish_reason == "tool_calls"


def test_thinking_and_tools(farm: Farm, client: openai.OpenAI) -> None:
    """Reasoning is an extra member; a result finds its call by the id."""
    farm.script(says(Step(thinking="Hm"), CALLS, contains="hi"), says("Sunny", contains="21"))
    answer = client.chat.completions.create(
        model="thinker", messages=ASKED, tools=[WEATHER], reasoning_effort="low"
    )
    message = answer.choices[0].message
    assert message.model_extra == {"reasoning": "Hm"}
    assert message.tool_calls is not None
    assert [call.id for call in message.tool_calls] == ["a1", "a2"]
    assert answer.choices[0].finish_reason == "tool_calls"
    result = {"role": "tool", "content": "21 degrees", "tool_call_id": "a1"}
    turns: Any = [*ASKED, message, result]
    last = client.chat.completions.create(model="thinker", messages=turns, tools=[WEATHER])
    assert last.choices[0].message.content == "Sunny"


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"]
    age: int


def test_structured_output(client: openai.OpenAI) -> None:
    """Parsed by the package itself, without a script."""
    answer = client.chat.completions.parse(model="plain", messages=ASKED, response_format=Pet)
    assert answer.choices[0].message.parsed is not None
    assert answer.choices[0].message.parsed.kind in ("cat", "dog")
    loose = client.chat.completions.create(
        model="plain", messages=ASKED, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(loose.choices[0].message.content or ""), dict)


def test_a_limit(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="plain", messages=ASKED, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_log_probabilities(farm: Farm, client: openai.OpenAI) -> None:
    farm.script(says(Step(content="He", logprob=-0.5)))
    answer = client.chat.completions.create(model="plain", messages=ASKED, logprobs=True)
    likely = answer.choices[0].logprobs
    assert likely is not None
    assert likely.content is not None
    assert [(each.token, each.logprob) for each in likely.content] == [("He", -0.5)]


def test_completions(farm: Farm, client: openai.OpenAI) -> None:
    farm.script(says("Hello", " there"))
    answer = client.completions.create(model="plain", prompt="hi")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("Hello there", "stop")
    chunks = client.completions.create(model="plain", prompt="hi", stream=True)
    assert [chunk.choices[0].text for chunk in chunks] == ["Hello", " there", ""]


def test_embeddings(client: openai.OpenAI) -> None:
    """The package asks for base64 unless told otherwise; both say the same."""
    packed = client.embeddings.create(model="plain", input=["a", "b"]).data
    plain = client.embeddings.create(model="plain", input=["a", "b"], encoding_format="float").data
    assert [len(each.embedding) for each in packed] == [384, 384]
    for one, other in zip(packed, plain, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-7)


def test_models(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"thinker:latest", "plain:latest"}
    assert client.models.retrieve("plain").owned_by == "library"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"model": "nope"}, openai.NotFoundError, "model 'nope' not found"),
        ({"tools": [WEATHER]}, openai.BadRequestError, "does not support tools"),
        ({"temperature": "hot"}, openai.BadRequestError, "of type float64"),
    ],
)
def test_errors(
    farm: Farm, client: openai.OpenAI, fields: dict[str, Any], kind: Any, words: str
) -> None:
    """One try, streamed or not."""
    for tries, stream in enumerate((False, True), 1):
        with pytest.raises(kind, match=words):
            client.chat.completions.create(
                **{"model": "plain", "messages": ASKED, "stream": stream, **fields}
            )
        assert farm.tries() == tries


@pytest.mark.parametrize(("status", "kind"), [(500, "InternalServerError"), (503, None)])
def test_three_tries(farm: Farm, client: openai.OpenAI, status: int, kind: str | None) -> None:
    farm.behave(HttpError(status_code=status, message="busy"))
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="plain", messages=ASKED)
    assert (caught.value.status_code, farm.tries()) == (status, 3)
    assert kind in (None, type(caught.value).__name__)


def test_a_reset_before_the_answer_is_tried_again(farm: Farm, client: openai.OpenAI) -> None:
    farm.behave(FailMidStream(tokens_before_fail=0))
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="plain", messages=ASKED)
    assert farm.tries() == 3


def test_a_reset_in_a_stream_is_not(farm: Farm, client: openai.OpenAI) -> None:
    farm.behave(FailMidStream(tokens_before_fail=2))
    heard: list[str | None] = []
    stream = client.chat.completions.create(model="plain", messages=ASKED, stream=True)
    with pytest.raises(openai.APIConnectionError):
        heard.extend(chunk.choices[0].delta.content for chunk in stream)
    assert (len(heard), farm.tries()) == (2, 1)


def test_a_refused_connection(farm: Farm, client: openai.OpenAI) -> None:
    farm.behave(ConnectionRefused())
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="plain", messages=ASKED)


def test_an_error_in_a_stream_is_swallowed(farm: Farm, client: openai.OpenAI) -> None:
    """As with a real server, the answer merely looks short (16.5)."""
    farm.script(says("Par", Step(crash="")))
    chunks = list(client.chat.completions.create(model="plain", messages=ASKED, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None]
    assert [chunk.model for chunk in chunks] == ["plain", ""]
