"""JSON printed as Go prints what it read into maps."""

from __future__ import annotations

from ollama_simulator.golang.parse import parse
from ollama_simulator.golang.printed import printed


def test_the_order_of_the_outermost_object_is_kept_and_nested_ones_are_sorted() -> None:
    text = b'{"city": "Paris <b>", "n": 1.50, "z": {"y":1,"a":[{"d":1,"c":2}]}}'
    assert printed(parse(text, ""), keep_order=True) == (
        r'{"city":"Paris \u003cb\u003e","n":1.5,"z":{"a":[{"c":2,"d":1}],"y":1}}'
    )


def test_all_are_sorted_otherwise() -> None:
    assert printed({"b": 1, "a": {"d": None, "c": True}}) == '{"a":{"c":true,"d":null},"b":1}'


def test_every_number_is_a_float_of_64_bits() -> None:
    text = b"[1E5,1e21,-0,12345678901234567890,0.0000001,7]"
    assert printed(parse(text, "")) == "[100000,1e+21,-0,12345678901234567000,1e-7,7]"
    assert printed([1.0, 2, 0.5]) == "[1,2,0.5]"
