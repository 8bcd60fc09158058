"""Real clients and faults: who must notice nothing, and who must raise.

The packages `ollama` and `openai` both stand on httpx, so what HTTP can tell is told by its errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest

from ollama_simulator.acts import How
from ollama_simulator.faults.bad_chunk import BadChunk, Size
from ollama_simulator.faults.bandwidth import Bandwidth
from ollama_simulator.faults.buffered import Buffered
from ollama_simulator.faults.close_idle import CloseIdle
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.garbage import Garbage
from ollama_simulator.faults.jitter import Jitter
from ollama_simulator.faults.laid import Ending
from ollama_simulator.faults.liar import Liar
from ollama_simulator.faults.malformed_json import MalformedJson
from ollama_simulator.faults.no_terminator import NoTerminator
from ollama_simulator.faults.out_of_memory import OutOfMemory
from ollama_simulator.faults.queue_full import QueueFull
from ollama_simulator.faults.rate_limited import RateLimited
from ollama_simulator.faults.split_writes import SplitWrites, Where
from ollama_simulator.faults.stall import Stall
from ollama_simulator.faults.stream_error import StreamError
from ollama_simulator.faults.trickle import Trickle
from ollama_simulator.faults.wrong_length import WrongLength
from ollama_simulator.records import Closed
from tests.clients.conftest import Farm, says

ASKED: Any = [{"role": "user", "content": "hi"}]
WORDS = ("Grüße", ", ", "世界", " 😀")
"""What is said: characters of two, three and four bytes."""
TEXT = "".join(WORDS)


@pytest.fixture
def client(farm: Farm) -> Iterator[ollama.Client]:
    farm.script(says(*WORDS))
    client = ollama.Client(host=farm.url, timeout=5)
    yield client
    client._client.close()


@pytest.fixture
def other(farm: Farm) -> Iterator[openai.OpenAI]:
    farm.script(says(*WORDS))
    with openai.OpenAI(
        base_url=f"{farm.url}/v1", api_key="none", max_retries=0, timeout=5
    ) as client:
        yield client


def heard(client: ollama.Client) -> str:
    """A streamed text by the one client."""
    parts = client.chat("plain", ASKED, stream=True)
    return "".join(part.message.content or "" for part in parts)


def read(client: openai.OpenAI) -> str:
    """A streamed text by the other."""
    chunks = client.chat.completions.create(model="plain", messages=ASKED, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


HARMLESS: list[Fault] = [
    SplitWrites(pause_ms=1),
    SplitWrites(Where.UTF8, 1),
    SplitWrites(Where.BYTES, 0),
    Trickle(7, 0),
    Trickle(1, 0),
    Bandwidth(100_000),
    Jitter(0, 5),
    Stall(2, 20),
    Buffered(),
    Buffered(3),
]


@pytest.mark.parametrize("fault", HARMLESS, ids=repr)
def test_correct_clients_notice_nothing(
    farm: Farm, client: ollama.Client, other: openai.OpenAI, fault: Fault
) -> None:
    """The same text, streamed and whole, again and again."""
    farm.behave(fault)
    for _ in range(2):
        assert heard(client) == TEXT
        assert client.chat("plain", ASKED).message.content == TEXT
        assert read(other) == TEXT
        whole = other.chat.completions.create(model="plain", messages=ASKED)
        assert whole.choices[0].message.content == TEXT


BROKEN: list[Fault] = [
    BadChunk(),
    BadChunk(2, Size.TOO_LONG),
    Garbage(),
    Garbage(1),
]
AT_THE_END: list[Fault] = [
    NoTerminator(),
    NoTerminator(Ending.RST),
    WrongLength(),
]


@pytest.mark.parametrize("fault", [*BROKEN, *AT_THE_END], ids=repr)
def test_what_breaks_http_is_raised(
    farm: Farm, client: ollama.Client, other: openai.OpenAI, fault: Fault
) -> None:
    """By both, in both modes."""
    farm.behave(fault)
    with pytest.raises(httpx.TransportError):
        heard(client)
    with pytest.raises(httpx.TransportError):
        client.chat("plain", ASKED)
    if fault in AT_THE_END:
        # This one reads no further than `[DONE]`, so it never learns what follows.
        assert read(other) == TEXT
    else:
        with pytest.raises((httpx.TransportError, openai.APIConnectionError)):
            read(other)
    with pytest.raises(openai.APIConnectionError):
        other.chat.completions.create(model="plain", messages=ASKED)


@pytest.mark.parametrize("fault", [Stall(2), NoTerminator(Ending.HOLD)], ids=repr)
def test_silence_is_a_time_out(farm: Farm, fault: Fault) -> None:
    farm.script(says(*WORDS))
    farm.behave(fault)
    client = ollama.Client(host=farm.url, timeout=0.3)
    with pytest.raises(httpx.ReadTimeout):
        heard(client)
    client._client.close()


def test_malformed_json_is_raised(farm: Farm, client: ollama.Client, other: openai.OpenAI) -> None:
    """HTTP is well; who reads the line is not."""
    farm.behave(MalformedJson(1))
    with pytest.raises(json.JSONDecodeError):
        heard(client)
    with pytest.raises(json.JSONDecodeError):
        read(other)


def test_an_error_within_a_stream(farm: Farm, client: ollama.Client, other: openai.OpenAI) -> None:
    """The native client raises it; in the other dialect it is lost, as with a real Ollama."""
    farm.behave(StreamError(2))
    with pytest.raises(ollama.ResponseError, match="unexpected EOF"):
        heard(client)
    assert read(other) == "".join(WORDS[:2])


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (QueueFull(), 503, "server busy, please try again.  maximum pending"),
        (OutOfMemory(), 500, "out of memory"),
        (StreamError(2), 500, "unexpected EOF"),
        (RateLimited(), 429, "rate limit exceeded"),
        (Liar(), 500, "llama runner process has terminated"),
    ],
)
def test_refusals_are_raised(
    farm: Farm, client: ollama.Client, other: openai.OpenAI, fault: Fault, status: int, words: str
) -> None:
    """With status and words."""
    farm.behave(fault)
    with pytest.raises(ollama.ResponseError, match=words) as native:
        client.chat("plain", ASKED)
    assert native.value.status_code == status
    with pytest.raises(openai.APIStatusError, match=words) as foreign:
        other.chat.completions.create(model="plain", messages=ASKED)
    assert foreign.value.status_code == status


def test_a_liar_lists_its_models(farm: Farm, client: ollama.Client) -> None:
    """Who asks for them learns nothing of its fault."""
    farm.behave(Liar())
    assert {model.model for model in client.list().models} == {"plain:latest", "thinker:latest"}


def test_retry_after_is_obeyed(farm: Farm) -> None:
    """The client waits as long as it is told, and asks again: three times in all."""
    farm.script(says(*WORDS))
    farm.behave(RateLimited(retry_after=0))
    with (
        openai.OpenAI(base_url=f"{farm.url}/v1", api_key="none") as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.chat.completions.create(model="plain", messages=ASKED)
    assert farm.tries() == 3


def test_a_kept_connection_that_ended_before_the_next_request(
    farm: Farm, client: ollama.Client
) -> None:
    """It is noticed, and another one is made."""
    farm.behave(CloseIdle(0, How.FIN))
    assert heard(client) == TEXT
    farm.until(Closed)
    assert heard(client) == TEXT
    assert farm.tries() == 2


def test_a_kept_connection_that_ends_with_the_next_request(
    farm: Farm, client: ollama.Client
) -> None:
    """httpx has no other way to say it than an error: nothing came, and it can't be repeated."""
    farm.behave(CloseIdle())
    assert heard(client) == TEXT
    with pytest.raises(httpx.RemoteProtocolError):
        heard(client)
    assert heard(client) == TEXT
    assert farm.tries() == 2
