"""Request bodies that came compressed."""

from __future__ import annotations

import pytest
import zstandard

from ollama_simulator.model import Origin, Refusal
from ollama_simulator.wire import compressed
from ollama_simulator.wire.codec import Request

SAID = b'{"model":"m"}'
PACKED = zstandard.ZstdCompressor(write_checksum=True).compress(SAID)


def unpacked(data: bytes, encoding: str = "zstd") -> bytes:
    """The body of a request."""
    request = Request("POST", "/v1/messages", {}, data, (("content-encoding", encoding),))
    return compressed.body(request)


@pytest.mark.parametrize(
    ("data", "body"), [(b"", b""), (PACKED, SAID), (PACKED + PACKED, SAID + SAID)]
)
def test_unpacked(data: bytes, body: bytes) -> None:
    """All frames, one after the other."""
    assert unpacked(data) == body


@pytest.mark.timeout(20)
def test_many_frames() -> None:
    """What is left of them is not copied for each."""
    nothing = zstandard.compress(b"")
    assert unpacked(nothing * (1_000_000 // len(nothing)) + PACKED) == SAID


@pytest.mark.parametrize("encoding", ["gzip", "ZSTD", "zstd, gzip"])
def test_other_encodings_are_not_looked_at(encoding: str) -> None:
    """The name is matched as it is."""
    assert unpacked(PACKED, encoding) == PACKED


WIDE = zstandard.ZstdCompressionParameters(window_log=24)
LARGE = bytes(20 << 20)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "invalid input: magic number mismatch"),
        (PACKED[:2], "unexpected EOF"),
        (PACKED[:6], "unexpected EOF"),
        (PACKED[:-3], "unexpected EOF"),
        (PACKED + b"more", "invalid input: magic number mismatch"),
        (PACKED[:-1] + bytes([PACKED[-1] ^ 1]), "CRC check failed"),
        (zstandard.compress(LARGE + b"x"), "http: request body too large"),
        (
            zstandard.ZstdCompressor(compression_params=WIDE).compress(bytes(17 << 20)),
            "window size exceeded",
        ),
    ],
)
def test_refused(data: bytes, message: str) -> None:
    """By the cloud's proxy, which looks at the body first."""
    with pytest.raises(Refusal) as caught:
        unpacked(data)
    refusal = caught.value
    assert (refusal.status, refusal.message, refusal.origin) == (400, message, Origin.CLOUD)


def test_the_largest_body() -> None:
    """20 MiB are not too many."""
    assert len(unpacked(zstandard.compress(LARGE))) == len(LARGE)
