"""`/v1/models` and `/v1/models/{model}`."""

from __future__ import annotations

import pytest

from ollama_simulator.model import Answer, ListModels, Refusal, Show
from tests.wire.speaking import COMMUNITY, INSTALLED, ask


def test_models() -> None:
    """All models under their short names, with the namespace as the owner."""
    codec = ask("GET", "/v1/models")
    assert (codec.job, codec.media, codec.stream) == (ListModels(), "application/json", False)
    assert codec.collect([Answer((INSTALLED, COMMUNITY))]) == (
        b'{"object":"list","data":[{"id":"plain:latest","object":"model","created":1760000000,'
        b'"owned_by":"library"},{"id":"hf.co/bart/Foo-GGUF:Q4_K_M","object":"model",'
        b'"created":1745000001,"owned_by":"bart"}]}\n'
    )


def test_no_models() -> None:
    """Null, not an empty list."""
    assert ask("GET", "/v1/models").collect([Answer(())]) == b'{"object":"list","data":null}\n'


def test_one_model() -> None:
    """Under the name by which it was asked for."""
    codec = ask("GET", "/v1/models/NATI%56E")
    assert (codec.job, codec.media) == (Show("NATIVE"), "application/json")
    assert codec.collect([Answer(INSTALLED)]) == (
        b'{"id":"NATIVE","object":"model","created":1760000000,"owned_by":"library"}\n'
    )
    assert codec.missing("nope") == "model 'nope:latest' not found"


def test_bad_name() -> None:
    """No need to look for it."""
    with pytest.raises(Refusal, match=r"^invalid model name$") as caught:
        ask("GET", "/v1/models/a%20b")
    assert caught.value.status == 400
