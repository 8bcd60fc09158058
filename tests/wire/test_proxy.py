"""The cloud's proxy in front of the routes under `/v1/`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard

from ollama_simulator.model import CloudCall, Infer, Origin, Refusal
from ollama_simulator.settings import Settings
from ollama_simulator.wire import proxy
from ollama_simulator.wire.anthropic import Messages
from ollama_simulator.wire.codec import Codec, Request
from ollama_simulator.wire.ollama import Chat
from ollama_simulator.wire.openai_chat import ChatCompletions
from ollama_simulator.wire.openai_completions import Completions
from ollama_simulator.wire.openai_embed import Embeddings
from ollama_simulator.wire.responses import Responses
from tests.wire.speaking import wire

CODECS: dict[str, type[Codec]] = {
    "/v1/chat/completions": ChatCompletions,
    "/v1/completions": Completions,
    "/v1/embeddings": Embeddings,
    "/v1/messages": Messages,
    "/v1/responses": Responses,
}


def made(path: str, body: Any, settings: Settings | None = None, encoding: str = "") -> Codec:
    """The codec of a request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (("Content-Encoding", encoding),) if encoding else ()
    codec = CODECS.get(path, Chat)
    return proxy.make(codec, Request("POST", path, {}, data, headers), wire(settings or Settings()))


@pytest.mark.parametrize("path", CODECS)
@pytest.mark.parametrize("model", ["m:cloud", " m:CLOUD ", "m:20b-cloud"])
def test_a_model_of_the_cloud(path: str, model: str) -> None:
    """It leaves before anything else of the request is looked at."""
    codec = made(path, {"model": model, "messages": 5, "input": {}, "prompt": []})
    assert codec.job == CloudCall(path, "remote model is unavailable")
    document = type(codec).error(Refusal(401, "unauthorized", Origin.CLOUD), wire())
    assert document.media == "application/json; charset=utf-8"
    assert document.body == b'{"error":"unauthorized"}'


ASKED = {"max_tokens": 1, "messages": [{"role": "user", "content": "cloud"}], "input": "cloud"}


@pytest.mark.parametrize("model", ["m", "m-cloud", "m:local", "cloud", "bad name:cloud"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_other_models(path: str, model: str) -> None:
    """They stay."""
    assert isinstance(made(path, {"model": model, **ASKED}).job, Infer)


@pytest.mark.parametrize(
    ("path", "kind", "stays"),
    [
        ("/v1/messages", "web_search_20250305", True),
        ("/v1/messages", "custom", False),
        ("/v1/responses", "web_search", True),
        ("/v1/responses", "web_search_preview", False),
    ],
)
def test_searches(path: str, kind: str, stays: bool) -> None:
    """A request with the built-in search stays, because the server does it."""
    body = {"model": "m:cloud", "tools": [{"type": kind, "name": "f"}], **ASKED}
    assert isinstance(made(path, body).job, Infer) is stays


@pytest.mark.parametrize("body", [b"", b'{"model":"m:cloud"', b'["m:cloud"]', b'{"model":5}'])
def test_what_it_cannot_read(body: bytes) -> None:
    """The dialect complains."""
    with pytest.raises(Refusal) as caught:
        made("/v1/responses", body)
    assert caught.value.origin is Origin.DECODE


def test_what_only_the_dialect_can_read() -> None:
    """Behind the first value the proxy wants nothing, the dialect doesn't care."""
    assert isinstance(made("/v1/responses", b'{"model":"m:cloud","input":"x"} x').job, Infer)


def test_the_old_profile_has_none() -> None:
    """There it is a name like any other, and nothing is unpacked."""
    old = Settings(wire="0.13.5")
    assert isinstance(made("/v1/responses", {"model": "m:cloud", "input": "x"}, old).job, Infer)
    packed = zstandard.compress(b'{"model":"m"}')
    with pytest.raises(Refusal, match="invalid character"):
        made("/v1/responses", packed, old, "zstd")


def test_compressed() -> None:
    """It unpacks the body for those behind it."""
    body = zstandard.compress(json.dumps({"model": "m", "input": "x"}).encode())
    job = made("/v1/responses", body, encoding="zstd").job
    assert isinstance(job, Infer)
    assert job.model == "m"
    with pytest.raises(Refusal) as caught:
        made("/v1/messages", b"nonsense", encoding="zstd")
    assert caught.value.origin is Origin.CLOUD


def test_native_routes_have_none() -> None:
    """The engine knows models of the cloud by itself."""
    assert isinstance(made("/api/chat", {"model": "m:cloud"}).job, Infer)
