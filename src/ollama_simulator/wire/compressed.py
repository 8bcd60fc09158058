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
    while data:
        if data[:4] != _MAGIC[: len(data)]:
            raise _refused("invalid input: magic number mismatch" if data[3:] else _CUT)
        if _window(data) > WINDOW:
            raise _refused("window size exceeded")
        data = _frame(data, out)
    return bytes(out)


def _frame(data: bytes, out: bytearray) -> bytes:
    """Unpack the first frame behind `out`; what follows the frame is returned."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    for at in range(0, len(data), _SLICE):
        try:
            out += unpacker.decompress(data[at : at + _SLICE])
        except zstandard.ZstdError:
            raise _refused("CRC check failed") from None
        if len(out) > LARGEST:
            raise _refused("http: request body too large")
        if unpacker.eof:
            return unpacker.unused_data + data[at + _SLICE :]
    raise _refused(_CUT)


def _window(data: bytes) -> int:
    try:
        return zstandard.get_frame_parameters(data).window_size
    except zstandard.ZstdError:
        raise _refused(_CUT) from None


def _refused(message: str) -> Refusal:
    return Refusal(400, message, Origin.CLOUD)
