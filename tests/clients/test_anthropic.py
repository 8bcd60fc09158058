"""The real `anthropic` client against a simulated server.

Source: compatibility specification 10, 16.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.script import Call, Step
from tests.clients.conftest import Farm, says

ASKED: dict[str, Any] = {
    "model": "thinker",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hello"}],
}
TOOL = {
    "name": "get_weather",
    "description": "the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
WEATHER = Step(tool_calls=(Call("get_weather", {"city": "Paris"}, "call_1"),))


@pytest.fixture
def client(farm: Farm) -> Iterator[Any]:
    """A client with its usual settings."""
    with anthropic.Anthropic(base_url=farm.url, api_key="any") as made:
        yield made


def told(error: anthropic.APIStatusError) -> Any:
    """The body of an error."""
    return error.body


def test_create(farm: Farm, client: Any) -> None:
    """Thinking comes unasked; the counts are the server's."""
    farm.script(says(Step(thinking="hm"), "Hello", "!"))
    message = client.messages.create(**ASKED)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[1].text == "Hello!"
    assert (message.stop_reason, message.model) == ("end_turn", "thinker")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)
    assert message._request_id is None


def test_tools(farm: Farm, client: Any) -> None:
    """A call, and the answer with its result."""
    farm.script(says("Let me see", WEATHER, times=1), says("Sunny"))
    first = client.messages.create(**ASKED, tools=[TOOL])
    assert first.stop_reason == "tool_use"
    call = first.content[-1]
    assert (call.id, call.name, call.input) == ("call_1", "get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages = [
        *ASKED["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(**{**ASKED, "messages": messages}, tools=[TOOL])
    assert second.content[0].text == "Sunny"


def test_raw_stream(farm: Farm, client: Any) -> None:
    """Every event is understood."""
    farm.script(says("Hello", "!"))
    with client.messages.create(**ASKED, stream=True) as stream:
        kinds = [event.type for event in stream]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_stream_helper(farm: Farm, client: Any) -> None:
    """Thinking, text and calls are put together again."""
    farm.script(says(Step(thinking="hm"), "Let ", "me", WEATHER))
    with client.messages.stream(**ASKED, tools=[TOOL]) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == "Let me"
    thinking, said, call = message.content
    assert (thinking.thinking, said.text, call.input) == ("hm", "Let me", {"city": "Paris"})
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 7)


def test_async(farm: Farm) -> None:
    """The same from a coroutine."""

    async def both() -> tuple[str, str]:
        async with anthropic.AsyncAnthropic(base_url=farm.url, api_key="any") as client:
            whole: Any = await client.messages.create(**ASKED)
            async with client.messages.stream(**ASKED) as stream:
                pieces = [text async for text in stream.text_stream]
            return whole.content[0].text, "".join(pieces)

    farm.script(says("Hello", "!"))
    assert asyncio.run(both()) == ("Hello!", "Hello!")


def test_an_empty_answer(farm: Farm, client: Any) -> None:
    """Its content is null, which clients trip over."""
    farm.script(says())
    content: Any = client.messages.create(**ASKED).content
    with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
        list(content)


def test_a_stream_that_breaks_off(farm: Farm, client: Any) -> None:
    """An error in the midst is not seen at all."""
    farm.script(says("Par", Step(crash="CUDA error")))
    with client.messages.stream(**ASKED) as stream:
        message = stream.get_final_message()
    assert (message.content[0].text, message.stop_reason) == ("Par", None)
    assert farm.tries() == 1


@pytest.mark.parametrize(
    ("status", "name", "tries"),
    [
        (400, "BadRequestError", 1),
        (401, "AuthenticationError", 1),
        (403, "PermissionDeniedError", 1),
        (404, "NotFoundError", 1),
        (429, "RateLimitError", 3),
        (500, "InternalServerError", 3),
        (503, "ServiceUnavailableError", 3),
    ],
)
def test_statuses(farm: Farm, client: Any, status: int, name: str, tries: int) -> None:
    """Each has its exception, and some are tried again."""
    farm.behave(HttpError(status, "no"))
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**ASKED)
    assert type(caught.value).__name__ == name
    assert caught.value.status_code == status
    assert told(caught.value)["error"]["message"] == "no"
    assert farm.tries() == tries


def test_errors_of_the_server_itself(farm: Farm, client: Any) -> None:
    """A model that isn't there, and tools for one that has none."""
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(**{**ASKED, "model": "nope"})
    assert told(missing.value)["error"] == {
        "type": "not_found_error",
        "message": "model 'nope' not found",
    }
    with pytest.raises(anthropic.BadRequestError) as unable:
        client.messages.create(**{**ASKED, "model": "plain"}, tools=[TOOL])
    assert "does not support tools" in told(unable.value)["error"]["message"]
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="thinker", messages=ASKED["messages"])


def test_an_error_before_the_first_token_of_a_stream(farm: Farm, client: Any) -> None:
    """It is a status, so it is tried again."""
    farm.script(says(Step(crash="CUDA error")))
    with (
        pytest.raises(anthropic.InternalServerError),
        client.messages.stream(**ASKED) as stream,
    ):
        stream.get_final_message()
    assert farm.tries() == 3


def test_a_reset_before_the_answer(farm: Farm, client: Any) -> None:
    """It is tried again while nothing was read."""
    farm.behave(FailMidStream(0))
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.create(**ASKED)
    assert farm.tries() == 3
    farm.behave(Normal())
    farm.script(says("Hello"))
    assert client.messages.create(**ASKED).content[0].text == "Hello"


@pytest.mark.parametrize("fault", [FailMidStream(3), AbruptClose(600)])
def test_a_stream_that_is_cut(farm: Farm, client: Any, fault: Any) -> None:
    """It is seen, and never tried again."""
    farm.behave(fault)
    with (
        pytest.raises(Exception, match=r"(?i)reset|peer closed|read") as caught,
        client.messages.create(**ASKED, stream=True) as stream,
    ):
        for _ in stream:
            pass
    assert type(caught.value).__name__ in ("ReadError", "RemoteProtocolError")
    assert farm.tries() == 1
