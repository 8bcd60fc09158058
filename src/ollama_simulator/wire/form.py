"""Forms with files in them, read as Go's library reads them.

Source: compatibility specification 11; Go's `net/http` and `mime/multipart`.

Rules of this file:

1. Of several fields with one name the first counts. A part without a name is skipped, one with
   the name of a file is a file.

It must not import a dialect.
"""

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from ollama_simulator.golang.gojson import quote

KIND = "multipart/form-data"


class Form(msgspec.Struct, frozen=True):
    """A form; the names are those of its fields."""

    values: dict[str, str]
    files: dict[str, bytes]


class BadForm(ValueError):
    """A body is no form. The text is what Go says of it."""


def form(content_type: str, body: bytes) -> Form:
    """The form in a body. Raises `BadForm`."""
    kind, options = parse_options_header(content_type)
    if kind.lower() != KIND:
        raise BadForm(f"request Content-Type isn't {KIND}")
    boundary = options.get("boundary")
    if not boundary:
        raise BadForm("no multipart boundary param in Content-Type")
    values: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part, data in _parts(boundary, body):
        if part.filename:
            files.setdefault(part.name, data)
        else:
            values.setdefault(part.name, data.decode("utf-8", "replace"))
    return Form(values, files)


def _parts(boundary: str, body: bytes) -> list[tuple[MultipartSegment, bytes]]:
    parser = PushMultipartParser(boundary)
    parts: list[tuple[MultipartSegment, bytes]] = []
    part: MultipartSegment | None = None
    data = b""
    try:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                part, data = event, b""
            elif event is not None:
                data += bytes(event)
            elif part is not None:
                parts.append((part, data))
                part = None
        parser.close()
    except MultipartError:
        if part is not None:
            raise BadForm("unexpected EOF") from None
        _check_rest(body.rpartition(b"--" + boundary.encode()))
    return parts


def _check_rest(cut: tuple[bytes, bytes, bytes]) -> None:
    """Judge a form that ends in the head of a part, which Go takes for the end of a form.

    `cut` is what stands before the last boundary, the boundary, and what stands behind it.
    """
    _, found, rest = cut
    if not found:
        raise BadForm("multipart: NextPart: EOF")
    last = rest.rpartition(b"\n")[2]
    if last and b":" not in last:
        shown = quote(last.decode("utf-8", "replace"))
        raise BadForm(f"malformed MIME header: missing colon: {shown}")
