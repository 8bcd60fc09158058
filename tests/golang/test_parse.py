"""The first JSON value of a body, and Go's words when there is none (`gosyntax`, too)."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang import gosyntax
from ollama_simulator.golang.parse import kind, number, parse
from ollama_simulator.model import Origin, Refusal


def plain(value: Any) -> Any:
    """A parsed value with its numbers as floats."""
    match value:
        case msgspec.Raw():
            return number(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"model":"x"} trash', {"model": "x"}),
        (b' \t\r\n{"a":[1,2.5e1,true,null]}', {"a": [1, 25, True, None]}),
        (b"null", None),
        (b"12", 12),
        (b'"x"{', "x"),
        (b'{"a":1,"b":2,"a":3}', {"b": 2, "a": 3}),
        (b'"\xff\xe2\x82x"', "\ufffd\ufffd\ufffdx"),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\ud800\ud83d\ude00\ude00"', "\ufffd😀\ufffd"),
        (rb'"\ud83dx\u00e9"', "\ufffdxé"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'{"\udfff":1}', {"\ufffd": 1}),
    ],
)
def test_value(data: bytes, value: object) -> None:
    """Leading blanks and whatever follows don't matter; what is no text is replaced."""
    assert plain(parse(data, "EOF")) == value


def test_the_last_of_two_keys_comes_last() -> None:
    """So that keys which differ in case only are read in the order of their last appearance."""
    assert list(parse(b'{"a":1,"A":2,"a":3}', "EOF")) == ["A", "a"]


COMPLAINTS = [
    (b"{", "unexpected EOF"),
    (b"[", "unexpected EOF"),
    (b'{"model":"x"', "unexpected EOF"),
    (b'{"model":"pla', "unexpected EOF"),
    (b'{"model"', "unexpected EOF"),
    (b"[1,", "unexpected EOF"),
    (b"tru", "unexpected EOF"),
    (b"-", "unexpected EOF"),
    (b"[1.", "unexpected EOF"),
    (b"1.", "unexpected EOF"),
    (b"1ex", "invalid character 'x' in exponent of numeric literal"),
    (b"not json", "invalid character 'o' in literal null (expecting 'u')"),
    (b"trUe", "invalid character 'U' in literal true (expecting 'u')"),
    (b"falze", "invalid character 'z' in literal false (expecting 's')"),
    (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    (b"{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
    (b"{model}", "invalid character 'm' looking for beginning of object key string"),
    (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
    (b'{"model":"a\x01b"}', r"invalid character '\x01' in string literal"),
    (b'"a\nb"', r"invalid character '\n' in string literal"),
    (rb'"\x"', "invalid character 'x' in string escape code"),
    (rb'"\u12g4"', r"invalid character 'g' in \u hexadecimal character escape"),
    (b"hello", "invalid character 'h' looking for beginning of value"),
    (b"/* */", "invalid character '/' looking for beginning of value"),
    (b"[1,]", "invalid character ']' looking for beginning of value"),
    (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    (b"-Infinity", "invalid character 'I' in numeric literal"),
    (b"[1.x]", "invalid character 'x' after decimal point in numeric literal"),
    (b"[1e+x]", "invalid character 'x' in exponent of numeric literal"),
    (b"[1 2]", "invalid character '2' after array element"),
    (b"[01]", "invalid character '1' after array element"),
    (b"[1}", "invalid character '}' after array element"),
    (b'{"a" 1}', "invalid character '1' after object key"),
    (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
    (b'{"a":[{}]]', "invalid character ']' after object key:value pair"),
    (b"\x80", r"invalid character '\u0080' looking for beginning of value"),
    (b"[" * 9_000 + b"x", "invalid character 'x' looking for beginning of value"),
    (b"[" * 200_000, "invalid character '[' exceeded max depth"),
    (b'{"a":' * 200_000, "invalid character '{' exceeded max depth"),
    (b"[" * 10_001 + b"]" * 10_001, "invalid character '[' exceeded max depth"),
]


@pytest.mark.parametrize(("data", "message"), COMPLAINTS, ids=range(len(COMPLAINTS)))
def test_complaint(data: bytes, message: str) -> None:
    """Go's words, and never a crash, however deep."""
    with pytest.raises(Refusal) as caught:
        parse(data, "EOF")
    assert (caught.value.status, caught.value.message) == (400, message)
    assert caught.value.origin is Origin.DECODE


@pytest.mark.parametrize("data", [b"", b" \t\r\n"])
def test_blank(data: bytes) -> None:
    """Each dialect has its own words for nothing."""
    with pytest.raises(Refusal, match=r"^missing request body$"):
        parse(data, "missing request body")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_no_complaint_about_json(value: object) -> None:
    """What Python writes as JSON, infinities aside, is fine; so is what follows it."""
    data = json.dumps(value)
    if "Infinity" not in data:
        assert gosyntax.complaint(data.encode() + b" x") is None


@given(JSON, st.integers(0, 50), st.integers(0, 50), st.binary(max_size=3))
def test_both_readers_agree(value: object, at: int, length: int, inserted: bytes) -> None:
    """JSON with a bit replaced: the fast parser fails exactly where the slow one complains."""
    data = json.dumps(value).encode()
    data = data[:at] + inserted + data[at + length :]
    complaint = gosyntax.complaint(data)
    with contextlib.suppress(Refusal):
        parse(data, gosyntax.CUT)
        assert complaint is None
        return
    assert complaint is not None


@given(st.binary())
def test_nonsense(data: bytes) -> None:
    """Nothing but a refusal comes of anything."""
    with contextlib.suppress(Refusal):
        parse(data, "EOF")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"null", "null"),
        (b"true", "bool"),
        (b'"x"', "string"),
        (b"[]", "array"),
        (b"{}", "object"),
        (b"-1.5", "number"),
    ],
)
def test_kind(data: bytes, word: str) -> None:
    """Go's words for kinds of JSON."""
    assert kind(parse(data, "EOF")) == word
