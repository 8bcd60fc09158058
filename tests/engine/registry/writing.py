"""Writes GGUF files for the tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any


def _text(order: str, text: str) -> bytes:
    data = text.encode()
    return struct.pack(f"{order}Q", len(data)) + data


def _value(order: str, value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack(f"{order}I?", 7, value)
        case int():
            return struct.pack(f"{order}II", 4, value)
        case float():
            return struct.pack(f"{order}If", 6, value)
        case str():
            return struct.pack(f"{order}I", 8) + _text(order, value)
        case [str(), *_]:
            items = b"".join(_text(order, item) for item in value)
            return struct.pack(f"{order}IIQ", 9, 8, len(value)) + items
        case list():
            return struct.pack(f"{order}IIQ{len(value)}I", 9, 4, len(value), *value)
    raise AssertionError(value)


def gguf(
    values: Mapping[str, Any],
    tensors: Mapping[str, tuple[int, ...]] | None = None,
    *,
    order: str = "<",
    weights: bytes = b"",
    version: int = 3,
) -> bytes:
    """A file with this metadata, and tensors of these shapes and of type F16."""
    tensors = tensors or {}
    magic = b"GGUF" if order == "<" else b"FUGG"
    counts = "II" if version == 1 else "QQ"
    data = magic + struct.pack(f"{order}I{counts}", version, len(tensors), len(values))
    for key, value in values.items():
        data += _text(order, key) + _value(order, value)
    for name, shape in tensors.items():
        data += _text(order, name) + struct.pack(f"{order}I{len(shape)}Q", len(shape), *shape)
        data += struct.pack(f"{order}IQ", 1, 0)
    return data + weights


LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "hidden",
    "general.file_type": 1,
    "llama.context_length": 8192,
    "llama.embedding_length": 64,
    "llama.rope.freq_base": 0.1,
    "tokenizer.ggml.tokens": ["<s>", "</s>"],
    "tokenizer.ggml.token_type": [2, 3],
}
