"""A value that conforms to a schema.

Source: JSON Schema 2020-12, core and validation.

Rules of this file:

1. What a schema allows is drawn; what it forbids in ways that nobody can draw around (`not`, the
   other branches of `oneOf`) is left to the check in `engine.schema`.
2. Recursion ends: every level takes a unit of fuel, and where there is little left only what can
   end is chosen.
3. What takes a while is paid for out of the text's budget of work; the draws are, too.

It must not import anything but its own package and `engine.text`.
"""

from collections.abc import Container, Mapping
from typing import Any

from ollama_simulator.engine.conforming import scalars
from ollama_simulator.engine.conforming.budget import Budget
from ollama_simulator.engine.conforming.draw import Draw, between, one
from ollama_simulator.engine.conforming.merge import likely, merged, types
from ollama_simulator.engine.conforming.pattern import matching
from ollama_simulator.engine.conforming.pointer import target
from ollama_simulator.engine.conforming.reach import Reach
from ollama_simulator.engine.text import WORDS

Schema = Mapping[str, Any]

MOST_VALUES = 5_000
"""Values within one answer, whatever a schema asks for."""
_FUELS = (8, 16, 32, 64)
_MORE = 3
"""How many items more than the least an array or a map gets at most."""
_TRIES = 10


class Source:
    """Values of one schema."""

    def __init__(self, root: Any, budget: Budget) -> None:
        self._root = root
        self._budget = budget
        self._reach = Reach(root, budget)
        fuels = (fuel for fuel in _FUELS if self._reach.within(root, fuel))
        self._fuel = next(fuels, _FUELS[0])
        self._left = 0

    def value(self, draw: Draw) -> Any:
        """One more value. Raises `Spent`."""
        self._left = MOST_VALUES

        def paid(limit: int) -> int:
            self._budget.spend()
            return draw(limit)

        return self._value(self._root, self._fuel, paid)

    @property
    def exhausted(self) -> bool:
        """Whether the last value asked for more than there may be."""
        return self._left < 0

    def _value(self, schema: Any, fuel: int, draw: Draw) -> Any:
        self._left -= 1
        if fuel < -_FUELS[0] or self._left < 0:
            return None
        if not isinstance(schema, Mapping):
            return scalars.words(draw)
        schema = self._settled(schema, fuel, draw)
        if not isinstance(schema, Mapping):
            return None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return one(self._listed(schema), draw)
        match self._type(schema, fuel, draw):
            case "object":
                return self._object(schema, fuel, draw)
            case "array":
                return self._array(schema, fuel, draw)
            case "string":
                return scalars.text(schema, draw)
            case "integer":
                return scalars.number(schema, draw, whole=True)
            case "number":
                return scalars.number(schema, draw, whole=False)
            case "boolean":
                return bool(draw(2))
        return None

    # --- which schema, which type ---------------------------------------------------------

    def _settled(self, schema: Any, fuel: int, draw: Draw) -> Any:
        """The schema without references and choices: each is followed or made."""
        for _ in range(_FUELS[-1]):
            if not isinstance(schema, Mapping):
                return schema
            rest = dict(schema)
            self._budget.spend(_size(rest))
            if "$ref" in rest or "$dynamicRef" in rest:
                reference = rest.pop("$ref" if "$ref" in rest else "$dynamicRef")
                schema = merged(rest, target(self._root, str(reference), self._budget))
            elif branches := rest.pop("oneOf", None) or rest.pop("anyOf", None):
                schema = merged(rest, self._branch(rest, branches, fuel, draw))
            elif "if" in rest:
                schema = _conditional(rest, draw)
            elif parts := rest.pop("allOf", None):
                schema = rest
                for part in parts:
                    schema = merged(schema, part)
            else:
                return schema
        return True

    def _branch(self, rest: Schema, branches: list[Any], fuel: int, draw: Draw) -> Any:
        kinds = set(types(rest.get("type")))
        able = [
            branch
            for branch in branches
            if self._reach.within(branch, fuel)
            and not (isinstance(branch, Mapping) and kinds.isdisjoint(types(branch.get("type"))))
        ]
        return one(able or branches, draw)

    def _listed(self, schema: Schema) -> list[Any]:
        """The values of an `enum` that have the right type."""
        values = list(schema["enum"])
        kinds = types(schema.get("type"))
        return [value for value in values if _kinds_of(value) & set(kinds)] or values

    def _type(self, schema: Schema, fuel: int, draw: Draw) -> str:
        kinds = likely(schema)
        if len(kinds) > 1:
            able = [kind for kind in kinds if self._reach.within({**schema, "type": kind}, fuel)]
            kinds = able or kinds
        return one(kinds or ["null"], draw)

    # --- members and items ----------------------------------------------------------------

    def _object(self, schema: Schema, fuel: int, draw: Draw) -> dict[str, Any]:
        given: Mapping[str, Any] = schema.get("properties") or {}
        required = _required(schema)
        names = [
            name for name in given if name in required or self._wanted(given[name], fuel, draw)
        ]
        names += [name for name in required if name not in given]
        names = _numbered(names, required, schema)
        out = {name: self._value(self._member(schema, name), fuel - 1, draw) for name in names}
        self._add_members(out, schema, fuel, draw)
        return out

    def _wanted(self, schema: Any, fuel: int, draw: Draw) -> bool:
        """Whether an optional member is there: mostly, if it can end."""
        return self._reach.within(schema, fuel - 1) and draw(4) > 0

    def _member(self, schema: Schema, name: str) -> Any:
        member = (schema.get("properties") or {}).get(name)
        if member is not None:
            return member
        for pattern, value in (schema.get("patternProperties") or {}).items():
            if pattern.strip("^$") in name:
                return value
        return schema.get("additionalProperties", True)

    def _add_members(self, out: dict[str, Any], schema: Schema, fuel: int, draw: Draw) -> None:
        """Members that have no name in the schema: as many as it needs, or a few of a map."""
        extra = schema.get("additionalProperties", True)
        patterns: Mapping[str, Any] = schema.get("patternProperties") or {}
        least = int(schema.get("minProperties", 0))
        most = int(schema.get("maxProperties", MOST_VALUES))
        if not schema.get("properties") and (patterns or extra is not False):
            sample = next(iter(patterns.values()), extra)
            if self._reach.within(sample, fuel - 1):
                least = max(least, min(most, between(1, _MORE, draw)))
        for _ in range(_TRIES * max(0, least - len(out))):
            if len(out) >= least or self._left < 0:
                return
            name, value = self._new_name(schema, patterns, extra, draw)
            if name is not None and name not in out:
                out[name] = self._value(value, fuel - 1, draw)

    def _new_name(
        self, schema: Schema, patterns: Mapping[str, Any], extra: Any, draw: Draw
    ) -> tuple[str | None, Any]:
        if extra is False and not patterns:
            left = list(schema.get("properties") or {})
            name = one(left, draw) if left else None
            return name, None if name is None else self._member(schema, name)
        if patterns:
            pattern = one(list(patterns), draw)
            return matching(pattern, draw), patterns[pattern]
        if names := schema.get("propertyNames"):
            made = self._value(merged({"type": "string"}, names), 2, draw)
            return (made if isinstance(made, str) else None), extra
        name = one(WORDS, draw)
        return name, extra

    def _array(self, schema: Schema, fuel: int, draw: Draw) -> list[Any]:
        first, rest = _positions(schema)
        least = int(schema.get("minItems", 0))
        most = int(schema.get("maxItems", MOST_VALUES))
        wanted = schema.get("contains")
        hits = int(schema.get("minContains", 1)) if wanted is not None else 0
        least = min(max(least, hits), most, MOST_VALUES)
        size = between(least, min(most, max(least, len(first)) + _MORE), draw)
        if rest is False:
            size = min(size, len(first))
        while size > least and not self._reach.within(_at(first, rest, size - 1), fuel - 1):
            size -= 1
        out: list[Any] = []
        for i in range(size):
            item = _at(first, rest, i)
            # Those that are asked for come last, where there is no other rule for the place.
            asked = merged(item, wanted) if i >= size - hits else item
            out.append(self._item(asked, out if schema.get("uniqueItems") else [], fuel, draw))
            if self._left < 0:
                break
        return out

    def _item(self, schema: Any, others: list[Any], fuel: int, draw: Draw) -> Any:
        """An item that is none of the others, if there is one."""
        item = self._value(schema, fuel - 1, draw)
        for _ in range(_TRIES):
            if item not in others:
                break
            item = self._value(schema, fuel - 1, draw)
        return item


