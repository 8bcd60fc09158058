"""The models of the built-in registry."""

from __future__ import annotations

import pytest

from ollama_simulator import names
from ollama_simulator.engine.registry import library
from ollama_simulator.engine.render.gotemplate import template as go
from ollama_simulator.model import Model


def found(name: str) -> Model:
    """A model that must be there."""
    model = library.find(names.parse(name))
    assert model is not None
    return model


@pytest.mark.parametrize(
    ("name", "family", "capabilities"),
    [
        ("llama3.2", "llama", ("completion", "tools")),
        ("QWEN3:latest", "qwen3", ("completion", "tools", "thinking")),
        ("nomic-embed-text", "nomic-bert", ("embedding",)),
        ("gpt-oss:20b", "gptoss", ("completion", "tools", "thinking")),
    ],
)
def test_well_known_models(name: str, family: str, capabilities: tuple[str, ...]) -> None:
    """By any spelling."""
    model = found(name)
    assert (model.family, model.capabilities) == (family, capabilities)
    assert model.size == sum(layer.size for layer in model.layers)
    assert names.parse(model.name).tag in model.name
    go.read(model.template)


def test_two_names_of_one_model() -> None:
    """They have the same files, and so the same digest."""
    latest, tagged = found("llama3.2"), found("llama3.2:3b")
    assert (latest.digest, latest.layers) == (tagged.digest, tagged.layers)
    assert latest.digest != found("llama3.2:1b").digest


def test_a_stub() -> None:
    """What runs at ollama.com has no weights."""
    stub = found("gpt-oss:120b-cloud")
    assert not stub.has_weights
    assert (stub.remote_model, stub.remote_host) == ("gpt-oss:120b", "https://ollama.com:443")
    assert stub.size == stub.layers[0].size


@pytest.mark.parametrize("name", ["nope", "llama3.2:99b", "me/llama3.2"])
def test_unknown_models(name: str) -> None:
    """All others."""
    assert library.find(names.parse(name)) is None
