"""Pictures in a request arrive."""

import base64
import struct
import zlib
from functools import partial
from typing import Any

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken
from ollama_simulator.conformance.scenarios.stream.structure import ABLE


def picture(size: int) -> str:
    """A PNG of one pixel in base64, with so many bytes of a comment that a line gets long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    note = bytes(range(32, 127)) * (size // 95)
    parts = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        chunk(b"tEXt", b"Comment\0" + note),
        chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
        chunk(b"IEND", b""),
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def with_picture(body: dict[str, Any], *, dialect: Dialect, image: str) -> None:
    """Put a picture beside the text of a request."""
    message = body["messages"][0]
    if dialect is CHAT:
        message["images"] = [image]
        return
    text = {"type": "text", "text": message["content"]}
    if dialect is OPENAI:
        url = f"data:image/png;base64,{image}"
        message["content"] = [text, {"type": "image_url", "image_url": {"url": url}}]
    else:
        source = {"type": "base64", "media_type": "image/png", "data": image}
        message["content"] = [text, {"type": "image", "source": source}]


@scenario(
    claim="A picture in a request reaches the server unharmed, beside its text.",
    advice="Pass the body of a request on with everything in it, however long one of its strings "
    "is.",
    killed_by={"drops-pictures"},
    evidence=["ollama/ollama#11633"],
    settings=ABLE,
    variants=spoken(CHAT, OPENAI, MESSAGES),
)
async def pictures(run: Run, dialect: Dialect) -> None:
    """A picture of 90 kB."""
    image = picture(90_000)
    change = partial(with_picture, dialect=dialect, image=image)
    answer, tape = await playing.ask(run, shapes.plain, dialect, tokens=3, change=change)
    whole = image.encode() in tape.asked
    run.note(
        "the picture that the server got",
        whole,
        f"{len(image):,} characters of base64",
        "those" if whole else f"it is not in the {len(tape.asked):,} bytes that the server got",
    )
    run.check("the outcome of the stream", answer.outcome, Outcome.COMPLETE)
