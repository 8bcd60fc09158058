"""What a request may hold, and Go's words for what doesn't fit."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.golang.decode import (
    ANYTHING,
    FLAG,
    FLOAT,
    INT,
    MAP,
    TEXT,
    Array,
    Bytes,
    Own,
    Place,
    Record,
    Table,
    body,
)
from ollama_simulator.golang.parse import Json, refused
from ollama_simulator.model import Origin, Refusal


def even(value: Json, place: Place) -> str:
    """A type with messages of its own."""
    if not isinstance(value, str) or len(value) % 2:
        raise refused(f"{place.path} is odd")
    return value


INNER = {"name": TEXT, "count": INT}
SHAPE = Record(
    "api.ThingRequest",
    fields={
        "model": TEXT,
        "stream": FLAG,
        "limit": INT,
        "heat": FLOAT,
        "options": MAP,
        "format": ANYTHING,
        "names": Array("[]string", item=TEXT),
        "numbers": Array("[]int", item=INT),
        "things": Array("[]api.Inner", item=Record("api.Inner", fields=INNER)),
        "own": Array("[]api.Message", item=Record("api.Alias", own=True, fields=INNER)),
        "nameless": Record("struct { … }", name="", fields=INNER),
        "even": Own("api.Even", reader=even),
        "nullable": Record("api.Inner", fields=INNER, nulls=frozenset({"name"})),
        "files": Table("map[string]string", item=TEXT),
        "picture": Bytes("api.ImageData"),
        "anyOf": Array("[]api.Even", item=Own("api.Even", reader=even)),
    },
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"null", {}),
        (b"{}", {}),
        (b'{"MODEL":"x","Stream":true,"bogus":[1]}', {"model": "x", "stream": True}),
        (b'{"model":"x","Model":"y"}', {"model": "y"}),
        (b'{"model":"x","Model":"y","model":"z"}', {"model": "z"}),
        (b'{"model":null,"stream":null,"things":null}', {}),
        (b'{"limit":-5,"heat":1}', {"limit": -5, "heat": 1.0}),
        (b'{"limit":9223372036854775807}', {"limit": 2**63 - 1}),
        (b'{"options":{"A":"b"},"format":"json"}', {"options": {"A": "b"}, "format": "json"}),
        (b'{"names":["a",null]}', {"names": ["a", ""]}),
        (b'{"things":[{"NAME":"a"},null]}', {"things": [{"name": "a"}, {}]}),
        (b'{"even":"abab"}', {"even": "abab"}),
        (b'{"files":{"A":"b","c":null}}', {"files": {"A": "b", "c": ""}}),
        (b'{"picture":"AQI="}', {"picture": b"\x01\x02"}),
        (b'{"picture":[0,255,null]}', {"picture": b"\x00\xff\x00"}),
        (b'{"numbers":[1,null]}', {"numbers": [1, 0]}),
        ('{"anyof":[],"\u017ftream":true,"\u212aey":1}'.encode(), {"anyOf": [], "stream": True}),
        (b'{"nullable":{"name":null,"count":null}}', {"nullable": {"name": None}}),
    ],
)
def test_body(data: bytes, expected: dict[str, Any]) -> None:
    """Any case, no unknown keys, the last one, no nulls."""
    assert body(data, SHAPE, "EOF") == expected


FIELD = "json: cannot unmarshal {} into Go struct field {} of type {}"


@pytest.mark.parametrize(
    ("data", "what", "where", "go"),
    [
        (b'{"model":5}', "number", "ThingRequest.model", "string"),
        (b'{"MODEL":[]}', "array", "ThingRequest.model", "string"),
        (b'{"stream":"yes"}', "string", "ThingRequest.stream", "bool"),
        (b'{"stream":0}', "number", "ThingRequest.stream", "bool"),
        (b'{"limit":true}', "bool", "ThingRequest.limit", "int"),
        (b'{"limit":1.5}', "number 1.5", "ThingRequest.limit", "int"),
        (b'{"limit":1.0}', "number 1.0", "ThingRequest.limit", "int"),
        (b'{"limit":1e2}', "number 1e2", "ThingRequest.limit", "int"),
        (
            b'{"limit":9223372036854775808}',
            "number 9223372036854775808",
            "ThingRequest.limit",
            "int",
        ),
        (b'{"limit":"1"}', "string", "ThingRequest.limit", "int"),
        (b'{"heat":"hot"}', "string", "ThingRequest.heat", "float64"),
        (b'{"heat":1e999}', "number 1e999", "ThingRequest.heat", "float64"),
        (b'{"options":[]}', "array", "ThingRequest.options", "map[string]interface {}"),
        (b'{"names":"x"}', "string", "ThingRequest.names", "[]string"),
        (b'{"names":["x",{}]}', "object", "ThingRequest.names", "string"),
        (b'{"things":["x"]}', "string", "ThingRequest.things", "api.Inner"),
        (b'{"things":[{"name":5}]}', "number", "Inner.things.name", "string"),
        (b'{"own":[5]}', "number", "ThingRequest.own", "api.Alias"),
        (b'{"own":[{"name":5}]}', "number", "ThingRequest.own.name", "string"),
        (b'{"nameless":{"count":"x"}}', "string", ".nameless.count", "int"),
        (b'{"files":[]}', "array", "ThingRequest.files", "map[string]string"),
        (b'{"files":{"a":5}}', "number", "ThingRequest.files", "string"),
        (b'{"picture":5}', "number", "ThingRequest.picture", "api.ImageData"),
        (b'{"picture":[256]}', "number 256", "ThingRequest.picture", "uint8"),
        (b'{"picture":["x"]}', "string", "ThingRequest.picture", "uint8"),
        (b'{"own":[{"count":1.5}],"model":5}', "number 1.5", "ThingRequest.own.count", "int"),
    ],
)
def test_wrong_type(data: bytes, what: str, where: str, go: str) -> None:
    """The kind that was sent, the place, and what should have been there."""
    with pytest.raises(Refusal) as caught:
        body(data, SHAPE, "EOF")
    assert caught.value.message == FIELD.format(what, where, go)
    assert (caught.value.status, caught.value.origin) == (400, Origin.DECODE)


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"[]", "array"), (b'"x"', "string"), (b"5", "number"), (b"true", "bool")],
)
def test_wrong_type_of_all(data: bytes, what: str) -> None:
    """A body that is no object at all."""
    with pytest.raises(Refusal) as caught:
        body(data, SHAPE, "EOF")
    assert caught.value.message == (
        f"json: cannot unmarshal {what} into Go value of type api.ThingRequest"
    )


def test_the_first_of_two_mistakes_counts() -> None:
    """In the order of the body; a syntax error wins over both."""
    with pytest.raises(Refusal, match=r"ThingRequest\.stream"):
        body(b'{"stream":5,"model":5}', SHAPE, "EOF")
    with pytest.raises(Refusal, match=r"^unexpected EOF$"):
        body(b'{"stream":5,"model":5', SHAPE, "EOF")


def test_own_words() -> None:
    """A type may complain in its own way."""
    with pytest.raises(Refusal, match=r"^even is odd$"):
        body(b'{"even":"x"}', SHAPE, "EOF")


def test_a_type_of_its_own_wins_over_all_that_was_wrong_before() -> None:
    """It ends the reading; what is wrong with base64 doesn't."""
    with pytest.raises(Refusal, match=r"^even is odd$"):
        body(b'{"model":5,"even":"x"}', SHAPE, "EOF")
    with pytest.raises(Refusal, match=r"ThingRequest\.own\.name"):
        body(b'{"model":5,"own":[{"name":5}],"even":"x"}', SHAPE, "EOF")
    with pytest.raises(Refusal, match=r"ThingRequest\.model"):
        body(b'{"model":5,"picture":"!"}', SHAPE, "EOF")
    with pytest.raises(Refusal, match=r"^illegal base64 data at input byte 0$"):
        body(b'{"picture":"!","model":5}', SHAPE, "EOF")
