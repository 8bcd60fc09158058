"""What the probing client makes of bytes, whatever they are."""

import pytest

from ollama_simulator.conformance.answer import Answer, Outcome, Piece
from ollama_simulator.net.client import End


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(range(256)),
        b"\xff\xfe{\x00}\x00",
        b"[" * 200_000,
        b'{"a":' * 200_000 + b"\n",
        b'{"eval_count": ' + b"9" * 5_000 + b"}\n",
        b'[1, 2]\n7\nnull\n"done"\n',
        b'{"message": 5, "choices": [], "done": "yes", "error": null, "delta": [1]}\n',
    ],
)
def test_no_bytes_are_too_strange(body: bytes) -> None:
    """They are no whole answer, and nothing worse."""
    came = Answer("", "", 0.0, status=200, pieces=[Piece(0.1, body)], end=End.COMPLETE)
    assert came.outcome is Outcome.SILENT
    assert (came.content(), came.tokens(), came.finished()) == ("", [], False)
    assert came.last_line()
    assert came.state.startswith("200 ")
    came.pure()


def test_half_a_character_is_text() -> None:
    """A lone surrogate, as JSON may spell it, is what was said."""
    body = rb'{"message": {"content": "\ud800"}, "done": true}'
    came = Answer("", "", 0.0, status=200, pieces=[Piece(0.1, body)], end=End.COMPLETE)
    assert (came.outcome, came.content()) == (Outcome.COMPLETE, "\ud800")
