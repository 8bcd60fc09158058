"""Broken pictures."""

from __future__ import annotations

import base64

import pytest

from ollama_simulator.engine.answer.pictures import check
from ollama_simulator.model import Origin, Refusal

SHORT = base64.b64decode("UklGRgAAAABXRUJQVlA4IA==")
"""The recorded one."""


def webp(size: int, rest: bytes) -> bytes:
    """A WebP file that says it has so many bytes."""
    return b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + rest


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        (SHORT, "riff: short chunk data"),
        (webp(4, b""), "webp: invalid format"),
        (webp(8, b"VP8 "), "riff: short chunk header"),
        (webp(100, b"VP8 "), "riff: short chunk header"),
        (webp(16, b"VP8 " + (99).to_bytes(4, "little")), "riff: list subchunk too long"),
    ],
)
def test_broken_webp(image: bytes, wrong: str) -> None:
    """It is found while the answer is made."""
    with pytest.raises(Refusal) as caught:
        check([b"hello", image])
    said = caught.value
    assert said.message == f"decode WebP image: {wrong}"
    assert (said.status, said.origin) == (500, Origin.RUNNER)


@pytest.mark.parametrize(
    "image",
    [b"", b"hello", b"RIFF", webp(16, b"VP8 " + (4).to_bytes(4, "little") + b"1234")],
)
def test_others_pass(image: bytes) -> None:
    """What is no WebP isn't looked at, whatever it is."""
    check([image])
