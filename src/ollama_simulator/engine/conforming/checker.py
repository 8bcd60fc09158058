"""Whether a value conforms to a schema, as far as that can be found out with so much work.

Source: JSON Schema, all drafts: a library knows them.

Rules of this file:

1. What can't be found out counts as yes.
2. Each word that is looked at costs something. So references that double at every level, and
   patterns on which Python's `re` goes back and forth, end.
3. Patterns that repeat a group are not looked at: on some text they would take for ever.
4. Nothing is fetched.

It must not import anything but its own package and, late, the library.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ollama_simulator.engine.conforming.budget import Budget

_AS_THEY_ARE = ("const", "enum", "default", "examples")
"""Words whose values are no schemas."""
_REPEATS_A_GROUP = re.compile(r"\)[*+{]")
_REPEATS = re.compile(r"[*+{]")
_LONGEST_PATTERN = 1_000
_FAR = 1_000
"""Units of work for a reference that has to be searched for."""


class Checker:
    """Answers for one schema."""

    def __init__(self, schema: Any, budget: Budget) -> None:
        # A tenth of a second that only those pay who ask for structured output.
        import jsonschema
        import referencing

        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        extend: Any = jsonschema.validators.extend
        looks = {word: _counted(word, look, budget) for word, look in kind.VALIDATORS.items()}
        # A registry of its own keeps it from fetching what a schema refers to.
        self._validator = extend(kind, looks)(
            _without_slow_patterns(schema), registry=referencing.Registry()
        )

    def conforms(self, value: Any) -> bool:
        """Whether a value conforms."""
        try:
            return bool(self._validator.is_valid(value))
        except Exception:
            # Whatever the library minds about the schema, or `Spent`.
            return True


def _counted(word: str, look: Callable[..., Any], budget: Budget) -> Callable[..., Any]:
    """How the library looks at a word, paid for."""

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        budget.spend(_cost(word, value, instance, schema))
        return look(validator, value, instance, schema)

    return counted


def _cost(word: str, value: Any, instance: Any, schema: Mapping[str, Any]) -> int:
    """Units of work for a word and an instance, those of the words within them not counted."""
    cost = 5 + _size(value) // 8 + _size(instance) // 2
    match word:
        case "pattern" if isinstance(instance, str):
            cost += (len(instance) + 1) ** (1 + len(_REPEATS.findall(value))) // 1000
        case "uniqueItems":
            cost += _size(instance) ** 2 // 2
        case "$ref" | "$dynamicRef" if not str(value).startswith("#/"):
            cost += _FAR
        case "patternProperties" | "additionalProperties" | "unevaluatedProperties":
            patterns = schema.get("patternProperties")
            if isinstance(instance, dict) and isinstance(patterns, dict):
                names = sum((len(name) + 1) ** 2 for name in instance)
                cost += names * len(patterns) // 100
    return cost


def _size(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _without_slow_patterns(schema: Any) -> Any:
    """A schema without the patterns that may take for ever."""
    if isinstance(schema, list):
        return [_without_slow_patterns(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "pattern" and isinstance(value, str):
            if not _slow(value):
                out[word] = value
        elif word == "patternProperties" and isinstance(value, dict):
            quick = {name: part for name, part in value.items() if not _slow(name, repeats=1)}
            out[word] = _without_slow_patterns(quick)
        else:
            out[word] = value if word in _AS_THEY_ARE else _without_slow_patterns(value)
    return out


def _slow(pattern: str, repeats: int = 10) -> bool:
    """Whether a pattern may take for ever, or repeats more things than so many."""
    return (
        len(pattern) > _LONGEST_PATTERN
        or _REPEATS_A_GROUP.search(pattern) is not None
        or len(_REPEATS.findall(pattern)) > repeats
    )
