"""One JSON value and nothing else, read as Go's `json.Unmarshal` does."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.golang.unmarshal import NOT_AN_OBJECT, NotJson, arguments, unmarshal


@pytest.mark.parametrize(
    ("text", "value"),
    [(' {"a": [1, 2.5]} \n', {"a": [1, 2.5]}), ("null", None), ("12", 12), ('"x"', "x")],
)
def test_values(text: str, value: Any) -> None:
    """Blanks around a value don't matter."""
    assert unmarshal(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unexpected end of JSON input"),
        ("  ", "unexpected end of JSON input"),
        ('{"city":', "unexpected end of JSON input"),
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("{}{}", "invalid character '{' after top-level value"),
    ],
)
def test_complaints(text: str, complaint: str) -> None:
    """Go's words for a text that is something else."""
    with pytest.raises(NotJson) as caught:
        unmarshal(text)
    assert str(caught.value) == complaint


def test_arguments() -> None:
    """An object, or none at all."""
    assert arguments('{"b":1,"a":2}') == {"b": 1, "a": 2}
    assert list(arguments('{"b":1,"a":2}') or ()) == ["b", "a"]
    assert arguments("null") is None
    with pytest.raises(NotJson) as caught:
        arguments("[]")
    assert str(caught.value) == NOT_AN_OBJECT


def test_numbers_that_are_too_large() -> None:
    """They fit no float, wherever they stand."""
    said = "json: cannot unmarshal number 1e400 into Go value of type float64"
    with pytest.raises(NotJson, match=said):
        unmarshal('{"a":[1e400]}')
