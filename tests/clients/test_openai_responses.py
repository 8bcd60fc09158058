"""The real `openai` client against `/v1/responses` and `/v1/audio/transcriptions`.

Source: compatibility specification 9, 11, 16.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.script import Call, Step
from tests.clients.conftest import Farm, says

ASKED: dict[str, Any] = {"model": "thinker", "input": "hello"}
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
WEATHER = Step(tool_calls=(Call("get_weather", {"city": "Paris"}, "call_1"),))


class City(pydantic.BaseModel):
    """What the model is to answer."""

    name: str


@pytest.fixture
def client(farm: Farm) -> Iterator[Any]:
    """A client with its usual settings."""
    with openai.OpenAI(base_url=f"{farm.url}/v1", api_key="any") as made:
        yield made


def told(error: openai.APIStatusError) -> Any:
    """The error in the body of an answer."""
    return error.body


def test_create(farm: Farm, client: Any) -> None:
    """Thinking is an item of its own; the counts are the server's."""
    farm.script(says(Step(thinking="hm"), "Hello", "!"))
    response = client.responses.create(**ASKED)
    assert response.output_text == "Hello!"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output[0].summary[0].text == "hm"
    assert (response.status, response.usage.total_tokens) == ("completed", 18)


def test_tools(farm: Farm, client: Any) -> None:
    """A call, and the answer with its result."""
    farm.script(says(WEATHER, times=1), says("Sunny"))
    first = client.responses.create(**ASKED, tools=[TOOL])
    (call,) = first.output
    assert (call.type, call.call_id, call.arguments) == (
        "function_call",
        "call_1",
        '{"city":"Paris"}',
    )
    items = [
        {"role": "user", "content": "hello"},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    second = client.responses.create(model="thinker", input=items, tools=[TOOL])
    assert second.output_text == "Sunny"


def test_structured_output(farm: Farm, client: Any) -> None:
    """A schema goes there and comes back; the answer is read by it."""
    farm.script(says('{"name":', '"Paris"}'))
    response = client.responses.parse(**ASKED, text_format=City)
    assert response.output_parsed.name == "Paris"
    assert response.text.format.type == "json_schema"


def test_raw_stream(farm: Farm, client: Any) -> None:
    """Every event is understood, and numbered."""
    farm.script(says("Hello", "!"))
    with client.responses.create(**ASKED, stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(10))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["Hello", "!"]
    assert events[-1].type == "response.completed"


def test_stream_helper(farm: Farm, client: Any) -> None:
    """The strict one: ids and places fit together."""
    farm.script(says(Step(thinking="hm"), "Hello", "!"))
    with client.responses.stream(**ASKED) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in kinds
    assert (final.output_text, final.usage.output_tokens) == ("Hello!", 7)


def test_calls_in_a_stream(farm: Farm, client: Any) -> None:
    """Without text in front of them they fit, too."""
    farm.script(says(WEATHER))
    with client.responses.stream(**ASKED, tools=[TOOL]) as stream:
        stream.until_done()
        final = stream.get_final_response()
    assert final.output[0].arguments == '{"city":"Paris"}'


NAMELESS = Call("get_weather", id="")
TWO_NAMELESS = Step(tool_calls=(NAMELESS, NAMELESS))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (("Let me", WEATHER), "Duplicate response output index 0"),
        ((TWO_NAMELESS,), "Response snapshot has conflicting output identities"),
        (("Par", Step(crash="CUDA error")), "Didn't receive a `response.completed` event"),
    ],
)
def test_what_the_helper_trips_over(
    farm: Farm, client: Any, steps: tuple[Any, ...], message: str
) -> None:
    """Ollama's own faults."""
    farm.script(says(*steps))
    with (
        pytest.raises(RuntimeError, match=message),
        client.responses.stream(**ASKED, tools=[TOOL]) as stream,
    ):
        stream.get_final_response()
    assert farm.tries() == 1


def test_async(farm: Farm) -> None:
    """The same from a coroutine."""

    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{farm.url}/v1", api_key="any") as client:
            whole = await client.responses.create(**ASKED)
            async with client.responses.stream(**ASKED) as stream:
                final = await stream.get_final_response()
            return whole.output_text, final.output_text

    farm.script(says("Hello", "!"))
    assert asyncio.run(both()) == ("Hello!", "Hello!")


@pytest.mark.parametrize(
    ("status", "name", "tries"),
    [
        (400, "BadRequestError", 1),
        (401, "AuthenticationError", 1),
        (404, "NotFoundError", 1),
        (429, "RateLimitError", 3),
        (503, "InternalServerError", 3),
    ],
)
def test_statuses(farm: Farm, client: Any, status: int, name: str, tries: int) -> None:
    """Each has its exception, and some are tried again."""
    farm.behave(HttpError(status, "no"))
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(**ASKED)
    assert type(caught.value).__name__ == name
    assert caught.value.status_code == status
    assert told(caught.value)["message"] == "no"
    assert farm.tries() == tries


def test_errors_of_the_server_itself(farm: Farm, client: Any) -> None:
    """What is not there, and what the model can't do."""
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="nope", input="x")
    assert told(missing.value)["message"] == "model 'nope' not found"
    assert missing.value.type == "not_found_error"
    with pytest.raises(openai.BadRequestError, match="does not support thinking"):
        client.responses.create(model="plain", input="x", reasoning={"effort": "high"})
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


def test_a_search_turns_errors_into_events(farm: Farm, client: Any) -> None:
    """With it declared a stream is a success, whatever happens."""
    search = [{"type": "web_search"}]
    with client.responses.create(model="nope", input="x", tools=search, stream=True) as stream:
        events = list(stream)
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.failed",
    ]
    assert events[-1].response.error.message == "model 'nope' not found"


def test_an_error_before_the_first_token_of_a_stream(farm: Farm, client: Any) -> None:
    """It is a status, so it is tried again."""
    farm.script(says(Step(crash="CUDA error")))
    with pytest.raises(openai.InternalServerError):
        client.responses.create(**ASKED, stream=True)
    assert farm.tries() == 3


def test_a_reset(farm: Farm, client: Any) -> None:
    """Tried again before the answer, and seen in the midst of a stream."""
    farm.behave(FailMidStream(0))
    with pytest.raises(openai.APIConnectionError):
        client.responses.create(**ASKED)
    assert farm.tries() == 3
    farm.reset()
    farm.behave(FailMidStream(3))
    with (
        pytest.raises(openai.APIConnectionError),
        client.responses.create(**ASKED, stream=True) as stream,
    ):
        list(stream)
    assert farm.tries() == 1
    farm.behave(Normal())


@pytest.mark.parametrize("format", ["json", "verbose_json", "text"])
def test_transcriptions(farm: Farm, client: Any, format: str) -> None:
    """In all formats; the odd content type does no harm."""
    farm.script(says("Hello", " there"))
    sound = ("a.wav", b"RIFF", "audio/wav")
    said = client.audio.transcriptions.create(model="plain", file=sound, response_format=format)
    assert (said if isinstance(said, str) else said.text) == "Hello there"
