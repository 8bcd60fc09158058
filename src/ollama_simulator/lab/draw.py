"""The scorecard as a picture: an SVG file that needs no other file, and no host.

It must not import anything but its own package.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ollama_simulator.lab.scorecard import Card
from ollama_simulator.lab.scores import Score

PANELS: tuple[tuple[str, str, tuple[tuple[str, Callable[[Score], float]], ...]], ...] = (
    (
        "First token",
        "seconds until then, logarithmic",
        (
            ("median", lambda score: score.ttft.p50),
            ("90 %", lambda score: score.ttft.p90),
            ("99 %", lambda score: score.ttft.p99),
        ),
    ),
    ("Goodput", "good requests in a second", (("goodput", lambda score: score.goodput),)),
    (
        "Hits",
        "share of the prompts' tokens",
        (
            ("cached", lambda score: score.hit_ratio),
            ("one cache without limits", lambda score: score.ideal_ratio),
        ),
    ),
    ("Balance", "Jain's index of the servers' busy times", (("balance", lambda s: s.balance),)),
)
SETTINGS: Any = {
    # The same numbers give the same file.
    "svg.hashsalt": "ollama_simulator",
    # Letters are letters, in whatever sans-serif there is: small, and can be searched.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
}


def draw(cards: Sequence[Card], title: str, file: Path) -> None:
    """Draw the policies. Raises `OSError` if the file can't be written."""
    file.write_text(svg(cards, title), encoding="utf-8")


def svg(cards: Sequence[Card], title: str) -> str:
    """The picture as a text."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(11, 1.2 + 0.9 * len(cards)), layout="constrained")
        figure.suptitle(title, fontsize=11)
        axes = figure.subplots(2, 2).flat
        for axis, panel in zip(axes, PANELS, strict=True):
            _panel(axis, cards, *panel)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _panel(
    axis: Any,
    cards: Sequence[Card],
    title: str,
    unit: str,
    series: Sequence[tuple[str, Callable[[Score], float]]],
) -> None:
    """Bars for each policy, and the values of all seeds as dots on them."""
    from matplotlib.ticker import LogLocator

    height = 0.8 / len(series)
    for row, (name, value) in enumerate(series):
        places = [i - 0.4 + (row + 0.5) * height for i in range(len(cards))]
        bars = axis.barh(places, [card.mean(value) for card in cards], height, label=name)
        for place, card in zip(places, cards, strict=True):
            values = [value(score) for score in card.scores]
            axis.plot(values, [place] * len(values), ".", color="black", markersize=3)
        if len(series) == 1:
            axis.bar_label(bars, fmt="%.2f", label_type="center", color="white", fontsize=8)
    axis.set_yticks(range(len(cards)), [card.policy for card in cards])
    axis.invert_yaxis()
    axis.set_title(title, loc="left")
    axis.set_xlabel(unit)
    if "logarithmic" in unit:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
    else:
        axis.set_xlim(0, axis.get_xlim()[1] * 1.1)
    if len(series) > 1:
        # Above the bars, so that it hides none.
        axis.legend(
            fontsize=8, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 0.98)
        )
