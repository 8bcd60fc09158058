"""Where something stands in a TOML file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.places import Place, Places, written

TEXT = '''seed = 7 # c
"a key" . in = 1
[defaults]
environment = { A = 1, "B.c" = 2 }

[[servers]]
port = 11501
profile.step.t0 = 3
  [servers.model_profiles]
  "a:b" = "x"

[[servers]]
scripts = [
  { contains = "a", answer = [{ content = "x]" },
     { wait_ms = 1 }] },
  # contains
  { contains = """
b ]
""", answer = [ ] },
  { contains = "d = contains" }
]
[[servers.installed_models]]
name = "a"
[[servers.installed_models]]
size = { name = 1, size = 2 }
'''


@pytest.mark.parametrize(
    ("place", "line", "column"),
    [
        (("seed",), 1, 1),
        (("a key",), 2, 1),
        (("a key", "in"), 2, 11),
        (("defaults",), 3, 2),
        (("defaults", "environment"), 4, 1),
        (("defaults", "environment", "B.c"), 4, 24),
        (("servers",), 6, 3),
        (("servers", 0), 6, 3),
        (("servers", 0, "port"), 7, 1),
        (("servers", 0, "profile"), 8, 1),
        (("servers", 0, "profile", "step", "t0"), 8, 14),
        (("servers", 0, "model_profiles"), 9, 12),
        (("servers", 0, "model_profiles", "a:b"), 10, 3),
        (("servers", 1), 12, 3),
        (("servers", 1, "scripts"), 13, 1),
        (("servers", 1, "scripts", 0), 14, 3),
        (("servers", 1, "scripts", 0, "answer", 0, "content"), 14, 33),
        (("servers", 1, "scripts", 0, "answer", 1, "wait_ms"), 15, 8),
        (("servers", 1, "scripts", 1, "contains"), 17, 5),
        (("servers", 1, "scripts", 2), 20, 3),
        (("servers", 1, "scripts", 2, "contains"), 20, 5),
        (("servers", 1, "installed_models"), 22, 11),
        (("servers", 1, "installed_models", 1), 24, 11),
        (("servers", 1, "installed_models", 1, "size", "size"), 25, 20),
        # Not written anywhere: the nearest round it, or else the file's beginning.
        (("servers", 1, "zone"), 12, 3),
        (("servers", 1, "installed_models", 0, "size"), 22, 11),
        (("nothing",), 1, 1),
        ((), 1, 1),
    ],
)
def test_where_it_begins(place: Place, line: int, column: int) -> None:
    """Headers, keys, dotted and quoted ones, inline tables and arrays of several lines."""
    found = Places(TEXT).of(place)
    assert (found.line, found.column) == (line, column)


def test_line_ends_of_windows_count_as_one() -> None:
    """And an end of line that only Unicode knows counts as none."""
    found = Places('a = "\u2028"\r\n\r\nb = 1\r\n').of(("b",))
    assert (found.line, found.column) == (3, 1)


def test_a_place_in_words() -> None:
    """As people write it."""
    assert written(("servers", 1, "rules", 0, "fault")) == "servers[1].rules[0].fault"
    assert written(()) == ""


def places_in(value: Any, place: Place = ()) -> list[Place]:
    """Every place that leads to a value that is no table and no array."""
    if isinstance(value, dict):
        return [each for key in value for each in places_in(value[key], (*place, key))]
    if isinstance(value, list):
        return [each for i, one in enumerate(value) for each in places_in(one, (*place, i))]
    return [place]


STRINGS = ["'a # b'", '"]\\" = "', "'''x\n[y]\n''''", '"""a\\"\n""b"""""', "''", '""""""']
"""Of each kind, with what would be a mark outside."""
SCALARS = st.sampled_from(["1", "-2.5e3", "true", "1979-05-27 07:32:00.5", "inf", *STRINGS])


def array(elements: list[str]) -> str:
    """On a line each, with comments that look like the end."""
    return "[\n" + "".join(f"  {each}, # ]\n" for each in elements) + "]"


def table(values: list[str]) -> str:
    """Under dotted and quoted keys."""
    pairs = [f'k{number}."]\\" = " = {value}' for number, value in enumerate(values)]
    return "{ " + ", ".join(pairs) + " }"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(array) | st.lists(inner, max_size=3).map(table),
    max_leaves=6,
)
HEADERS = st.sampled_from(["[[t]]", "[[t.u]]", "[t.v]", '[ "t" . w.x ]', "[t.u.y]", ""])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(HEADERS, VALUES), max_size=6))
def test_every_value_of_a_file_is_found(pieces: list[tuple[str, str]]) -> None:
    """And nothing else. What stands there is the last key, or the element itself."""
    lines = ["[[t]]"]
    for number, (header, value) in enumerate(pieces):
        lines += [header, f"a{number} . b = {value}  # c"]
    text = "\n".join(lines)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a table that was begun twice
    places = Places(text)
    every = places_in(document)
    rows = text.split("\n")
    seen = set()
    for place in every:
        found = places.of(place)
        seen.add(found)
        there = rows[found.line - 1][found.column - 1 :]
        if isinstance(place[-1], str):
            assert there.replace("\\", "").lstrip('"').startswith(place[-1])
        else:
            assert not there.startswith((" ", ",", "#"))
    assert len(seen) == len(every), "no two values begin in one place"
