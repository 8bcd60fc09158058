"""`/api/embed` and `/api/embeddings`."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Answer, Embed, Embeddings, Origin, Usage
from ollama_simulator.settings import Settings
from tests.wire.speaking import EMBEDDED, USAGE, post, refusal

JSON = "application/json; charset=utf-8"
NOTHING = Answer(Embeddings((), Usage(0.5, 0.5, 0, 0.0, 0, 0.0)))


def test_embed() -> None:
    """Vectors in 32-bit floats, then the numbers."""
    codec = post("/api/embed", {"model": "Embed", "input": "hi"})
    assert (codec.job, codec.stream, codec.media) == (Embed("Embed", ("hi",)), False, JSON)
    assert codec.collect([EMBEDDED]).decode() == (
        '{"model":"Embed","embeddings":[[0.23076239,0,7.69208e-9,-0.92304957]],'
        '"total_duration":342439095,"load_duration":267755716,"prompt_eval_count":12}'
    )


@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": ""}, {"input": []}])
def test_embed_nothing(given: dict[str, Any]) -> None:
    """No inputs load the model; the answer has no durations."""
    codec = post("/api/embed", {"model": "m", **given})
    assert codec.job == Embed("m", ())
    assert codec.collect([NOTHING]) == b'{"model":"m","embeddings":[]}'


def test_embed_job() -> None:
    """Order is kept, and an empty string among others is one of them."""
    body = {"model": "m", "input": ["b", "", "a"], "dimensions": -3, "keep_alive": "1s"}
    assert post("/api/embed", body).job == Embed("m", ("b", "", "a"), -3, 1.0)
    body = {"model": "m", "input": "a", "truncate": False, "options": {"num_ctx": "x"}}
    job = Embed("m", ("a",), truncate=False, options={"num_ctx": "x"})
    assert post("/api/embed", body).job == job
    assert post("/api/embed", {"model": "m:cloud", "input": [1]}).job == Embed("m:cloud", ())


@pytest.mark.parametrize("given", [5, {}, {"a": 1}, True, False, [1], ["a", None], [["a"]]])
def test_embed_input_type(given: Any) -> None:
    """Strings only."""
    expected = (400, "invalid input type", Origin.HANDLER)
    assert refusal("/api/embed", {"model": "m", "input": given}) == expected


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 404, "model '' not found"),
        ({"input": [1]}, 404, "model '' not found"),
        ({"model": "a b", "input": 5}, 400, "invalid model name"),
        ({"model": "a:cloud:local"}, 400, 'use either :local or :cloud, not both: "a:cloud:local"'),
    ],
)
def test_embed_refusals(body: Any, status: int, message: str) -> None:
    """What is decided without looking for the model."""
    assert refusal("/api/embed", body) == (status, message, Origin.HANDLER)


def test_embeddings() -> None:
    """One vector: the 32-bit floats, printed as 64-bit ones."""
    codec = post("/api/embeddings", {"model": "embed", "prompt": "hi", "input": ["ignored"]})
    job = Embed("embed", ("hi",), normalised=False)
    assert (codec.job, codec.stream, codec.media) == (job, False, JSON)
    vector = Answer(Embeddings(((0.1, 0.0, 1.0, 1e-7, 0.23076239),), USAGE))
    assert codec.collect([vector]) == (
        b'{"embedding":[0.10000000149011612,0,1,1.0000000116860974e-7,0.23076239228248596]}'
    )


def test_embeddings_of_nothing() -> None:
    """An empty prompt loads the model."""
    codec = post("/api/embeddings", {"model": "m", "prompt": "", "keep_alive": 0})
    assert codec.job == Embed("m", (), None, 0.0, normalised=False)
    assert codec.collect([NOTHING]) == b'{"embedding":[]}'


@pytest.mark.parametrize(
    ("body", "message", "origin"),
    [
        (b"", "missing request body", Origin.DECODE),
        ({}, "model is required", Origin.HANDLER),
        ({"model": "plain:"}, "invalid model name", Origin.HANDLER),
        (
            {"prompt": ["a"]},
            "json: cannot unmarshal array into Go struct field EmbeddingRequest.prompt "
            "of type string",
            Origin.DECODE,
        ),
    ],
)
def test_embeddings_refusals(body: Any, message: str, origin: Origin) -> None:
    """What is decided without looking for the model."""
    assert refusal("/api/embeddings", body) == (400, message, origin)


def test_names_of_the_old_version() -> None:
    """Each endpoint had its own word for an invalid one, and no cloud."""
    old = Settings(wire="0.13.5")
    for name in ("a b", ""):
        missing = (404, f'model "{name}" not found, try pulling it first', Origin.HANDLER)
        assert refusal("/api/embed", {"model": name}, old) == missing
    required = (400, "model is required", Origin.HANDLER)
    assert refusal("/api/embeddings", {"model": "a b"}, old) == required
    wrong = (400, "invalid input type", Origin.HANDLER)
    for name in ("m:cloud", "a b"):
        assert refusal("/api/embed", {"model": name, "input": 5}, old) == wrong


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/v1/embeddings"])
def test_missing(path: str) -> None:
    """The advice of all three."""
    codec = post(path, {"model": "nope", "input": "x"})
    assert codec.missing(" nope ") == 'model " nope " not found, try pulling it first'
