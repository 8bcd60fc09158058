"""The JSON Schema of fleets' files, by which editors complete, explain and check them.

Rules of this file:

1. It is made from the types that read such a file, and from the words that stand under their
   fields, so it can't say anything else.

It must not import anything of this package but `attributes`, `environment` and `fleet_types`.
"""

import math
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from ollama_simulator.attributes import described
from ollama_simulator.environment import KNOWN, WITHOUT_EFFECT
from ollama_simulator.fleet_types import FleetFile, document

DIALECT = "https://json-schema.org/draft/2020-12/schema"

VARIABLES = {
    "type": "object",
    "description": "Ollama's own variables, with the values that they have there.",
    "properties": {
        name: {"type": ["string", "number", "boolean"]}
        for name in (*KNOWN, *sorted(WITHOUT_EFFECT))
    },
    "additionalProperties": False,
}


def text() -> str:
    """The schema as a file."""
    packed = msgspec.json.encode(schema(), order="deterministic")
    return msgspec.json.format(packed, indent=2).decode() + "\n"


def schema() -> dict[str, Any]:
    """The schema. `document()` is its root."""
    (root,), components = msgspec.json.schema_components(
        [document()], ref_template="#/$defs/{name}"
    )
    kinds = {kind.__name__: kind for kind in _structs(document())}
    kinds |= {f"{kind.__module__}.{kind.__name__}": kind for kind in kinds.values()}
    for name, component in components.items():
        kind = FleetFile if name == "Fleet" else kinds.get(name)
        for field, words in (described(kind) if kind else {}).items():
            if field in component.get("properties", {}):
                component["properties"][field]["description"] = words
        if "environment" in component.get("properties", {}):
            component["properties"]["environment"] = VARIABLES
    return {"$schema": DIALECT, **root, "$defs": _writable(components)}


def _structs(root: Any) -> Iterator[type]:
    """Every struct that may stand in a document, each once."""
    seen: set[type] = set()
    waiting: list[Any] = [inspect.type_info(root)]
    while waiting:
        kind = waiting.pop()
        match kind:
            case inspect.StructType(cls=cls):
                if cls not in seen:
                    seen.add(cls)
                    yield cls
                    waiting += [field.type for field in kind.fields]
            case inspect.UnionType(types=types):
                waiting += types
            case inspect.Metadata(type=inner):
                waiting.append(inner)
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                waiting.append(item)
            case inspect.DictType(value_type=value):
                waiting.append(value)


def _writable(value: Any) -> Any:
    """Without the defaults that JSON has no word for: infinity."""
    if isinstance(value, dict):
        return {
            key: _writable(each)
            for key, each in value.items()
            if not (key == "default" and isinstance(each, float) and not math.isfinite(each))
        }
    return [_writable(each) for each in value] if isinstance(value, list) else value
