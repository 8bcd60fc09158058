"""Standard base64, accepted and refused as Go's library does.

Source: native specification 1.9 and 3.7 (`images`), compatibility specification 5.1.

Rules of this file:

1. Line ends are skipped wherever they stand; padding is needed; bits left over are ignored.
2. The position of an error counts bytes of the text as sent, line ends included.

It must not import anything of this package.
"""

import binascii
import contextlib

_MEANT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_LINE_ENDS = b"\r\n"


def decode(text: str) -> bytes:
    """The bytes. Raises `ValueError` with Go's words."""
    data = text.encode("utf-8", "replace")
    kept = data
    if b"\n" in data or b"\r" in data:
        kept = data.translate(None, _LINE_ENDS)
    # Python lets too much padding pass, which the length tells, or four bytes of it.
    if len(kept) % 4 == 0 and not kept.endswith(b"==="):
        with contextlib.suppress(binascii.Error):
            return binascii.a2b_base64(kept, strict_mode=True)
    raise ValueError(f"illegal base64 data at input byte {_position(data)}")


def _position(data: bytes) -> int:
    """Where Go stops reading data that it refuses."""
    places = 0
    for at, byte in enumerate(data):
        if byte in _LINE_ENDS:
            continue
        if byte in _MEANT:
            places = (places + 1) % 4
            continue
        if byte != ord("=") or places < 2:
            return at
        return _position_in_padding(data, at, places)
    # What is incomplete at the end is told by as many bytes as it has, line ends or not.
    return len(data) - places


def _position_in_padding(data: bytes, first: int, places: int) -> int:
    """The same, from the first padding byte on; it stands in the third or fourth place."""
    rest = [at for at in range(first + 1, len(data)) if data[at] not in _LINE_ENDS]
    if places == 2:
        if not rest:
            return len(data)
        if data[rest[0]] != ord("="):
            return rest[0] - 1
        rest = rest[1:]
    return rest[0]
