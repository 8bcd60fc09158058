"""Orders that are random in a real server don't count; those that are not, do."""

from __future__ import annotations

import pytest

from ollama_simulator.golden.orders import sorted_out


def test_parameters() -> None:
    """The lines of `parameters`, and those of a Modelfile where they stand."""
    one = (
        rb'{"modelfile":"FROM a\nPARAMETER b 2\nPARAMETER a 1\nMESSAGE x","parameters":"b 2\na 1"}'
    )
    other = (
        rb'{"modelfile":"FROM a\nPARAMETER a 1\nPARAMETER b 2\nMESSAGE x","parameters":"a 1\nb 2"}'
    )
    assert sorted_out(one) == sorted_out(other)


def test_other_lines_of_a_modelfile() -> None:
    """They have their order, and their place among the parameters."""
    one = rb'{"modelfile":"PARAMETER a 1\nSYSTEM x\nPARAMETER b 2"}'
    other = rb'{"modelfile":"PARAMETER a 1\nPARAMETER b 2\nSYSTEM x"}'
    assert sorted_out(one) != sorted_out(other)


def listed(key: str, *entries: tuple[str, str]) -> bytes:
    """A list of models, each with a name and a time."""
    models = ",".join(f'{{"name":"{name}","{key}":"{time}"}}' for name, time in entries)
    return f'{{"models":[{models}]}}'.encode()


def test_models_of_one_second() -> None:
    """Any of them may come first."""
    one = ("a", "2026-01-01T00:00:01.5Z")
    two = ("b", "2026-01-01T00:00:01.25Z")
    assert sorted_out(listed("modified_at", one, two)) == sorted_out(
        listed("modified_at", two, one)
    )


def test_installed_models_of_several_seconds() -> None:
    """The newest comes first."""
    new, old = ("a", "2026-01-01T00:00:02Z"), ("b", "2026-01-01T00:00:01Z")
    right, wrong = listed("modified_at", new, old), listed("modified_at", old, new)
    assert sorted_out(right) == right
    assert sorted_out(wrong) == wrong


def test_loaded_models() -> None:
    """When they expire differs from run to run: any order that the times allow is the same."""
    one = listed("expires_at", ("a", "2026-01-01T00:00:02Z"), ("b", "2026-01-01T00:00:01Z"))
    other = listed("expires_at", ("b", "2026-01-01T00:00:02Z"), ("a", "2026-01-01T00:00:01Z"))
    assert sorted_out(one).index(b'"a"') == sorted_out(other).index(b'"a"')
    wrong = listed("expires_at", ("b", "2026-01-01T00:00:01Z"), ("a", "2026-01-01T00:00:02Z"))
    assert sorted_out(wrong) == wrong


@pytest.mark.parametrize(
    "body",
    [
        b'{"models":[{"name":"b"} ,{"name":"a"}]}',
        b'{"models":[1,',
        b'{"models":[],"a":"b"}',
        b'{"a":"parameters"}',
    ],
)
def test_anything_else(body: bytes) -> None:
    """It is left alone."""
    assert sorted_out(body) == body
