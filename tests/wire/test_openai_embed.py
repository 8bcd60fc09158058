"""`/v1/embeddings`."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Answer, Embed, Embeddings, Origin
from tests.wire.speaking import USAGE, post, refusal

PATH = "/v1/embeddings"
VECTOR = (0.23076239, 0.3076832, 0.0, 7.69208e-9, -0.92304957, 0.00769208)
TWO = Answer(Embeddings((VECTOR, VECTOR), USAGE))
USED = '"model":"embed","usage":{"prompt_tokens":12,"total_tokens":12}}\n'


@pytest.mark.parametrize("form", [None, "", "float", "FLOAT"])
def test_numbers(form: str | None) -> None:
    """32-bit floats, and a newline."""
    codec = post(PATH, {"model": "embed", "input": ["a", "b"], "encoding_format": form})
    assert codec.job == Embed("embed", ("a", "b"))
    assert (codec.stream, codec.media) == (False, "application/json")
    numbers = "[0.23076239,0.3076832,0,7.69208e-9,-0.92304957,0.00769208]"
    assert codec.collect([TWO]).decode() == (
        f'{{"object":"list","data":[{{"object":"embedding","embedding":{numbers},"index":0}},'
        f'{{"object":"embedding","embedding":{numbers},"index":1}}],{USED}'
    )


def test_base64() -> None:
    """The same floats, four bytes each."""
    codec = post(PATH, {"model": "embed", "input": "hi", "encoding_format": "Base64"})
    assert codec.job == Embed("embed", ("hi",))
    one = Answer(Embeddings((VECTOR,), USAGE))
    assert codec.collect([one]).decode() == (
        '{"object":"list","data":[{"object":"embedding",'
        f'"embedding":"+kxsPqeInT4AAAAAICYEMvpMbL/YDfw7","index":0}}],{USED}'
    )


def test_job() -> None:
    """An empty string is embedded here; other fields are ignored."""
    body = {"model": "m", "input": "", "dimensions": 8, "keep_alive": 5, "truncate": 1, "user": 1}
    assert post(PATH, body).job == Embed("m", ("",), 8)
    assert post(PATH, {"model": "m", "input": [""]}).job == Embed("m", ("",))


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": []}])
def test_no_input(body: dict[str, Any]) -> None:
    """Not a load request, as it is natively."""
    assert refusal(PATH, {"model": "m", **body}) == (400, "invalid input", Origin.DECODE)


@pytest.mark.parametrize("given", [5, {}, False, [1, 2], [["a"]], ["a", None]])
def test_input_type(given: Any) -> None:
    """The native handler says so."""
    expected = (400, "invalid input type", Origin.HANDLER)
    assert refusal(PATH, {"model": "m", "input": given}) == expected


@pytest.mark.parametrize(
    ("fields", "status", "message", "origin"),
    [
        (
            {"encoding_format": "hex"},
            400,
            "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64'].",
            Origin.DECODE,
        ),
        ({}, 404, "model '' not found", Origin.HANDLER),
        ({"model": "bad name"}, 400, "invalid model name", Origin.HANDLER),
        (
            {"dimensions": 1.0},
            400,
            "json: cannot unmarshal number 1.0 into Go struct field EmbedRequest.dimensions "
            "of type int",
            Origin.DECODE,
        ),
    ],
)
def test_refusals(fields: dict[str, Any], status: int, message: str, origin: Origin) -> None:
    """What is decided without looking for the model."""
    assert refusal(PATH, {"input": "x", **fields}) == (status, message, origin)
