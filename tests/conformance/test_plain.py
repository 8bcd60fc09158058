"""What a balancer may answer can be shown, whatever it is."""

from ollama_simulator.conformance.plain import MOST, plain


def test_what_can_be_printed_stays() -> None:
    """In any script."""
    text = "über den Wolken, 海の話, \U0001f40b, 'a\\n'"
    assert plain(text) == text


def test_what_can_not_is_escaped() -> None:
    """Control characters, half a pair of UTF-16, what turns the direction, ends of lines."""
    assert plain("a\x1b[31m\0\ud800\u202e\r\nb") == r"a\x1b[31m\x00\ud800\u202e\r\nb"


def test_the_middle_of_what_is_long_is_left_out() -> None:
    """And its length is told."""
    text = plain("a" * MOST + "b" * MOST)
    assert text.startswith("a" * (MOST // 2) + " ... 4000 characters are left out ... b")
    assert text.endswith("b" * (MOST // 2))
