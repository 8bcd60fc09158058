"""What the guide to caches says is what the caches do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollama_simulator.engine.caching.checkpoints import APART, MOST, NEAR_END, PADDING
from ollama_simulator.engine.caching.rewinding import OWN, STATES, WINDOWS
from ollama_simulator.settings import Settings

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "caching.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("families", [STATES, WINDOWS, OWN])
def test_every_family_stands_there(families: frozenset[str] | dict[str, int]) -> None:
    assert [name for name in families if f"`{name}`" not in GUIDE] == []


def test_the_numbers_are_those() -> None:
    words = " ".join(GUIDE.split())
    assert NEAR_END == 4
    for part in (
        f"{MOST} of them at most",
        f"{APART:,} tokens apart",
        f"rounded up to {PADDING} tokens",
        f"`cache_ram_mib`, {Settings().cache_ram_mib} unless set",
        "for `gemma4` and `gptoss` 4,096 tokens",
    ):
        assert part in words
    kept = {name for name, count in OWN.items() if count}
    assert kept == {"gemma4", "gptoss", "gpt-oss"}
    assert WINDOWS.keys() - OWN == {"cohere2", "exaone4", "llama4"}
