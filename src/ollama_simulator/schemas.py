"""JSON Schemas of the package's types, with the words that stand under their fields.

Source: JSON Schema 2020-12, of which OpenAPI 3.1 is a user, too.

Rules of this file:

1. A schema is made from the very type that reads or writes a document, so it can't say anything
   else.

It must not import anything of this package but `attributes`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

from ollama_simulator.attributes import described

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas(
    kinds: Iterable[Any], ref_template: str, words_of: Mapping[str, type] | None = None
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The schemas of some types, and those that they refer to, by name.

    `words_of` tells whose words describe the fields of a schema that was made at run time.
    """
    wanted = list(kinds)
    roots, components = msgspec.json.schema_components(wanted, ref_template=ref_template)
    structs = [kind for each in wanted for kind in _structs(each)]
    # Of two with one name, each has that of its module before it.
    sources = {kind.__name__: kind for kind in structs}
    sources |= {f"{kind.__module__}.{kind.__name__}": kind for kind in structs}
    sources |= words_of or {}
    for name, component in components.items():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
        kind = sources.get(name)
        for field, words in (described(kind) if kind else {}).items():
            if field in component.get("properties", {}):
                component["properties"][field]["description"] = words
    plain: list[dict[str, Any]] = _writable(list(roots))
    return plain, _writable(components)


def alone(kind: Any) -> dict[str, Any]:
    """The schema of one struct that holds all that it refers to."""
    (root,), components = schemas([kind], "#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    own = components[name]
    if root["$ref"] not in str(components):
        del components[name]
    return {"$schema": DIALECT, **own} | ({"$defs": components} if components else {})


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
