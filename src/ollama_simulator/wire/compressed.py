"""Request bodies that came compressed.

Source: compatibility specification 2.1, native specification 1.10.

Rules of this file:

1. It is for the five routes on which the cloud's proxy looks at the body first. What can't be
   unpacked is refused by the proxy, so natively (`Origin.CLOUD`).
2. `Content-Encoding` is `zstd`, spelled so; anything else is not looked at.

It must not import a dialect.
"""

import zstandard

from ollama_simulator.model import Origin, Refusal
from ollama_simulator.wire.codec import Request

LARGEST = 20 << 20
"""Bytes that a body may have when it is unpacked."""
WINDOW = 8 << 20
"""Bytes that may have to be kept while unpacking."""

_MAGIC = zstandard.FRAME_HEADER
_CUT = "unexpected EOF"
_SLICE = 1024
"""Bytes that are unpacked at once: some become 30,000 times as many."""


def body(request: Request) -> bytes:
    """The body, unpacked. Raises `Refusal`."""
    headers = ((name.lower(), value) for name, value in request.headers)
    encoding = next((value for name, value in headers if name == "content-encoding"), "")
    return _unpacked(request.body) if encoding == "zstd" else request.body


def _unpacked(data: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(data):
        head = data[at : at + _SLICE]
        if head[:4] != _MAGIC[: len(head)]:
            raise _refused("invalid input: magic number mismatch" if head[3:] else _CUT)
        if _window(head) > WINDOW:
            raise _refused("window size exceeded")
        at = _frame(data, at, out)
    return bytes(out)


def _frame(data: bytes, start: int, out: bytearray) -> int:
    """Unpack the frame that begins at `start` behind `out`. Where it ends."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    for at in range(start, len(data), _SLICE):
        piece = data[at : at + _SLICE]
        try:
            out += unpacker.decompress(piece)
        except zstandard.ZstdError:
            raise _refused("CRC check failed") from None
        if len(out) > LARGEST:
            raise _refused("http: request body too large")
        if unpacker.eof:
            return at + len(piece) - len(unpacker.unused_data)
    raise _refused(_CUT)


def _window(head: bytes) -> int:
    try:
        return zstandard.get_frame_parameters(head).window_size
    except zstandard.ZstdError:
        raise _refused(_CUT) from None


def _refused(message: str) -> Refusal:
    return Refusal(400, message, Origin.CLOUD)
