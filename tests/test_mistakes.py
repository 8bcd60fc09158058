"""Everything that is wrong with a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import pytest

from ollama_simulator.mistakes import MOST, Reading
from ollama_simulator.places import written

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Cat(msgspec.Struct, tag_field="type", tag=True, forbid_unknown_fields=True):
    """One kind of animal."""

    lives: Positive = 9


class Dog(msgspec.Struct, tag_field="type", tag=True, forbid_unknown_fields=True):
    """Another kind."""

    name: str
    tricks: tuple[str, ...] = ()


class Home(msgspec.Struct, forbid_unknown_fields=True):
    """Where they live."""

    animals: Annotated[tuple[Cat | Dog, ...], msgspec.Meta(min_length=1)]
    doors: Mapping[str, Positive | None] = {}
    colour: Literal["red", "green"] = "red"

    def __post_init__(self) -> None:
        if self.doors.get("front") == 13:
            raise ValueError("doors.front: 13 is bad luck")
        if self.doors.get("back") == 13:
            raise ValueError("no luck there")


def told(document: dict[str, Any], kind: Any = Home) -> dict[str, str]:
    """The mistakes, by their places."""
    return {written(each.place): each.words for each in Reading(document, kind).mistakes}


DOG = {"type": "Dog", "name": "Rex"}


@pytest.mark.parametrize(
    ("document", "mistakes"),
    [
        ({"animals": [DOG]}, {}),
        ({}, {"": "`animals` is missing"}),
        ({"animals": []}, {"animals": "it must be an array of length >= 1"}),
        ({"animals": 1}, {"animals": "it must be an array, and not 1"}),
        (
            {"animals": [{"type": "Dogg", "name": "Rex"}]},
            {"animals[0].type": "there is no 'Dogg'; did you mean Dog? there are Cat, Dog"},
        ),
        ({"animals": [{}]}, {"animals[0]": "`type` is missing"}),
        (
            {"animals": [{"type": "Dog", "names": "Rex"}]},
            {
                "animals[0].names": "there is no such field; did you mean name? "
                "there are type, name, tricks",
                "animals[0]": "`name` is missing",
            },
        ),
        # That `name` is missing afterwards is no mistake of its own.
        (
            {"animals": [{"type": "Dog", "name": 1}]},
            {"animals[0].name": "it must be a string, and not 1"},
        ),
        (
            {"animals": [{"type": "Cat", "lives": True}, 5, DOG, {"type": "Cat", "lives": 0}]},
            {
                "animals[0].lives": "it must be a whole number, and not true",
                "animals[1]": "it must be a table, and not 5",
                "animals[3].lives": "it must be a whole number >= 1, and not 0",
            },
        ),
        (
            {"animals": [{"type": "Dog", "name": "a", "tricks": ["sit", 1, "roll", 2]}]},
            {
                "animals[0].tricks[1]": "it must be a string, and not 1",
                "animals[0].tricks[3]": "it must be a string, and not 2",
            },
        ),
        (
            {"animals": [DOG], "doors": {"a": 1, "b": 0, "c": "x", "d": 0}},
            {
                "doors.b": "it must be a whole number >= 1, and not 0",
                "doors.c": "it must be a whole number, and not 'x'",
                "doors.d": "it must be a whole number >= 1, and not 0",
            },
        ),
        (
            {"animals": [DOG], "colour": "gren"},
            {"colour": "there is no 'gren'; did you mean green? there are green, red"},
        ),
        (
            {"animals": [DOG], "colour": "blue", "color": "red"},
            {
                "colour": "there is no 'blue'; there are green, red",
                "color": "there is no such field; did you mean colour? "
                "there are animals, doors, colour",
            },
        ),
        ({"animals": [DOG], "doors": {"front": 13}}, {"doors.front": "13 is bad luck"}),
        ({"animals": [DOG], "doors": {"back": 13}}, {"": "no luck there"}),
    ],
)
def test_what_is_told(document: dict[str, Any], mistakes: dict[str, str]) -> None:
    """Each mistake once, in its place in the document as it was."""
    assert told(document) == mistakes


class Places(msgspec.Struct):
    """Some places, and an animal that is at home there."""

    places: tuple[Place, ...] = ()
    cat: Cat | Dog | None = None


class Place(msgspec.Struct):
    """Fields that must all be there."""

    name: str
    x: int
    y: int


def test_all_that_is_missing_is_told() -> None:
    """But for what was taken out as a mistake, and what another kind of struct would need."""
    assert told({"places": [{"name": 1, "y": 2}, {}], "cat": {}}, Places) == {
        "places[0].name": "it must be a string, and not 1",
        "places[0]": "`x` is missing",
        "places[1]": "`name`, `x` and `y` are missing",
        "cat": "`type` is missing",
    }


def test_the_rest_is_read_and_the_document_stays() -> None:
    """And what is left knows where it stood."""
    document = {"animals": [1, {"type": "Cat", "live": 9}, DOG], "doors": {"a": "b"}}
    reading = Reading(document, Home)
    assert document == {"animals": [1, {"type": "Cat", "live": 9}, DOG], "doors": {"a": "b"}}
    assert reading.value == Home(animals=(Cat(), Dog("Rex")))
    assert reading.original(("animals", 1, "name")) == ("animals", 2, "name")
    assert reading.original(("doors", "x")) == ("doors", "x")


def test_a_document_that_is_nothing_but_mistakes() -> None:
    """Is given up some time."""
    reading = Reading({"animals": [DOG], **{f"x{n}": n for n in range(MOST + 9)}}, Home)
    assert len(reading.mistakes) == MOST
    assert reading.value is None
