"""Two schemas that both hold, as one.

Source: JSON Schema 2020-12, core and validation.

Rules of this file:

1. Of two words that can't be one (two `anyOf`), the second is put into `allOf`, for later.
2. Of two that can't be drawn from together (two patterns, two `not`), the first is kept; whether
   the second holds is found out by the check of the whole value.

It must not import anything but the standard library.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_CHOICES = {
    "$ref": ("$ref",),
    "anyOf": ("anyOf",),
    "oneOf": ("oneOf",),
    "if": ("if", "then", "else"),
}
"""Words that are used up one after the other, with those that belong to them."""

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


_HINTS = {
    "object": (
        "properties required additionalProperties patternProperties minProperties maxProperties "
        "propertyNames dependentRequired"
    ).split(),
    "array": "items prefixItems minItems maxItems uniqueItems contains".split(),
    "string": "pattern format minLength maxLength".split(),
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split(),
}
"""The type that a schema without one is about, by the words in it."""


def merged(first: Any, second: Any) -> Any:
    """The schema of what conforms to both."""
    if first is False or second is False:
        return False
    if not isinstance(first, Mapping):
        return second
    if not isinstance(second, Mapping):
        return first
    out = dict(first)
    later: list[Schema] = []
    for word, value in second.items():
        if word not in out:
            out[word] = value
        elif word in _CHOICES:
            later.append({name: second[name] for name in _CHOICES[word] if name in second})
        else:
            out[word] = _WORDS.get(word, _kept)(out[word], value)
    if later:
        out["allOf"] = [*out.get("allOf", ()), *later]
    return out


def types(value: Any) -> list[str]:
    """The types that a schema's `type` lets pass."""
    if value is None:
        return list(_TYPES)
    if isinstance(value, str):
        return [value]
    return [kind for kind in dict.fromkeys(value) if kind in _TYPES]


def likely(schema: Schema) -> list[str]:
    """The types of the values of a schema: those it names, or the one that it is about."""
    if "type" in schema:
        return types(schema["type"])
    for kind, hints in _HINTS.items():
        if any(hint in schema for hint in hints):
            return [kind]
    return ["string", "integer", "boolean"]


def _both_types(first: Any, second: Any) -> list[str]:
    ours, theirs = types(first), types(second)
    common = [kind for kind in ours if kind in theirs]
    if "integer" not in common and "integer" in ours + theirs and "number" in ours + theirs:
        common.append("integer")
    return common


def _each(first: Any, second: Any) -> Any:
    """Two maps of schemas, those of one name merged."""
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return first
    names = {**first, **second}
    return {name: merged(first.get(name, True), second.get(name, True)) for name in names}


def _joined(first: Any, second: Any) -> Any:
    """Two lists of names as one."""
    return list(dict.fromkeys([*first, *second]))


def _common(first: Any, second: Any) -> Any:
    """The values that are in both lists."""
    known = set(map(_spelled, second))
    return [item for item in first if _spelled(item) in known]


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _kept(first: Any, second: Any) -> Any:
    return first


_WORDS: dict[str, Callable[[Any, Any], Any]] = {
    "type": _both_types,
    "properties": _each,
    "patternProperties": _each,
    "$defs": _each,
    "definitions": _each,
    "additionalProperties": merged,
    "propertyNames": merged,
    "items": merged,
    "contains": merged,
    "required": _joined,
    "allOf": lambda first, second: [*first, *second],
    "enum": _common,
    **dict.fromkeys(
        "minimum exclusiveMinimum minLength minItems minProperties minContains".split(), max
    ),
    **dict.fromkeys(
        "maximum exclusiveMaximum maxLength maxItems maxProperties maxContains".split(), min
    ),
    "uniqueItems": lambda first, second: first or second,
}
"""How two values of one word are joined; of the others the first is kept."""
