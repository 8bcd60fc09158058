"""What is said of pictures: of broken ones, and by models that can't see.

Source: native specification 7, and the recording `images/webp-bad`.

It must not import anything but layer 0.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator.model import Model, Origin, Refusal
from ollama_simulator.settings import Profile

BLIND = (
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
)

_HEAD = 12
"""Bytes of `RIFF`, a length, and `WEBP`."""
_CHUNK_HEAD = 8
"""Bytes of a chunk's name and its length."""


def refuse(wire: Profile, model: Model) -> None:
    """Raise what the runner of a model says that can neither see nor hear."""
    if "vision" in model.capabilities or "audio" in model.capabilities:
        return
    if wire == "0.13.5":
        raise Refusal(500, "this model is missing data required for image input", Origin.RUNNER)
    said = {"error": {"code": 500, "message": BLIND, "type": "server_error"}}
    raise Refusal(500, msgspec.json.encode(said).decode(), Origin.RUNNER)


def check(images: Iterable[bytes]) -> None:
    """Raise `Refusal` for a WebP picture that can't be read; all others are passed on unread."""
    for image in images:
        if image[:4] == b"RIFF" and image[8:_HEAD] == b"WEBP" and (wrong := _complaint(image)):
            raise Refusal(500, f"decode WebP image: {wrong}", Origin.RUNNER)


def _complaint(image: bytes) -> str | None:
    left = int.from_bytes(image[4:8], "little") - 4
    if left < 0:
        return "riff: short chunk data"
    if left == 0:
        return "webp: invalid format"
    if left < _CHUNK_HEAD or len(image) < _HEAD + _CHUNK_HEAD:
        return "riff: short chunk header"
    size = int.from_bytes(image[_HEAD + 4 : _HEAD + _CHUNK_HEAD], "little")
    if size > left - _CHUNK_HEAD:
        return "riff: list subchunk too long"
    return None
