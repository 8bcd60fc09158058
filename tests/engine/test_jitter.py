"""Irregular iterations: what stays true of them however many there were."""

from __future__ import annotations

from ollama_simulator.engine.jitter import PERIOD, Factors
from ollama_simulator.hardware import Jitter


def test_weeks_of_iterations_cost_no_precision() -> None:
    """Factors repeat, so an iteration takes the same a hundred million later, to the last digit."""
    factors = Factors(Jitter(sigma=0.03, stall_p=0.003, stall_ms=40.0))
    for start in (0, 17, PERIOD - 1):
        for count in (1, 16, 2 * PERIOD + 5):
            early = factors.seconds(start, count, 0.18, 0.24)
            assert factors.seconds(start + 30_000 * PERIOD, count, 0.18, 0.24) == early
