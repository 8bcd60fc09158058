"""What the tests of codecs share: a fixed world, and a request in one line."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from ollama_simulator.model import (
    Answer,
    Done,
    Embeddings,
    Event,
    Installed,
    Loaded,
    Model,
    Origin,
    Refusal,
    Token,
    Usage,
)
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Codec, Document, Request, Wire
from ollama_simulator.wire.routes import Match, resolve

WALL_NS = 1_795_442_721_438_908_500
"""2026-11-23T14:05:21.4389085Z"""

USAGE = Usage(
    total_s=0.342439095,
    load_s=0.267755716,
    prompt_tokens=12,
    prompt_s=0.033387435,
    tokens=3,
    generation_s=0.267475275,
)

HELLO: list[Event] = [Token("Hello"), Token("!"), Done("stop", USAGE)]

MODEL = Model("plain", 67134368, "3a2f", "llama", "8.0B", "Q4_K_M")
INSTALLED = Installed(MODEL, 1_760_000_000_000_000_000)
COMMUNITY = Installed(
    Model("hf.co/bart/Foo-GGUF:Q4_K_M", 1, "d", "llama", "unknown", "F16"),
    1_745_000_001_500_000_000,
)
LOADED = Loaded(MODEL, 1_795_443_169_443_536_332, 70_000_000, 4096)

# Both round to 32 bits; the second has fewer digits there than in 64.
EMBEDDED = Answer(Embeddings(((0.23076239, 0.0, 7.69208e-9, -0.92304957),), USAGE))


NEW = Settings()


def silent(name: str) -> None:
    """No header is there."""


def wire(settings: Settings = NEW) -> Wire:
    """A world whose clock stands still and whose ids repeat."""
    return Wire(lambda: WALL_NS, random.Random(7), settings)


def ask(
    method: str,
    path: str,
    body: Any = None,
    settings: Settings = NEW,
    headers: tuple[tuple[str, str], ...] = (),
) -> Codec:
    """The codec of a request. The body is bytes, or something to be written as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    match = resolve(method, path, silent, settings)
    assert isinstance(match, Match), match
    return match.codec(Request(method, match.path, match.params, data, headers), wire(settings))


def post(path: str, body: Any = None, settings: Settings = NEW) -> Codec:
    """The codec of a POST."""
    return ask("POST", path, body, settings)


def refusal(path: str, body: Any, settings: Settings = NEW) -> tuple[int, str, Origin]:
    """What a POST is refused with."""
    with pytest.raises(Refusal) as caught:
        post(path, body, settings)
    return caught.value.status, caught.value.message, caught.value.origin


def streamed(codec: Codec, events: list[Event]) -> list[bytes]:
    """The chunks of a stream."""
    return [chunk for event in events for chunk in codec.encode(event)]


def error_of(
    path: str,
    status: int,
    message: str,
    origin: Origin = Origin.HANDLER,
    settings: Settings = NEW,
) -> Document:
    """An error as the codec at this path words it."""
    match = resolve("POST", path, silent, settings)
    assert isinstance(match, Match)
    return match.codec.error(Refusal(status, message, origin), wire(settings))
