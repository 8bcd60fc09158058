"""The scorecard as a table for a terminal.

It must not import anything but its own package.
"""

import math
from collections.abc import Callable, Sequence

from rich.table import Table

from ollama_simulator.lab.scorecard import Card, Estimate
from ollama_simulator.lab.scores import Score

COLUMNS: tuple[tuple[str, Callable[[Score], float], str], ...] = (
    ("TTFT p50", lambda score: score.ttft.p50, "{:.2f} s"),
    ("p90", lambda score: score.ttft.p90, "{:.2f} s"),
    ("p99", lambda score: score.ttft.p99, "{:.2f} s"),
    ("first turns", lambda score: score.ttft_first.mean, "{:.2f} s"),
    ("later", lambda score: score.ttft_later.mean, "{:.2f} s"),
    ("good/s", lambda score: score.goodput, "{:.2f}"),
    ("good", lambda score: score.good_share, "{:.0%}"),
    ("hits", lambda score: score.hit_ratio, "{:.2f}"),
)
BEHIND: tuple[tuple[str, Callable[[Score], float], str], ...] = (
    ("balance", lambda score: score.balance, "{:.2f}"),
    ("worst client", lambda score: score.worst_client, "{:.1f}×"),
    ("busy", lambda score: score.utilisation, "{:.0%}"),
)
SELDOM: tuple[tuple[str, Callable[[Score], float], str], ...] = (
    ("errors", lambda score: score.errors + score.refused, "{:.0f}"),
    ("left", lambda score: score.left, "{:.0f}"),
    ("loads/1000", lambda score: score.loads, "{:.1f}"),
    ("evicted/1000", lambda score: score.evictions, "{:.1f}"),
    ("reloaded/1000", lambda score: score.reloads, "{:.1f}"),
    ("wasted tokens", lambda score: score.wasted_tokens + score.wasted_prompt, "{:,.0f}"),
)
"""Shown if there is anything to show."""


def table(cards: Sequence[Card]) -> Table:
    """A row for each policy, the best mean time to the first token first."""
    seldom = [each for each in SELDOM if any(card.mean(each[1]) for card in cards)]
    made = Table(box=None, header_style="bold", pad_edge=False)
    made.add_column("policy")
    heads = ["TTFT", *(name for name, _, _ in COLUMNS), "efficiency"]
    heads += [name for name, _, _ in (*BEHIND, *seldom)]
    incidents = len(cards[0].scores[0].recovery_s)
    heads += [f"recovery {i + 1}" for i in range(incidents)] + ["vs. least-conn."]
    for head in heads:
        made.add_column(head, justify="right")
    for card in sorted(cards, key=lambda card: card.mean(lambda score: score.ttft.mean)):
        cells = [_text(card.mean(lambda score: score.ttft.mean), "{:.2f} s")]
        cells += [_text(card.mean(value), form) for _, value, form in COLUMNS]
        cells.append(_text(card.hit_efficiency, "{:.0%}"))
        cells += [_text(card.mean(value), form) for _, value, form in (*BEHIND, *seldom)]
        for i in range(incidents):
            cells.append(_text(card.mean(lambda score, i=i: score.recovery_s[i]), "{:.0f} s"))  # type: ignore[misc]
        made.add_row(card.policy, *cells, ratio(card.ttft_ratio))
    return made


def ratio(found: Estimate | None) -> str:
    """How much longer something takes, and how sure that is."""
    if found is None or math.isnan(found.mean):
        return "-"
    off = "" if math.isinf(found.off) else f" ± {found.off:.2f}"
    return f"{found.mean:.2f}{off}"


def _text(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else form.format(value)
