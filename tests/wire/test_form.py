"""Forms with files in them."""

from __future__ import annotations

import pytest

from ollama_simulator.wire.form import BadForm, Form, form

TYPE = "multipart/form-data; boundary=b"
END = b"--b--\r\n"


def part(disposition: str, data: bytes) -> bytes:
    """One part of a form."""
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"


MODEL = part('form-data; name="model"', b"m")
FILE = part('form-data; name="file"; filename="a.wav"', b"\x00\xff\r\n-")
READ = Form({"model": "m"}, {"file": b"\x00\xff\r\n-"})


@pytest.mark.parametrize(
    ("content_type", "body", "read"),
    [
        (TYPE, MODEL + FILE + END, READ),
        (TYPE, MODEL + FILE + END.strip(), READ),
        (TYPE, MODEL + FILE + END + b"more", READ),
        (TYPE, b"hello\r\n" + MODEL + FILE + END, READ),
        ('Multipart/Form-Data; Boundary="b"', MODEL + FILE + END, READ),
        (TYPE, MODEL + part('form-data; name="model"', b"n") + FILE + END, READ),
        (TYPE, part('form-data; name="file"', b"x") + END, Form({"file": "x"}, {})),
        (TYPE, part('form-data; name="file"; filename=""', b"x") + END, Form({"file": "x"}, {})),
        (TYPE, part('form-data; name="f"; filename="x"', b"") + END, Form({}, {"f": b""})),
        (TYPE, END, Form({}, {})),
        (TYPE, MODEL + b"--b\r\n", Form({"model": "m"}, {})),
        (TYPE, MODEL + b"--b\r\nContent-Disposition: form-", Form({"model": "m"}, {})),
    ],
)
def test_read(content_type: str, body: bytes, read: Form) -> None:
    """Values and files."""
    assert form(content_type, body) == read


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", MODEL + END, "request Content-Type isn't multipart/form-data"),
        ("application/json", b"{}", "request Content-Type isn't multipart/form-data"),
        ("multipart/mixed; boundary=b", END, "request Content-Type isn't multipart/form-data"),
        ("multipart/form-data", MODEL + END, "no multipart boundary param in Content-Type"),
        (TYPE, b"", "multipart: NextPart: EOF"),
        (TYPE, b"garbage", "multipart: NextPart: EOF"),
        (TYPE, MODEL + FILE, "unexpected EOF"),
        (TYPE, MODEL + b"--b\r\nConte", 'malformed MIME header: missing colon: "Conte"'),
        (TYPE, (MODEL + FILE)[:-4], "unexpected EOF"),
    ],
)
def test_refused(content_type: str, body: bytes, text: str) -> None:
    """In Go's words."""
    with pytest.raises(BadForm) as caught:
        form(content_type, body)
    assert str(caught.value) == text
