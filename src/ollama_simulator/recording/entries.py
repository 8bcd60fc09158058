"""The lines of a recording, as values.

Rules of this file:

1. A recording is a file of JSON objects, one a line: a `Recording` begins it, and again whenever
   somebody went on with it; every `Exchange` is one request and its answer.
2. Times are seconds since the head of the request was read, by a clock that only goes forward.
3. Texts are the bytes that were sent, as UTF-8; bytes that are none stand in base64.
4. What is changed here is a change of `VERSION`, unless every older file still means the same.

It must not import anything of this package.
"""

import base64
import hashlib
from typing import Annotated, Literal

import msgspec

VERSION = 1

Header = tuple[str, str]
Headers = tuple[Header, ...]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Framing = Literal["chunked", "content-length", "close", "none"]
Ended = Literal["complete", "cut", "reset", "refused", "unreachable", "malformed", "left"]

REDACTED = "[redacted]"
"""What stands in the place of a secret."""
SECRETS = frozenset(
    "authorization cookie proxy-authorization set-cookie x-api-key api-key x-goog-api-key".split()
)
"""Headers whose values are secrets, in lower case."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag=True):
    """One line of a recording; `type` says which."""


class Recording(Line, frozen=True, kw_only=True):
    """Somebody began to record."""

    version: int
    """Of the format."""
    program: str
    """Who recorded, and its version."""
    upstream: str
    """The URL of the server that answered."""
    server: str
    """The name of the server that recorded, in its fleet."""
    began: str
    """Date and time of day (RFC 3339)."""
    redacted: tuple[str, ...] = ()
    """Headers whose values are not in the file, in lower case."""


class Content(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """Bytes. Exactly one of `text`, `base64` and `sha256` is set."""

    text: str | None = None
    base64: str | None = None
    sha256: str | None = None
    """Of bytes that were too many to be kept, in hexadecimal."""
    size: int | None = None
    """How many these were."""

    def __post_init__(self) -> None:
        if [self.text, self.base64, self.sha256].count(None) != 2:
            raise ValueError("exactly one of text, base64 and sha256 must be there")
        if self.base64 is not None:
            _decoded(self.base64)

    @classmethod
    def of(cls, data: bytes) -> "Content":
        """These bytes."""
        try:
            return cls(text=data.decode())
        except UnicodeDecodeError:
            return cls(base64=base64.b64encode(data).decode())

    @property
    def data(self) -> bytes | None:
        """The bytes; None if they were too many."""
        if self.base64 is not None:
            return _decoded(self.base64)
        return None if self.text is None else self.text.encode("utf-8", "surrogatepass")

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return self.sha256 or hashlib.sha256(self.data or b"").hexdigest()


class Request(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """What the client sent."""

    method: str
    target: str
    """Path and query, as sent."""
    version: str = "1.1"
    """Of HTTP."""
    headers: Headers = ()
    """As sent, but for secrets."""
    body: Content | None = None
    """None if there was none. Without the framing of chunks."""
    seconds: Seconds = 0.0
    """When the last byte of it was passed on."""


class Head(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """The head of the answer."""

    status: Annotated[int, msgspec.Meta(ge=200, le=999)]
    reason: str = ""
    headers: Headers = ()
    """As sent, in their order, but for secrets."""
    framing: Framing
    """How the end of the body was told (RFC 9112, 6.3); `none`: there is no body."""
    seconds: Seconds

    def __post_init__(self) -> None:
        if self.framing == "content-length" and self.length is None:
            raise ValueError("`framing` is content-length, and no header says how long the body is")

    @property
    def length(self) -> int | None:
        """What `Content-Length` declares; None if it is not there, or no number."""
        words = self.header("content-length") or ""
        plain = len(words) <= 18 and words.isascii() and words.isdigit()
        return int(words) if plain else None

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Piece(Content, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A piece of the answer's body: a chunk, or without chunks what came at once."""

    seconds: Seconds

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sha256 is not None or self.size is not None:
            raise ValueError("a piece of an answer is text or base64")


class Exchange(Line, frozen=True, kw_only=True):
    """A request, and its answer."""

    server: str
    """The name of the server that recorded it."""
    at: str
    """Date and time of day of the request (RFC 3339)."""
    request: Request
    head: Head | None = None
    """None if none came."""
    pieces: tuple[Piece, ...] = ()
    ended: Ended
    """`complete`; `cut` by the end of the connection, or `reset`; no connection since it was
    `refused`, or the server `unreachable`; `malformed`: what came was no HTTP; `left`: the client
    left before the end."""
    detail: str = ""
    """What broke, in words."""
    seconds: Seconds
    """When it ended."""

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return b"".join(piece.data or b"" for piece in self.pieces)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"base64: {error}") from None
