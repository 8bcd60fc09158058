"""Files that are taken in piece by piece."""

from __future__ import annotations

import hashlib

import pytest

from ollama_simulator.engine.registry import blobs
from ollama_simulator.engine.registry.blobs import Blob, Intake, bare
from tests.engine.registry.writing import LLAMA, gguf


def taken(data: bytes, piece: int) -> tuple[str, Blob]:
    """A file that came in pieces of this size."""
    intake = Intake()
    for start in range(0, len(data), piece):
        intake.add(data[start : start + piece])
    return intake.finish()


@pytest.mark.parametrize("size", [0, 3, 100, blobs.SMALL, 3 * blobs.SMALL])
@pytest.mark.parametrize("piece", [1000, 10**6])
def test_a_file_is_hashed_and_forgotten(size: int, piece: int) -> None:
    """Only its beginning is kept."""
    data = b"x" * size
    digest, blob = taken(data, piece)
    assert digest == hashlib.sha256(data).hexdigest()
    assert blob == Blob(size, data[: blobs.SMALL])


@pytest.mark.parametrize("piece", [1, 7, 10**6])
def test_a_gguf_file_tells_of_itself(piece: int) -> None:
    """However it comes; its weights are not kept."""
    data = gguf(LLAMA, {"a": (2, 3)}, weights=b"w" * 1000)
    _, blob = taken(data, piece)
    assert blob.head is not None
    assert blob.head.values == {**LLAMA, "general.parameter_count": 6}
    assert blob.fault == ""
    assert len(blob.start) <= blobs.SMALL


def test_a_long_head() -> None:
    """One that is longer than what is kept of other files is read all the same."""
    tokens = [f"token {i}" for i in range(20_000)]
    _, blob = taken(gguf({**LLAMA, "tokens": tokens}, weights=b"w" * 10**6), 65_536)
    assert blob.head is not None
    assert blob.head.values["tokens"] == tokens
    assert len(blob.start) == blobs.SMALL


@pytest.mark.parametrize("beginning", [b"text", gguf({**LLAMA, "t": ["x" * 99] * 3000})])
def test_weights_are_not_held(beginning: bytes) -> None:
    """As soon as the head is known, there is no need for what is behind it."""
    intake = Intake()
    intake.add(beginning)
    for _ in range(30):
        intake.add(b"w" * 65_536)
    assert intake.held <= blobs.SMALL


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (gguf(LLAMA)[:40], "unexpected EOF"),
        (b"GGUF", "EOF"),
        (gguf({"k": True}).replace(b"\x07\0\0\0\x01", b"\x4d\0\0\0\x01"), "invalid type: 77"),
        (b"text", ""),
    ],
)
def test_what_is_wrong_with_it(data: bytes, fault: str) -> None:
    """A damaged file is kept with what is said of it."""
    _, blob = taken(data, 10**6)
    assert (blob.head, blob.fault, blob.start) == (None, fault, data)


@pytest.mark.parametrize("mark", [":", "-"])
def test_digests(mark: str) -> None:
    """Two spellings of one digest; the case of its digits is its own."""
    assert bare(f"sha256{mark}{'Ab' * 32}") == "Ab" * 32


@pytest.mark.parametrize(
    "digest", ["", "0" * 64, "sha256:", "sha256:" + "0" * 63, "sha256:" + "g" * 64]
)
def test_malformed_digests(digest: str) -> None:
    """All others."""
    assert bare(digest) is None
