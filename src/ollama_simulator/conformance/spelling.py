"""A request as bytes: how our client writes it, and where it may be told apart.

Rules of this file:

1. Nothing is added later: what stands here goes out, and nothing else.

It must not import the scenarios or the player.
"""

from collections.abc import Iterable, Sequence

import msgspec

Part = bytes | float
"""Bytes to send, or seconds to wait before the next ones."""


class Spelled(msgspec.Struct, frozen=True):
    """A request that can be sent."""

    head: bytes
    """Request line and headers, with the empty line behind them."""
    body: bytes
    nonce: str
    """What tells it apart from all others; it is in the target or the body."""
    asked: str
    """What is asked for, in words."""
    expected: str = ""
    """The text that a server generates for it."""

    @property
    def bodiless(self) -> bool:
        """Whether its answer has no body."""
        return self.head.startswith(b"HEAD ")


def head(
    host: str, method: str, target: str, body: bytes | None, headers: Iterable[tuple[str, str]]
) -> bytes:
    """The head of a request. `Host`, `Connection`, `Content-Type` and `Content-Length` are added
    where they are absent; the last is not where the body is said to be chunked."""
    given = list(headers)
    named = {name.lower() for name, _ in given}
    sent = [("Host", host), ("Connection", "close")]
    if body is not None:
        sent.append(("Content-Type", "application/json"))
    found = [pair for pair in sent if pair[0].lower() not in named] + given
    if body is not None and not {"content-length", "transfer-encoding"} & named:
        found.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in found)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def filled(headers: Iterable[tuple[str, str]], nonce: str) -> list[tuple[str, str]]:
    """Headers with a nonce in the place of the word NONCE."""
    return [(name, value.replace("NONCE", nonce)) for name, value in headers]


def trickle(data: bytes, pieces: int, seconds: float) -> list[Part]:
    """Bytes in so many pieces, spread evenly over a time."""
    size = -(-len(data) // pieces)
    found: list[Part] = []
    for start in range(0, len(data), size):
        found += [data[start : start + size], seconds / pieces]
    return found


def pauses(parts: Sequence[Part]) -> float:
    """Seconds that are waited between the bytes."""
    return sum(part for part in parts if not isinstance(part, bytes))
