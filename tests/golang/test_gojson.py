"""JSON as Go prints it."""

from __future__ import annotations

import json
import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang import gojson


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A struct as the codecs have them."""

    model: str
    done: bool
    reason: str = ""
    count: int = 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<think> & more", rb'"\u003cthink\u003e \u0026 more"'),
        ("a\u2028b\u2029c", rb'"a\u2028b\u2029c"'),
        ("\b\f\n\r\t\x01\x00", rb'"\b\f\n\r\t\u0001\u0000"'),
        ("/ \x7f é 😀", '"/ \x7f é 😀"'.encode()),
        ('"\\', rb'"\"\\"'),
        ({"b": [1, None, True], "a": {}}, b'{"b":[1,null,true],"a":{}}'),
        (Reply("m", False), b'{"model":"m","done":false}'),
        (Reply("m", True, "stop", 3), b'{"model":"m","done":true,"reason":"stop","count":3}'),
        (msgspec.Raw(b"1.50"), b"1.50"),
    ],
)
def test_encode(value: object, expected: bytes) -> None:
    """Compact, HTML-safe, in order, with empty fields left out."""
    assert gojson.encode(value) == expected


@given(st.text(st.characters(codec="utf-8")))
def test_encoded_text_is_read_back(text: str) -> None:
    """Escaping changes how a string looks, not what it says."""
    assert json.loads(gojson.encode(text)) == text


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (0.5, "0.5"),
        (0.2, "0.2"),
        (1e5, "100000"),
        (1e-6, "0.000001"),
        (9.5e-7, "9.5e-7"),
        (1e-7, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (-1e-10, "-1e-10"),
        (12345678901234567890.0, "12345678901234567000"),
        (1.0000000116860974e-7, "1.0000000116860974e-7"),
        (0.10000000149011612, "0.10000000149011612"),
    ],
)
def test_float64(x: float, expected: str) -> None:
    """Plain digits between 1e-6 and 1e21, no `.0`, no zero in front of an exponent."""
    assert gojson.float64(x) == expected


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.1, "0.1"),
        (0.182574185, "0.18257418"),
        (0.23076239, "0.23076239"),
        (7.69208e-9, "7.69208e-9"),
        (-0.92304957, "-0.92304957"),
        (1e-6, "0.000001"),
        (9.999999e-7, "9.999999e-7"),
        (16777216.0, "16777216"),
        (10.0, "10"),
        (1e21, "1e+21"),
        (-0.0, "-0"),
    ],
)
def test_float32(x: float, expected: str) -> None:
    """The same rule, in the digits that 32 bits need."""
    assert gojson.float32(x) == expected


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_float32_round_trips(x: float) -> None:
    """Whatever is printed is read back as the same 32-bit float."""
    assert struct.pack("<f", float(gojson.float32(x))) == struct.pack("<f", x)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float64_round_trips(x: float) -> None:
    """Whatever is printed is read back as the same float, its sign included."""
    again = float(gojson.float64(x))
    assert again == x
    assert math.copysign(1, again) == math.copysign(1, x)


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (1_795_442_868_959_079_630, "2026-11-23T14:07:48.95907963Z"),
        (1_795_442_868_000_000_001, "2026-11-23T14:07:48.000000001Z"),
        (1_795_442_868_500_000_000, "2026-11-23T14:07:48.5Z"),
        (1_795_442_868_000_000_000, "2026-11-23T14:07:48Z"),
        (1_795_442_868_000_000_000 + 2**63 - 1, "2319-03-05T13:55:04.854775807Z"),
        (0, "1970-01-01T00:00:00Z"),
    ],
)
def test_rfc3339(ns: int, expected: str) -> None:
    """Up to nine digits, without zeros at the end, none at all on the full second."""
    assert gojson.rfc3339(ns) == expected
    assert gojson.instants([ns, ns]) == [expected.encode()] * 2


def test_nanoseconds() -> None:
    """Durations are rounded, not cut."""
    assert gojson.nanoseconds(0.342439095) == 342439095
    assert gojson.nanoseconds(0.0) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nope", '"nope"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\x01\x7f\a\v", r'"\n\x01\x7f\a\v"'),
        ("é 😀", '"é 😀"'),
        ("\xa0\xad\u2028", r'"\u00a0\u00ad\u2028"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_quote(text: str, expected: str) -> None:
    """What can't be printed is escaped."""
    assert gojson.quote(text) == expected


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (1e6, "1e+06"),
        (123456789, "1.23456789e+08"),
        (1234567.5, "1.2345675e+06"),
        (1e21, "1e+21"),
        (100000, "100000"),
        (4096, "4096"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.5, "0.5"),
        (-1, "-1"),
        (0, "0"),
        (-0.0, "-0"),
    ],
)
def test_general(x: float, expected: str) -> None:
    """As Go's `%v` has it."""
    assert gojson.general(x) == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "2025-10-09T08:53:20.5Z"),
        ("Europe/London", "2025-10-09T09:53:20.5+01:00"),
        ("Africa/Abidjan", "2025-10-09T08:53:20.5Z"),
        ("America/St_Johns", "2025-10-09T06:23:20.5-02:30"),
    ],
)
def test_times_of_a_zone(zone: str, expected: str) -> None:
    """With the offset of that time, and none where it is zero."""
    assert gojson.rfc3339(1_760_000_000_500_000_000, zone) == expected
