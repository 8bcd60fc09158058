"""Events as a strict client reads them."""

import pytest

from ollama_simulator.conformance.sse import Event, events


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", []),
        (b"data: a\n\n", [Event("a")]),
        (b"data:a\n\ndata:  b\n\n", [Event("a"), Event(" b")]),
        (b"data: a\r\n\r\ndata: b\r\r", [Event("a"), Event("b")]),
        (b"event: ping\ndata: {}\n\n", [Event("{}", "ping")]),
        (b"data: a\ndata: b\n\n", [Event("a\nb")]),
        (b": a comment\n\nretry: 3\n\nid: 1\ndata: a\n\n", [Event("a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
        (b"event: lonely\n\ndata: a\n\n", [Event("a")]),
        (b"data\n\n", [Event("")]),
        ("data: für 海\n\n".encode(), [Event("für 海")]),
    ],
)
def test_events(body: bytes, found: list[Event]) -> None:
    """Fields, comments, line ends of three kinds, and the byte-order mark."""
    assert events(body) == found


@pytest.mark.parametrize("body", [b"data: a", b"data: a\n", b'{"error":"x"}\n\n', b'data: {"choi'])
def test_what_is_never_dispatched(body: bytes) -> None:
    """An event without its blank line, and what is no field at all."""
    assert events(body) == []


def test_glued() -> None:
    """What is glued to half an event is swallowed by it."""
    assert events(b'data: {"choidata: {"error":1}\n\n') == [Event('{"choidata: {"error":1}')]
