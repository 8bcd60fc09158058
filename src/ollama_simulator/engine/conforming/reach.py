"""How deep the values of a schema are at least, so that recursive schemas come to an end.

Source: JSON Schema 2020-12, core.

It must not import anything but its own package.
"""

from collections.abc import Mapping
from typing import Any

from ollama_simulator.engine.conforming.budget import Budget
from ollama_simulator.engine.conforming.merge import likely
from ollama_simulator.engine.conforming.pointer import parts, target


class Reach:
    """Answers for one schema, each question once."""

    def __init__(self, root: Any, budget: Budget) -> None:
        self._root = root
        self._budget = budget
        self._known: dict[tuple[int, int], bool] = {}
        # What is known is known of these, which live as long as this does. Schemas that were merged
        # of them come and go, and so would their ids.
        self._lasting = {id(part) for part in parts(root)}

    def within(self, schema: Any, fuel: int) -> bool:
        """Whether there is a value that needs no more than so many levels."""
        if not isinstance(schema, Mapping):
            return schema is not False
        if fuel <= 0:
            return False
        if id(schema) not in self._lasting:
            return self._find(schema, fuel - 1)
        key = (id(schema), fuel)
        if key not in self._known:
            self._known[key] = self._find(schema, fuel - 1)
        return self._known[key]

    def _find(self, schema: Mapping[str, Any], fuel: int) -> bool:
        self._budget.spend(2)
        if "const" in schema or "enum" in schema:
            return True
        if "$ref" in schema:
            meant = target(self._root, str(schema["$ref"]), self._budget)
            if not self.within(meant, fuel):
                return False
        if not all(self.within(part, fuel) for part in schema.get("allOf", ())):
            return False
        for word in ("anyOf", "oneOf"):
            if word in schema and not any(self.within(part, fuel) for part in schema[word]):
                return False
        parts = {"object": self._object, "array": self._array}
        return any(kind not in parts or parts[kind](schema, fuel) for kind in likely(schema))

    def _object(self, schema: Mapping[str, Any], fuel: int) -> bool:
        given = schema.get("properties", {})
        return all(self.within(given.get(name, True), fuel) for name in schema.get("required", ()))

    def _array(self, schema: Mapping[str, Any], fuel: int) -> bool:
        least = schema.get("minItems", 0)
        first = schema.get("prefixItems", ())
        needed = [*first[:least]]
        if least > len(first):
            needed.append(schema.get("items", True))
        return all(self.within(item, fuel) for item in needed)
