"""How far back the state of a model can be taken."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.caching.rewinding import ANYWHERE, NOWHERE, Rewinding, rewinding
from ollama_simulator.model import Model


def model(family: str, info: dict[str, Any] | None = None) -> Model:
    return Model("m", 1, "d", family, "1B", "F16", model_info=info or {})


@pytest.mark.parametrize(
    ("family", "legacy", "current"),
    [
        ("llama", ANYWHERE, ANYWHERE),
        ("qwen3", ANYWHERE, ANYWHERE),
        ("qwen35moe", NOWHERE, NOWHERE),
        ("lfm2", NOWHERE, NOWHERE),
        ("gemma3", Rewinding("window", 1024, 1024), Rewinding("window", 1024, 1024)),
        ("gptoss", Rewinding("window", 128, 4096), Rewinding("window", 128, 4096)),
        ("llama4", ANYWHERE, Rewinding("window", 8192, 8192)),
    ],
)
def test_families(family: str, legacy: Rewinding, current: Rewinding) -> None:
    """By engine; the seed goes back anywhere."""
    assert rewinding("legacy", model(family)) == legacy
    assert rewinding("current", model(family)) == current
    assert rewinding("seed", model(family)) == ANYWHERE


def test_the_file_may_tell_the_window() -> None:
    """And if what it tells is none, the table holds."""
    for told, window in ((512, 512), (0, 1024), ("wide", 1024)):
        info = {"gemma3.attention.sliding_window": told}
        assert rewinding("current", model("gemma3", info)).window == window
