"""The JSON Schema of fleets' files, by which editors complete, explain and check them.

Rules of this file:

1. It is made from the types that read such a file, and from the words that stand under their
   fields, so it can't say anything else.

It must not import anything of this package but `environment`, `fleet_types` and `schemas`.
"""

from typing import Any

import msgspec

from ollama_simulator.environment import KNOWN, WITHOUT_EFFECT
from ollama_simulator.fleet_types import FleetFile, document
from ollama_simulator.schemas import DIALECT, schemas

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
    (root,), components = schemas([document()], "#/$defs/{name}", {"Fleet": FleetFile})
    for component in components.values():
        if "environment" in component.get("properties", {}):
            component["properties"]["environment"] = VARIABLES
    return {"$schema": DIALECT, **root, "$defs": components}
