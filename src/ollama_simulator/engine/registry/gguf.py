"""What the head of a GGUF file says of the model in it.

Source: the GGUF format (versions 1 to 3, both byte orders); native specification 4.6 and 4.13.

Rules of this file:

1. A file comes in pieces. Its head is parsed when enough of it is there; the rest is never needed.
2. What can't be a GGUF file raises `Malformed` with Go's words.

It must not import anything of this package but `golang`.
"""

import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.golang import gojson

MAGIC = (b"GGUF", b"FUGG")
"""In either byte order."""

FILE_TYPES = {
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
}
"""Names of quantisations by `general.file_type`."""

_TENSOR_TYPES = (
    "F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS"
    " IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16"
    " unknown unknown unknown TQ1_0 TQ2_0 unknown unknown unknown MXFP4 NVFP4"
).split()
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_FORMATS[12] = "d"
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4


_HUMAN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([KMBT]?)", re.ASCII | re.IGNORECASE)
_SCALES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class Malformed(Exception):
    """It is no GGUF file. The text is what Ollama says of it."""


class Incomplete(Malformed):
    """The head goes on behind what is there."""


class Head(msgspec.Struct, frozen=True):
    """What a file says of itself."""

    values: Mapping[str, Any]
    """Its metadata, with the number of its parameters."""
    tensors: tuple[Mapping[str, Any], ...] = ()
    """Name, type and shape of each."""

    def text(self, key: str) -> str:
        """A value that is a string, or the empty one."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """A value that is a number, or 0; of the model's architecture unless it says otherwise."""
        own = key if "general." in key else f"{self.architecture}.{key}"
        value = self.values.get(own)
        return value if isinstance(value, int) else 0

    def has(self, key: str) -> bool:
        """Whether there is such a value of the model's architecture."""
        return f"{self.architecture}.{key}" in self.values

    @property
    def architecture(self) -> str:
        """The family of the model."""
        return self.text("general.architecture") or "unknown"

    @property
    def file_type(self) -> str:
        """How it is quantised."""
        # A value of 0, which would be F32, is taken for none.
        return FILE_TYPES.get(self.number("general.file_type") or -1, "unknown")

    @property
    def chat_template(self) -> str:
        """Its Jinja template, or the empty string."""
        return self.text("tokenizer.chat_template")

    @property
    def kind(self) -> str:
        """What layer the file makes: `model`, `adapter` or `projector`."""
        match self.text("general.type"):
            case "adapter":
                return "adapter"
            case "projector" | "mmproj":
                return "projector"
        sees = self.number("vision.block_count") > 0
        clip = self.architecture == "clip"
        sees = sees or (clip and (self.has("has_vision_encoder") or self.has("has_audio_encoder")))
        return "projector" if sees and not self.number("block_count") else "model"


def human(count: int) -> str:
    """A number of parameters as Ollama shows it."""
    for scale, letter, digits in ((10**9, "B", 1), (10**6, "M", 2)):
        if count >= scale:
            return f"{count / scale:.{digits if count % scale else 0}f}{letter}"
    return f"{count / 1000:.0f}K" if count >= 1000 else str(count)


def count(shown: str) -> int:
    """A number of parameters that is shown so, or 0 for a text that is none."""
    found = _HUMAN.fullmatch(shown)
    if found is None:
        return 0
    exact = float(found[1]) * _SCALES[found[2].upper()]
    # A whole number is shown with decimals only if there are some beyond them.
    return round(exact) + (1 if "." in found[1] and float(found[1]).is_integer() else 0)


def read(data: bytes | bytearray) -> Head:
    """The head of a file of which this is the beginning. Raises `Incomplete` or `Malformed`."""
    if bytes(data[:4]) not in MAGIC:
        raise Malformed("invalid file magic")
    return _Reader(data, "<" if data[:4] == MAGIC[0] else ">").head()


def _narrow(x: float) -> float:
    """A 32-bit float as the number that its shortest text means, for that is what is shown."""
    return float(gojson.float32(x)) if math.isfinite(x) else x


class _Reader:
    """Reads one head."""

    def __init__(self, data: bytes | bytearray, order: str) -> None:
        self._data = memoryview(data)
        self._order = order
        self._at = 4
        self._version = self._one("I")
        self._count = "I" if self._version == 1 else "Q"

    def _need(self, end: int) -> None:
        if end > len(self._data):
            raise Incomplete("EOF" if self._at == len(self._data) else "unexpected EOF")

    def _one(self, form: str) -> Any:
        form = self._order + form
        end = self._at + struct.calcsize(form)
        self._need(end)
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at = end
        return value

    def _string(self) -> str:
        length = self._one("Q")
        end = self._at + length
        self._need(end)
        text = bytes(self._data[self._at : end]).decode("utf-8", "replace")
        self._at = end
        return text.rstrip("\0") if self._version == 1 else text

    def _array(self) -> list[Any]:
        kind, count = self._one("I"), self._one(self._count)
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        form = _FORMATS.get(kind)
        if form is None:
            raise Malformed(f"invalid array type: {kind}")
        end = self._at + count * struct.calcsize(self._order + form)
        self._need(end)
        values = list(struct.unpack_from(f"{self._order}{count}{form}", self._data, self._at))
        self._at = end
        return [_narrow(value) for value in values] if form == "f" else values

    def _value(self) -> Any:
        kind = self._one("I")
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        form = _FORMATS.get(kind)
        if form is None:
            raise Malformed(f"invalid type: {kind}")
        return _narrow(self._one(form)) if form == "f" else self._one(form)

    def _tensor(self) -> tuple[dict[str, Any], int]:
        name = self._string()
        dimensions = self._one("I")
        if dimensions > _MOST_DIMENSIONS:
            raise Malformed(
                f'tensor "{name}" dimensions {dimensions} exceeds maximum {_MOST_DIMENSIONS}'
            )
        shape = [self._one("Q") for _ in range(dimensions)]
        kind = self._one("I")
        self._one("Q")  # where its data begins
        known = _TENSOR_TYPES[kind] if kind < len(_TENSOR_TYPES) else "unknown"
        elements = 1
        for length in shape:
            elements *= length
        return {"name": name, "type": known, "shape": shape}, elements

    def head(self) -> Head:
        """All of it."""
        tensors, values = self._one(self._count), self._one(self._count)
        found = {}
        for _ in range(values):
            key = self._string()
            found[key] = self._value()
        read = [self._tensor() for _ in range(tensors)]
        # Go adds them up in 64 bits.
        found["general.parameter_count"] = sum(elements for _, elements in read) % 2**64
        return Head(found, tuple(tensor for tensor, _ in read))
