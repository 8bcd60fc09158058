"""Reading the bodies of control requests, with errors that name the field and what would be right.

It must not import anything of this package but layers 0 and 1, and `control.problems`.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ollama_simulator.complaints import about_models, field_of, with_choices
from ollama_simulator.control.problems import Culprit, pointer
from ollama_simulator.mistakes import Mistake, Reading, instead
from ollama_simulator.model import Model
from ollama_simulator.places import Place, written

T = TypeVar("T")
EMPTY = "the body is empty; it must be a JSON object"


class BadBody(Exception):
    """A body that can't be taken. The text names the place and what would be right there."""

    def __init__(self, words: str, culprits: tuple[Culprit, ...] = ()) -> None:
        super().__init__(words)
        self.culprits = culprits
        """The same, place by place."""


def decode(body: bytes, kind: type[T], *, hints: dict[str, str], empty: T | None = None) -> T:
    """Read a JSON body, whatever its content type.

    `hints` maps a path in the document (`$.port`) to a phrase that says what belongs there.
    An empty body is `empty`, if that is given. Raises `BadBody`.
    """
    if not body.strip():
        if empty is None:
            raise BadBody(EMPTY)
        return empty
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadBody(_explain(str(error), hints)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadBody(f"the body is not JSON: {error}") from None


def _explain(message: str, hints: dict[str, str]) -> str:
    found = re.search(r" - at `([^`]+)`$", message)
    place = found.group(1) if found else "$"
    missing = re.search(r"missing required field `([^`]+)`", message)
    field = f"{place}.{missing.group(1)}" if missing else place
    hint = hints.get(field) if _of_the_decoder(message) else None
    if found:
        message = with_choices(message[: found.start()], field_of(place)) + found.group(0)
    if hint and "matching regex" in message:
        return f"Expected {hint} - at `{place}`"
    return f"{message}; {field} must be {hint}" if hint else message


def _of_the_decoder(message: str) -> bool:
    """Whether a complaint is about a value's form: what a value's own checks find says enough."""
    return message.startswith(("Expected", "Invalid", "Object", "Str", "Length"))


def read(body: bytes, kind: type[T], *, empty: T | None = None) -> T:
    """Read a JSON body, whatever its content type; an empty one is `empty`, if that is given.

    Raises `BadBody` that tells of everything that is wrong, and not of the first thing only.
    """
    if not body.strip() and empty is not None:
        return empty
    found: T = reading(document(body), kind).value
    return found


def document(body: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises `BadBody`."""
    if not body.strip():
        raise bad((), EMPTY)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise bad((), f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise bad((), "the body must be an object")
    return found


def reading(document: dict[str, Any], kind: Any) -> Reading:
    """A document that can be read as a type. Raises `BadBody`."""
    found = Reading(document, kind, "an object")
    if found.mistakes:
        raise wrong(found.mistakes)
    return found


def wrong(mistakes: Sequence[Mistake]) -> BadBody:
    """All these mistakes."""
    words = [f"{written(each.place)}: {each.words}".removeprefix(": ") for each in mistakes]
    culprits = tuple(Culprit(each.words, pointer(each.place)) for each in mistakes)
    return BadBody("; ".join(words), culprits)


def bad(place: Place, words: str) -> BadBody:
    """One mistake."""
    return wrong([Mistake(place, words)])


def check_models(models: Sequence[Model], *place: str | int) -> None:
    """Raise `BadBody` if models that stand in a place can't be installed together."""
    if found := about_models(models):
        where = re.findall(r"\[(\d+)\]|\.(\w+)", found[0])
        raise bad((*place, *(name or int(number) for number, name in where)), found[1])


def about_field(message: str, kind: type[Any]) -> tuple[str, str]:
    """What `msgspec` complains of in a flat document of strings: the field, and the words."""
    words, _, place = message.partition(" - at `$.")
    name = place.removesuffix("`")
    if found := re.search(r"unknown field `([^`]+)`", words):
        name, names = found[1], [field.encode_name for field in msgspec.structs.fields(kind)]
        return name, f"there is no such parameter; {instead(name, names)}"
    return name, re.sub(r"`(\w+)`", r"\1", words.partition(", got ")[0])
