"""The contrast of the colours is computed, for both schemes."""

from __future__ import annotations

import re

import pytest

from ollama_simulator.control.dashboard.routes import HERE

SHEET = (HERE / "colours.css").read_text(encoding="utf-8")
GROUNDS = ("ground", "sheet", "raised")
TEXTS = ("text", "muted", "blue", "green", "red", "amber", "violet")
EDGES = ("edge", "focus", "blue", "green", "red", "amber", "violet")


def blocks() -> list[dict[str, str]]:
    """The colours of each block of the sheet, by name."""
    found = re.findall(r"\{([^{}]*--ground[^{}]*)\}", SHEET)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in found]


def luminance(colour: str) -> float:
    """How bright a colour is (WCAG 2.2, relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.2, contrast ratio)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_it_is_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


def test_dark_is_the_same_whoever_wants_it() -> None:
    light, chosen, system = blocks()
    assert chosen == system != light
    assert light.keys() == chosen.keys()


@pytest.mark.parametrize("at", [0, 1], ids=["light", "dark"])
def test_texts_and_edges_have_contrast(at: int) -> None:
    colours = blocks()[at]
    for ground in GROUNDS:
        for text in TEXTS:
            ratio = contrast(colours[text], colours[ground])
            assert ratio >= 4.5, f"{text} on {ground}: {ratio:.2f}"
        for edge in EDGES:
            ratio = contrast(colours[edge], colours[ground])
            assert ratio >= 3, f"{edge} on {ground}: {ratio:.2f}"
    assert contrast(colours["on-danger"], colours["danger"]) >= 4.5
