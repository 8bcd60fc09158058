"""`/v1/audio/transcriptions`."""

from __future__ import annotations

import pytest

from ollama_simulator.model import Done, Event, Infer, Message, Origin, Refusal, Token
from ollama_simulator.wire.audio import Transcriptions
from ollama_simulator.wire.codec import Codec, Request
from tests.wire.speaking import HELLO, USAGE, wire

TYPE = "multipart/form-data; boundary=b"


def transcribe(fields: dict[str, str], sound: bytes | None = b"RIFF", kind: str = TYPE) -> Codec:
    """The codec of a request."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if sound is not None:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        parts.append(head + sound + b"\r\n")
    body = b"".join(parts) + b"--b--\r\n"
    path = "/v1/audio/transcriptions"
    return Transcriptions(Request("POST", path, {}, body, (("Content-Type", kind),)), wire())


def test_job() -> None:
    """The sound is part of a chat at temperature 0; the language and the hint are for the model."""
    job = transcribe({"model": "m", "language": "en", "prompt": "boats"}).job
    assert isinstance(job, Infer)
    system, asked = job.messages
    assert (job.model, job.options) == ("m", {"temperature": 0})
    assert "en." in system.content
    assert system.content.endswith("boats")
    assert asked == Message("user", asked.content, images=(b"RIFF",))


@pytest.mark.parametrize(
    ("format", "events", "media", "chunks"),
    [
        ("json", HELLO, "application/x-ndjson", [b"", b'{"text":"Hello!"}\n']),
        ("srt", HELLO[1:], "application/x-ndjson", [b"", b'{"text":"!"}\n']),
        ("text", HELLO, "application/x-ndjson", [b"", b"Hello!"]),
        ("json", [Done("stop", USAGE, " a<b ")], "application/json", [b'{"text":"a\\u003cb"}\n']),
        ("text", [Done("stop", USAGE, " a<b ")], "text/plain", [b"a<b"]),
        ("json", HELLO[:2], "application/x-ndjson", [b""]),
        ("json", [], "application/x-ndjson", []),
    ],
)
def test_answer(format: str, events: list[Event], media: str, chunks: list[bytes]) -> None:
    """The head goes out with the first word; an answer of one piece has its own type."""
    codec = transcribe({"model": "m", "response_format": format})
    assert [chunk for event in events for chunk in codec.encode(event)] == chunks
    assert (codec.stream, codec.media) == (True, media)


def test_an_error_in_the_midst_is_lost() -> None:
    """Nothing more is said."""
    codec = transcribe({"model": "m"})
    codec.encode(Token("x"))
    assert codec.broken(Refusal(500, "lost")) == []


@pytest.mark.parametrize(
    ("fields", "sound", "kind", "message"),
    [
        ({}, b"x", TYPE, "model is required"),
        ({"model": "m"}, None, TYPE, "file is required: http: no such file"),
        ({"model": "m"}, b"", TYPE, "audio file is empty"),
        (
            {"model": "m"},
            b"x",
            "application/json",
            "failed to parse multipart form: request Content-Type isn't multipart/form-data",
        ),
    ],
)
def test_refused(fields: dict[str, str], sound: bytes | None, kind: str, message: str) -> None:
    """Before the model is asked for."""
    with pytest.raises(Refusal) as caught:
        transcribe(fields, sound, kind)
    refusal = caught.value
    assert (refusal.status, refusal.message, refusal.origin) == (400, message, Origin.DECODE)


def test_a_bad_name() -> None:
    """The native handler refuses it."""
    wrong = transcribe({"model": "bad name"}).wrong
    assert wrong is not None
    assert (wrong.message, wrong.origin) == ("invalid model name", Origin.HANDLER)


def test_the_cloud() -> None:
    """It is asked behind the dialect, so its refusals are in the dialect's shape."""
    codec = transcribe({"model": "m:cloud"})
    assert isinstance(codec.job, Infer)
    assert codec.job.path == "/v1/audio/transcriptions"
    told = codec.absorb(Refusal(401, "unauthorized", Origin.CLOUD))
    assert isinstance(told, Refusal)
    assert (told.status, told.origin) == (401, Origin.HANDLER)
