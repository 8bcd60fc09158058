"""Base64 as Go reads it. The expected positions were printed by Go's own decoder."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang.gobase64 import decode


@given(st.binary(max_size=40), st.integers(0, 5))
def test_what_is_encoded_is_read_whatever_line_ends_stand_in_it(data: bytes, at: int) -> None:
    text = base64.b64encode(data).decode()
    assert decode(text[:at] + "\r\n" + text[at:]) == data


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("data:image/png;base64,AAAA", 4),
        ("AAA", 0),
        ("AA", 0),
        ("A", 0),
        ("AA=", 3),
        ("AA=A", 2),
        ("A=", 1),
        ("=", 0),
        ("AAAA=", 4),
        ("AA==AA", 4),
        ("AAA=A", 4),
        ("AAA==", 4),
        ("AAAAA", 4),
        ("AA\nA", 1),
        ("AAAAé", 4),
        ("AAAA====", 4),
        ("AAAAAA", 4),
        ("AA\n=", 4),
    ],
)
def test_positions_of_errors(text: str, position: int) -> None:
    with pytest.raises(ValueError, match=f"^illegal base64 data at input byte {position}$"):
        decode(text)


def test_bits_left_over_are_ignored() -> None:
    assert decode("AB==") == b"\0"
