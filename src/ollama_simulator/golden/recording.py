"""Recordings: what a file of exchanges with a real server says, in one shape for both formats.

Source: native specification 13, compat specification 18.

Rules of this file:

1. A line is read as what it is; the format is told by its keys, line by line.
2. What can't be read is a `BadRecording` that names file and line.

It must not import anything of this package.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

Header = tuple[str, str]


class BadRecording(Exception):
    """A file can't be read, or a line of it is no recording. The text names both."""


class Reply(msgspec.Struct, frozen=True):
    """One response as it came over the wire."""

    status_line: str | None = None
    """None if none came."""
    headers: tuple[Header, ...] = ()
    """In the order and the case of the wire."""
    framing: str = "none"
    """`content-length`, `chunked`, `close` or `none`."""
    chunks: tuple[bytes, ...] = ()
    """Payloads of the HTTP chunks."""
    body: bytes = b""
    ended: str = "complete"
    """`complete`, `timeout`, `fin-without-terminator`, `reset` or `malformed`."""
    after: str | None = None
    """What the socket did afterwards: `open`, `closed`; None if that isn't known."""


class Request(msgspec.Struct, frozen=True):
    """What the client sent."""

    method: str
    path: str
    headers: tuple[Header, ...] = ()
    body: bytes | None = None
    version: str = "1.1"
    raw: tuple[str, ...] = ()
    """Bytes as sent, one text for each write, long runs abbreviated; empty: made of the rest."""
    generator: Mapping[str, Any] = {}
    """How a big body is made."""
    half_close_ms: float | None = None
    """When the client shuts its sending side down."""

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object; empty if it is none."""
        try:
            value = json.loads(self.body or b"")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Native(msgspec.Struct, frozen=True):
    """What the native endpoint streamed for the same output of the model."""

    status: int
    lines: tuple[str, ...]


class Recording(msgspec.Struct, frozen=True):
    """One exchange, and what was arranged for it."""

    file: str
    line: int
    name: str
    request: Request
    replies: tuple[Reply, ...]
    setup: str = ""
    """`server <name>; <state>`; empty in the compat format."""
    script: Mapping[str, Any] | None = None
    native: Native | None = None
    timing_ms: Mapping[str, Any] = {}
    """Milliseconds since the request was sent, where they tell something."""
    compat: bool = False

    @property
    def group(self) -> str:
        """The part of the name before the first slash."""
        return self.name.partition("/")[0]

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"

    @property
    def reply(self) -> Reply:
        """The first response."""
        return self.replies[0]


def read(path: Path) -> Iterator[Recording]:
    """The recordings of a file. Raises `BadRecording`."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadRecording(f"{path}: cannot be read: {error.strerror or error}") from None
    found = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = True
        try:
            yield recording(json.loads(line), str(path), number)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRecording(f"{path}:{number}: not a recording: {_words(error)}") from None
    if not found:
        raise BadRecording(f"{path}: no recordings in it")


def _words(error: Exception) -> str:
    match error:
        case KeyError():
            return f"there is no {error}"
        case TypeError() | AttributeError():
            return f"a field has a wrong type: {error}"
        case _:
            return str(error)


def recording(fields: Any, file: str, line: int) -> Recording:
    """One line. Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError`."""
    if not isinstance(fields, dict):
        raise ValueError("a recording is a JSON object")
    for part in ("response", "request"):
        if not isinstance(fields[part], dict):
            raise ValueError(f"its {part!r} is a JSON object")
    if "status" in fields["response"]:
        return _compat(fields, file, line)
    return _native(fields, file, line)


def _native(fields: dict[str, Any], file: str, line: int) -> Recording:
    request = fields["request"]
    raw = request.get("raw", ())
    body = request["body"]
    replies = [fields["response"], *fields.get("further_responses", ())]
    return Recording(
        file,
        line,
        fields["name"],
        Request(
            request["method"],
            request["path"] or "",
            _headers(request["headers"]),
            None if body is None else body.encode(),
            request.get("http_version", "1.1"),
            (raw,) if isinstance(raw, str) else tuple(raw),
            request.get("body_generator", {}),
            request.get("half_close_after_ms"),
        ),
        tuple(
            Reply(
                reply["status_line"],
                _headers(reply["headers"]),
                reply["framing"],
                tuple(chunk.encode() for chunk in reply["chunks"]),
                reply["body"].encode(),
                reply["ended"],
                reply.get("connection_after"),
            )
            for reply in replies
        ),
        fields["setup"],
        fields["script"],
        timing_ms=fields.get("timing_ms", {}),
    )


def _compat(fields: dict[str, Any], file: str, line: int) -> Recording:
    request, reply, native = fields["request"], fields["response"], fields.get("native")
    body = request.get("body")
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    chunks = tuple(chunk.encode() for chunk in reply.get("chunks", ()))
    headers = _headers(reply["headers"])
    chunked = any(name == "Transfer-Encoding" for name, _ in headers)
    whole = not chunked or reply["terminated"]
    length = any(name == "Content-Length" for name, _ in headers)
    head = request["method"] == "HEAD"
    framing = "none" if head else "chunked" if chunked else "content-length" if length else "none"
    status = HTTPStatus(reply["status"])
    return Recording(
        file,
        line,
        fields["name"],
        Request(
            request["method"],
            request["path"],
            tuple((str(name), str(value)) for name, value in request.get("headers", {}).items()),
            None if body is None else body.encode(),
        ),
        (
            Reply(
                f"HTTP/1.1 {status.value} {status.phrase}",
                headers,
                framing,
                chunks,
                b"".join(chunks) if chunked else reply["body"].encode(),
                "complete" if whole else "fin-without-terminator",
            ),
        ),
        native=native and Native(native["status"], tuple(native["lines"])),
        compat=True,
    )


def _headers(pairs: Sequence[Sequence[str]]) -> tuple[Header, ...]:
    return tuple((str(name), str(value)) for name, value in pairs)
