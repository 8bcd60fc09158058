"""Ollama's environment variables."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ollama_simulator.environment import WITHOUT_EFFECT, Invalid, settings_in
from ollama_simulator.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("OLLAMA_NUM_PARALLEL", "4", {"num_parallel": 4}),
        ("OLLAMA_NUM_PARALLEL", ' "4" ', {"num_parallel": 4}),
        ("OLLAMA_NUM_PARALLEL", "many", {}),
        ("OLLAMA_MAX_QUEUE", "0", {"max_queue": 0}),
        ("OLLAMA_MAX_LOADED_MODELS", "1", {"max_loaded_models": 1}),
        ("OLLAMA_CONTEXT_LENGTH", "8192", {"context_length": 8192}),
        ("OLLAMA_KEEP_ALIVE", "10m", {"keep_alive": 600.0}),
        ("OLLAMA_KEEP_ALIVE", "30", {"keep_alive": 30.0}),
        ("OLLAMA_KEEP_ALIVE", "-1", {"keep_alive": math.inf}),
        ("OLLAMA_KEEP_ALIVE", "soon", {}),
        ("OLLAMA_KEEP_ALIVE", "\u00b2", {}),
        ("OLLAMA_LOAD_TIMEOUT", "2s", {"load_timeout": 2.0}),
        ("OLLAMA_LOAD_TIMEOUT", "-1", {"load_timeout": 0.0}),
        ("OLLAMA_HOST", "0.0.0.0", {"bind": "0.0.0.0"}),
        ("OLLAMA_HOST", "http://example.com:80/x", {"bind": "example.com"}),
        ("OLLAMA_HOST", "[::1]:11434", {"bind": "::1"}),
        ("OLLAMA_HOST", "::1", {"bind": "::1"}),
        ("OLLAMA_HOST", ":11434", {}),
        ("OLLAMA_ORIGINS", "*", {"origins": ("*",)}),
        (
            "OLLAMA_ORIGINS",
            "https://a.example, app://*",
            {"origins": ("https://a.example", "app://*")},
        ),
        ("OLLAMA_REMOTES", "a.example,b.example", {"remotes": ("a.example", "b.example")}),
        ("OLLAMA_MODELS", "/models", {"models": "/models"}),
        ("OLLAMA_NO_CLOUD", "1", {"no_cloud": True}),
        ("OLLAMA_NO_CLOUD", "false", {"no_cloud": False}),
        ("OLLAMA_NO_CLOUD", "whatever", {"no_cloud": True}),
        ("OLLAMA_NO_CLOUD", "", {}),
        ("OLLAMA_FLASH_ATTENTION", "1", {}),
    ],
)
def test_a_variable(name: str, value: str, fields: dict[str, Any]) -> None:
    assert settings_in({name: value}) == fields
    assert Settings(**fields) is not None


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(Invalid, match=r"^OLLAMA_NUM_PARALEL is no variable of Ollama's; there are"):
        settings_in({"OLLAMA_NUM_PARALEL": "4"})


def test_an_origin_that_ollama_dies_of_is_refused() -> None:
    with pytest.raises(Invalid, match=r"'evil' has no `\*` and no scheme"):
        settings_in({"OLLAMA_ORIGINS": "*,evil"})


def test_nothing_has_an_effect_and_none() -> None:
    for name in WITHOUT_EFFECT:
        assert settings_in({name: "1"}) == {}
