"""The values of `keep_alive`."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang import duration
from ollama_simulator.model import Origin, Refusal


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("90s", 90.0),
        ("1m30.5s", 90.5),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("+2s", 2.0),
        ("250ms", 0.25),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("1ns", 1e-9),
        ("0", 0.0),
        ("-0", 0.0),
        ("+0", 0.0),
        ("0s", 0.0),
        ("-0s", 0.0),
        ("-1s", math.inf),
        ("-1h", math.inf),
        ("2562047h", 9223369200.0),
    ],
)
def test_text(text: str, seconds: float) -> None:
    """Go's durations; negative ones are for ever."""
    assert duration.from_text(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("1h30", 'time: missing unit in duration "1h30"'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ('1"', 'time: unknown unit "\\"" in duration "1\\""'),
        ("1é\n", r'time: unknown unit "\xc3\xa9\x0a" in duration "1\xc3\xa9\x0a"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
        ("9" * 5000 + "s", f'time: invalid duration "{"9" * 5000}s"'),
    ],
)
def test_bad_text(text: str, message: str) -> None:
    """Go's words for what is no duration."""
    with pytest.raises(Refusal) as caught:
        duration.from_text(text)
    assert (caught.value.status, caught.value.message) == (400, message)
    assert caught.value.origin is Origin.DECODE


@given(st.text(st.sampled_from("0123456789.+-smhnuµ ")) | st.text())
def test_nonsense(text: str) -> None:
    """Nothing but a refusal comes of anything."""
    with contextlib.suppress(Refusal):
        assert duration.from_text(text) >= 0


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        (0.0, 0.0),
        (0.4, 0.4),
        (300.0, 300.0),
        (-1.0, math.inf),
        (-0.5, math.inf),
        (1e-9, 1e-9),
        (9e-10, 0.0),
        (1e10, -(2**63) / 1e9),
    ],
)
def test_number(number: float, seconds: float) -> None:
    """Seconds; what is too much for Go is in the past, and less than a nanosecond is nothing."""
    assert duration.from_number(number) == seconds
