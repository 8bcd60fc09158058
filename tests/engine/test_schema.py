"""Structured output: whatever schema is asked for, the text conforms to it."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.conforming.pattern import matching
from ollama_simulator.engine.conforming.scalars import FORMATS
from ollama_simulator.engine.schema import check, text
from ollama_simulator.model import Origin, Refusal

Schema = dict[str, Any]


def made(schema: Any, seed: int = 0) -> Any:
    """The value of a text that was drawn with a seed."""
    return json.loads(text(json.dumps(schema), random.Random(seed).randrange))


def conforms(schema: Any, value: Any) -> bool:
    """Whether an independent library says so."""
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return bool(kind(schema).is_valid(value))


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "shown"),
    [
        ('"xml"', r'"\"xml\""'),
        ("5", '"5"'),
        ("[]", '"[]"'),
        ("true", '"true"'),
        ("1.5", '"1.5"'),
        ('["json"]', r'"[\"json\"]"'),
        ('"JSON"', r'"\"JSON\""'),
        (r'"\u006ason"', r'"\"\\u006ason\""'),
        ("[" * 5000 + "]" * 5000, '"' + "[" * 5000 + "]" * 5000 + '"'),
    ],
)
def test_what_is_no_format_is_refused(format: str, shown: str) -> None:
    """The raw value is quoted in Go's way; the error is the runner's."""
    with pytest.raises(Refusal) as caught:
        check(format)
    expected = f'invalid format: {shown}; expected "json" or a valid JSON Schema object'
    assert (caught.value.status, caught.value.message) == (500, expected)
    assert caught.value.origin is Origin.RUNNER


@pytest.mark.parametrize("format", ["null", '""', '"json"', "{}", '{"type":"object"}'])
def test_what_is_a_format_passes(format: str) -> None:
    """Nothing, JSON, or a schema."""
    check(format)


# --- schemas as they come from clients ----------------------------------------------------

NODE: Schema = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
    },
    "required": ["value"],
}

PYDANTIC: Schema = {
    "$defs": {
        "Node": NODE,
        "Color": {"enum": ["red", "blue"], "title": "Color", "type": "string"},
        "Cat": {
            "properties": {
                "kind": {"const": "cat", "type": "string"},
                "lives": {"minimum": 1, "maximum": 9, "type": "integer"},
            },
            "required": ["kind", "lives"],
            "type": "object",
        },
        "Dog": {
            "properties": {
                "kind": {"const": "dog", "type": "string"},
                "name": {"minLength": 3, "maxLength": 8, "pattern": "^[A-Z][a-z]+$"},
            },
            "required": ["kind", "name"],
            "type": "object",
        },
    },
    "additionalProperties": False,
    "properties": {
        "pet": {
            "discriminator": {
                "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"},
                "propertyName": "kind",
            },
            "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
        },
        "color": {"$ref": "#/$defs/Color"},
        "when": {"format": "date-time", "type": "string"},
        "tags": {
            "items": {"type": "string"},
            "minItems": 2,
            "maxItems": 5,
            "type": "array",
            "uniqueItems": True,
        },
        "pair": {
            "minItems": 2,
            "maxItems": 2,
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "type": "array",
        },
        "weights": {"additionalProperties": {"type": "number"}, "type": "object"},
        "share": {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "number"},
        "sevens": {"minimum": 10, "multipleOf": 7, "type": "integer"},
        "tree": {"$ref": "#/$defs/Node"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "anything": {"title": "Anything"},
        "phone": {"pattern": r"^\+?\d{3}-\d{3,4}(?:-\d{4})?$", "type": "string"},
    },
    "required": ["pet", "color", "when", "tags", "pair", "weights", "share", "sevens", "tree"],
    "title": "Everything",
    "type": "object",
}

ZOD: Schema = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}]},
        "email": {"type": "string", "format": "email"},
        "point": {"type": "array", "items": [{"type": "number"}, {"type": "number"}],
                  "minItems": 2, "maxItems": 2},
        "record": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "shape": {
            "anyOf": [
                {"type": "object", "properties": {"t": {"const": "circle"}, "r": {}},
                 "required": ["t", "r"], "additionalProperties": False},
                {"type": "object", "properties": {"t": {"const": "square"}, "a": {}},
                 "required": ["t", "a"], "additionalProperties": False},
            ]
        },
        "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}},
                            "required": ["a"]},
                           {"type": "object", "properties": {"b": {"type": "number"}},
                            "required": ["b"]}]},
    },
    "required": ["name", "age", "email", "point", "record", "shape", "both"],
    "additionalProperties": False,
}  # fmt: skip

# fmt: off
COMMON: list[Any] = [
    PYDANTIC,
    ZOD,
    {**NODE, "$defs": {"Node": NODE}},
    {},
    {"type": "object"},
    {"type": ["string", "null"]},
    {"enum": [1, "a", None]},
    {"const": {"a": 1}},
    {"type": "integer", "minimum": -5, "maximum": -5},
    {"type": "integer", "enum": ["x", 4]},
    {"type": "number", "multipleOf": 0.01},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    {"type": "string", "minLength": 50},
    {"type": "string", "maxLength": 0},
    {"type": "string", "minLength": 4, "maxLength": 5, "pattern": "^a+$"},
    {"type": "array", "uniqueItems": True, "items": {"enum": [1, 2, 3]}, "minItems": 3},
    {"type": "array", "contains": {"type": "integer"}, "minContains": 2},
    {"type": "array", "prefixItems": [{"type": "integer"}], "items": False, "minItems": 1},
    {"not": {"type": "string"}},
    {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
    {"anyOf": [{"minimum": 3}, {"maxLength": 2}], "type": ["integer", "string"]},
    {
        "allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}],
        "anyOf": [{"type": "integer"}, {"type": "null"}],
    },
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "boolean"}}},
    {"$ref": "#item", "$defs": {"a": {"$anchor": "item", "type": "boolean"}}},
    {"type": "object", "properties": {"a/b": {"$ref": "#/properties/c~0d"}, "c~d": {"const": 1}}},
    {"$ref": "https://s.example/b", "$defs": {"b": {"$id": "https://s.example/b", "const": 5}}},
    {"$id": "https://s.example/a", "const": 6, "not": {"$ref": "https://s.example/a#/$defs/c"},
     "$defs": {"c": {"type": "string"}}},
    {"anyOf": [{"const": 1}, {"$ref": "#/anyOf/0"}]},
    {"type": "string", "pattern": r"^[\d_]{3}[\w-]\.[^\s]$"},
    {"type": "string", "pattern": r"^\D\W\S[^a-z]{4}[\D]$"},
    {"type": "string", "pattern": "^(ab|cd)+?(?:x|y){0,2}z{2}[a-c][-x][x-]$"},
    {"type": "number", "minimum": 0.25, "exclusiveMaximum": 0.2500001},
    {"type": "number", "exclusiveMaximum": -7.5},
    {"type": "integer", "exclusiveMinimum": 3, "minimum": 9, "maximum": 9},
    {"type": "integer", "exclusiveMinimum": 9, "minimum": 3, "exclusiveMaximum": 11},
    {"type": "integer", "multipleOf": 1.5, "minimum": 1, "maximum": 3},
    {"type": "integer", "minimum": 10**18, "multipleOf": 10**17},
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "array",
        "items": {
            "type": "integer",
            "minimum": 3, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": True,
        },
        "minItems": 2,
    },
    {
        "allOf": [
            {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 9},
            {"items": {"multipleOf": 1}, "maxItems": 5, "uniqueItems": True},
            {"items": {"minimum": 1, "maximum": 5}, "uniqueItems": False},
        ]
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": ["integer", "string"]}}},
            {"properties": {"a": {"type": ["number", "null"], "minimum": 4}}, "required": ["a"]},
            {"properties": {"a": {"maximum": 6}, "b": False}, "maxProperties": 1},
        ]
    },
    {"enum": ["a", 1, None], "type": ["string", "null"], "allOf": [{"enum": [None, 1]}]},
    {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": {"const": 3},
     "minItems": 3, "maxItems": 4},
    {"type": "array", "items": [{"const": 1}], "additionalItems": {"const": 2}, "minItems": 2,
     "$schema": "http://json-schema.org/draft-07/schema#"},
    {"type": "array", "items": False},
    {"type": "object", "properties": {c: {"const": c} for c in "abcd"}, "minProperties": 4,
     "additionalProperties": False},
    {"type": "object", "required": ["x", "I_1"], "additionalProperties": {"type": "null"},
     "patternProperties": {"^I_": {"type": "integer"}}},
    {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"type": "array", "items":
     {"$ref": "#"}}, "c": {"type": "object", "additionalProperties": {"$ref": "#"}}}},
    {"oneOf": [{"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
     {"type": "null"}]},
    {"type": ["object", "null"], "properties": {"n": {"$ref": "#"}}, "required": ["n"]},
    {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
    {"properties": {"a": {"const": 1}}, "required": ["a"], "type": "object", "anyOf": [
     {"required": ["b"], "properties": {"b": {"const": 2}}}, {"required": ["c"]}]},
    {"type": "object", "propertyNames": {"pattern": "^[a-z]{3}$"}, "minProperties": 4},
    {"type": "object", "properties": {c: {"type": "null"} for c in "abcdef"}, "maxProperties": 2},
    {"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
    {
        "type": "object",
        "patternProperties": {"^S_": {"type": "string"}, "^I_[0-9]+$": {"type": "integer"}},
        "additionalProperties": False,
        "minProperties": 2,
    },
    {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"required": ["n"]},
        "else": {"properties": {"n": False}},
    },
]
# fmt: on


@pytest.mark.parametrize("schema", COMMON, ids=lambda schema: json.dumps(schema)[:60])
def test_the_text_conforms(schema: Any) -> None:
    """With whatever luck."""
    for seed in range(30):
        value = made(schema, seed)
        assert conforms(schema, value), value


def test_json_alone_is_an_object() -> None:
    """That is what clients expect of the format `"json"`."""
    for seed in range(20):
        value = made("json", seed)
        assert isinstance(value, dict)
        assert value


def test_the_text_is_a_pure_function() -> None:
    """Of the format and of the draws, and of nothing that happened before."""
    format = json.dumps(PYDANTIC)
    once = text(format, random.Random(7).randrange)
    text(format, random.Random(8).randrange)
    assert text(format, random.Random(7).randrange) == once
    assert text(format, random.Random(8).randrange) != once


def test_members_stand_in_the_order_of_the_schema() -> None:
    """As a grammar that was made of it would have them."""
    schema = {"type": "object", "properties": {c: {"type": "null"} for c in "zay"}}
    schema["required"] = ["a", "y", "z"]
    assert list(made(schema)) == ["z", "a", "y"]


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_formats(format: str) -> None:
    """Strings look like what their format says, where the library can tell."""
    schema = {"type": "string", "format": format}
    for seed in range(10):
        value = made(schema, seed)
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
        assert " " not in value


# --- schemas that nobody thought of -------------------------------------------------------

_TEXTS = st.builds(
    lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
    st.integers(0, 30),
    st.integers(0, 30),
)
_PATTERNS = st.sampled_from(
    [r"^\d+$", "^[a-f0-9]{8}$", "^(red|green|blue)$", r"\w+@\w+\.(com|org)", "^$", "^a?b*c+.$",
     r"^[^\W\d_]{2,}$", r"^(?:[A-Z]{2}-)+\d$", r"^\u0041\x42\.$", "x|"]
).map(lambda pattern: {"type": "string", "pattern": pattern})  # fmt: skip
_WHOLE = st.builds(
    lambda least, more, step: {
        "type": "integer", "minimum": least, "maximum": least + more + step, "multipleOf": step,
    },
    st.integers(-1000, 1000), st.integers(0, 50), st.integers(1, 9),
)  # fmt: skip
_REAL = st.builds(
    lambda least, more: {"type": "number", "exclusiveMinimum": least, "maximum": least + more},
    st.floats(-1e6, 1e6),
    st.floats(0.5, 1e3),
)
_CONSTANT = st.one_of(
    st.just({"type": "null"}),
    st.just({"type": "boolean"}),
    st.just({}),
    st.builds(lambda value: {"const": value}, st.one_of(st.integers(), st.text(), st.none())),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers(), min_size=1, unique=True)),
)


def _grown(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    names = st.sampled_from(["a", "b", "c", "d e", "ü"])

    def an_object(members: dict[str, Schema], required: set[str], extra: bool) -> Schema:
        return {
            "type": "object",
            "properties": members,
            "required": sorted(required & set(members)),
            **({} if extra else {"additionalProperties": False}),
        }

    return st.one_of(
        st.builds(an_object, st.dictionaries(names, inner), st.sets(names), st.booleans()),
        st.builds(lambda values: {"type": "object", "additionalProperties": values}, inner),
        st.builds(
            lambda items, least, more: {
                "type": "array", "items": items, "minItems": least, "maxItems": least + more,
            },
            inner, st.integers(0, 3), st.integers(0, 3),
        ),
        st.builds(
            lambda first, items: {"type": "array", "prefixItems": first, "items": items},
            st.lists(inner, min_size=1, max_size=3), inner,
        ),
        st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda one: {"allOf": [one, {}]}, inner),
        st.builds(lambda one: {"$defs": {"x": one}, "$comment": "unused", **one}, inner),
    )  # fmt: skip


SCHEMAS = st.recursive(
    st.one_of(_TEXTS, _PATTERNS, _WHOLE, _REAL, _CONSTANT), _grown, max_leaves=12
)


@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, st.integers(0, 1000))
def test_any_schema_that_can_be_satisfied_is(schema: Schema, seed: int) -> None:
    """Types, bounds, patterns, nesting and choices in all combinations."""
    assert conforms(schema, made(schema, seed))


_NONSENSE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["string", "#", "^["])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                "type enum const anyOf oneOf allOf not if then else $ref properties required "
                "items prefixItems minItems maxItems minLength maxLength pattern minimum maximum "
                "multipleOf additionalProperties patternProperties contains format".split()
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["type", "properties", "anyOf", "items"]), _NONSENSE))
def test_nonsense_still_gives_json(schema: Schema) -> None:
    """A request may hold anything; the answer is JSON."""
    json.loads(text(json.dumps(schema), random.Random(0).randrange))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "a{1,999999999}"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"enum": []},
        {"not": {}},
        {"$ref": "http://schemas.example/a.json"},
        {"type": "object", "minProperties": 3, "additionalProperties": False},
    ],
    ids=str,
)
def test_what_nobody_can_satisfy_ends_too(schema: Schema) -> None:
    """The text is JSON of a bounded size, and comes at once."""
    assert len(text(json.dumps(schema), random.Random(0).randrange)) < 1_000_000


def doubling(depth: int) -> Schema:
    """References that double at every level."""
    levels = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i - 1}"}] * 2} for i in range(1, depth)}
    return {"$defs": {"a0": {}, **levels}, "allOf": [{"$ref": f"#/$defs/a{depth - 1}"}] * 2}


def tangled(count: int) -> Schema:
    """Objects that need a member, which is any other of them: there is no end."""
    branches = [{"$ref": f"#/$defs/d{i}"} for i in range(count)]
    part = {"required": ["x"], "properties": {"x": {"anyOf": branches}}}
    return {"$ref": "#/$defs/d0", "$defs": {f"d{i}": part for i in range(count)}}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a{30}!$", "allOf": [{"pattern": "^(a+)+$"}]},
        {"const": "a" * 5000, "pattern": "a*a*a*a*b"},
        {"const": {"a" * 40: 1}, "patternProperties": {"(a|aa)+$": {}}},
        {"const": {"a" * 5000: 1}, "patternProperties": {"a*b": {}}, "additionalProperties": False},
        {"type": "string", "pattern": "((((a{9999}){9999}){9999}){9999})"},
        {"type": "string", "pattern": "a|" * 500_000},
        {"type": "array", "minItems": 4000, "items": {"type": "string", "minLength": 20_000}},
        {"type": "array", "minItems": 4000, "items": {"enum": list(range(50_000))}},
        {"type": "array", "minItems": 4000, "uniqueItems": True, "items": {"minProperties": 1}},
        {"required": [f"a{i}" for i in range(50_000)], "allOf": [
            {"required": [f"b{i}" for i in range(50_000)]}, {"type": ["object"] * 50_000}]},
        {"properties": {f"a{i}": {} for i in range(50_000)}, "maxProperties": 9,
         "required": [f"a{i}" for i in range(50_000)]},
        {"enum": [[i] for i in range(5000)], "allOf": [{"enum": [[i] for i in range(5000)]}]},
        {"properties": {f"a{i}": {"$ref": "x"} for i in range(20_000)}},
        doubling(40),
        tangled(200),
    ],
)  # fmt: skip
def test_no_schema_takes_for_ever(schema: Schema) -> None:
    """A server has one thread: while it draws nobody else is answered."""
    assert len(text(json.dumps(schema), random.Random(0).randrange)) < 10_000_000


def test_a_schema_that_asks_for_too_much_gets_an_empty_object() -> None:
    """There is no value yet when the work is used up."""
    schema = {"type": "array", "minItems": 4000, "items": {"type": "string", "minLength": 20_000}}
    assert made(schema) == {}


def test_what_cannot_be_found_out_counts_as_yes() -> None:
    """So a pattern that Python might try for ever is drawn from, and not checked."""
    checked = {"type": "string", "enum": ["no", "yes"], "pattern": "^y"}
    unchecked = {"type": "string", "enum": ["no", "yes"], "pattern": "^(y)+"}
    assert {made(checked, seed) for seed in range(9)} == {"yes"}
    assert {made(unchecked, seed) for seed in range(9)} == {"no", "yes"}


def test_named_groups_are_those_of_javascript() -> None:
    """Which the library that checks can't read."""
    found = matching("^(?<year>[0-9]{4})-(?P<month>[01])$", random.Random(0).randrange)
    assert found is not None
    assert len(found) == 6
    assert found[:4].isdigit()


def test_a_range_ends_where_it_says() -> None:
    """And one that runs backwards is none."""
    assert matching("^[b-b]$", random.Random(0).randrange) == "b"
    assert {matching("[a-c]", random.Random(seed).randrange) for seed in range(40)} == set("abc")
    assert matching("[c-a]", random.Random(0).randrange) is None


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", r"\p{L}", "[", "(", "a{", "*"])
def test_a_pattern_that_is_not_understood_makes_nothing(pattern: str) -> None:
    """So that words stand in its place."""
    assert matching(pattern, random.Random(0).randrange) is None