def _conditional(schema: dict[str, Any], draw: Draw) -> Any:
    """A schema with one of its two cases."""
    condition = schema.pop("if")
    then, otherwise = schema.pop("then", True), schema.pop("else", True)
    if draw(2):
        return merged(schema, otherwise)
    return merged(merged(schema, condition), then)


def _size(schema: Schema) -> int:
    """How many things stand directly in the words of a schema."""
    return 1 + sum(len(value) for value in schema.values() if isinstance(value, list | dict)) // 4


def _required(schema: Schema) -> dict[str, None]:
    """The members that have to be there, with those that these need, in this order."""
    names = dict.fromkeys(schema.get("required", ()))
    needs: Mapping[str, Any] = schema.get("dependentRequired") or {}
    left = list(names)
    for name in left:
        left.extend(other for other in dict.fromkeys(needs.get(name, ())) if other not in names)
        names.update(dict.fromkeys(left[len(names) :]))
    return names


def _numbered(names: list[str], required: Container[str], schema: Schema) -> list[str]:
    """Not more names, and not fewer, than the schema allows, if it has names to add."""
    least, most = int(schema.get("minProperties", 0)), schema.get("maxProperties", MOST_VALUES)
    here = set(names)
    more = [name for name in schema.get("properties") or {} if name not in here]
    names = [*names, *more[: max(0, least - len(names))]]
    optional = [name for name in names if name not in required]
    spare = set(optional[: max(0, len(names) - int(most))])
    return [name for name in names if name not in spare]


def _positions(schema: Schema) -> tuple[list[Any], Any]:
    """The schemas of the first items, and that of all others."""
    items = schema.get("items", True)
    if isinstance(items, list):  # before 2020-12
        return items, schema.get("additionalItems", True)
    return list(schema.get("prefixItems", ())), items


def _at(first: list[Any], rest: Any, place: int) -> Any:
    return first[place] if place < len(first) else rest


def _kinds_of(value: Any) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number", "integer"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
    return {"object"}
