"""Lines that are made ahead of their times: the same as those that are made then."""

from __future__ import annotations

import random

import pytest

from ollama_simulator.flow import UNFRAMED
from ollama_simulator.model import Token
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Codec, Request, Wire
from ollama_simulator.wire.ollama import Chat, Generate
from ollama_simulator.wire.openai_chat import ChatCompletions

TEXTS = ("Hello", " ", '"<b>"', "é\u2028")
TIMES = (1_800_000_000_123_456_789, 1_800_000_000_500_000_000, 1_800_000_001_000_000_000, 10**18)


def codec(kind: type[Codec], now: list[int]) -> Codec:
    """One that reads the time from a list."""
    body = b'{"model":"m","messages":[{"role":"user","content":"a"}],"prompt":"a","stream":true}'
    wire = Wire(lambda: now[0], random.Random(1), Settings())
    return kind(Request("POST", "/", {}, body), wire)


@pytest.mark.parametrize("kind", [Chat, Generate])
def test_lines_made_ahead(kind: type[Codec]) -> None:
    """Each is what it would be at its time."""
    now = [0]
    said = codec(kind, now)
    ahead = said.encode_ahead(TEXTS, TIMES, UNFRAMED)
    then = []
    for text, now[0] in zip(TEXTS, TIMES, strict=True):
        then += said.encode(Token(text))
    assert ahead == then


def test_who_remembers_what_was_said_can_not() -> None:
    """The first chunk of some dialects differs from the others."""
    assert codec(ChatCompletions, [0]).encode_ahead(TEXTS, TIMES, UNFRAMED) is None
