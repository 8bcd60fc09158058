"""The field `info` of a creation, which overrides what a config says.

Source: native specification 4.13.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.engine.registry.sources import bad
from ollama_simulator.golang.gojson import quote

_LARGEST = 2**63 - 1


class Info(msgspec.Struct, frozen=True):
    """What the request says of the model; empty values say nothing."""

    capabilities: tuple[str, ...] = ()
    model_family: str = ""
    base_name: str = ""
    quantization_level: str = ""
    parameter_size: str = ""
    context_length: int = 0
    embedding_length: int = 0


def read(given: Mapping[str, Any] | None) -> Info:
    """The field, checked in Ollama's order. Raises `Refusal`."""
    if given is None:
        return Info()
    listed = given.get("capabilities")
    capabilities = listed if isinstance(listed, list) else []
    return Info(
        tuple(each if isinstance(each, str) else "" for each in capabilities),
        model_family=_text(given, "model_family"),
        base_name=_text(given, "base_name"),
        quantization_level=_text(given, "quantization_level"),
        parameter_size=_text(given, "parameter_size"),
        context_length=_number(given, "context_length"),
        embedding_length=_number(given, "embedding_length"),
    )


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise bad(f"info field {quote(key)} must be a string")
    return value


def _number(given: Mapping[str, Any], key: str) -> int:
    value = given.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"info field {quote(key)} must be a number")
    if value < 0 or value != int(value) or value > _LARGEST:
        raise bad(f"info field {quote(key)} must be a non-negative integer")
    return int(value)
