"""What a `$ref` of a schema points to.

Source: JSON Schema 2020-12, core; RFC 6901.

Rules of this file:

1. Nothing is fetched: what points out of the schema points to one that lets everything pass.

It must not import anything but its own package.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ollama_simulator.engine.conforming.budget import Budget


def target(root: Any, reference: str, budget: Budget) -> Any:
    """The schema that a reference means. To search for one by its name is work."""
    base, _, fragment = unquote(reference).partition("#")
    if base and base != (root.get("$id") if isinstance(root, Mapping) else None):
        root = next((part for part in _searched(root, budget) if part.get("$id") == base), True)
    if not fragment:
        return root
    if not fragment.startswith("/"):
        names = ("$anchor", "$dynamicAnchor")
        found = (part for part in _searched(root, budget) if fragment in map(part.get, names))
        return next(found, True)
    for step in fragment[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(root, Mapping) and name in root:
            root = root[name]
        elif isinstance(root, list) and name.isdecimal() and int(name) < len(root):
            root = root[int(name)]
        else:
            return True
    return root


def _searched(root: Any, budget: Budget) -> Iterator[Mapping[str, Any]]:
    for part in parts(root):
        budget.spend()
        yield part


def parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """All objects within a schema, itself included."""
    if isinstance(schema, Mapping):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)
