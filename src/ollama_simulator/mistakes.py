"""Everything that is wrong with a document, by the type that it should have.

`msgspec` stops at the first mistake. So what it complains of is taken out, and the rest is read
again, until nothing is left to complain of.

Rules of this file:

1. A mistake is told once, in its place in the document as it was written. What only follows
   from another mistake having been taken out is not told.
2. A complaint says what would be right: the values that there are, or the name that is meant.

It must not import anything of this package but `places`.
"""

import copy
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from ollama_simulator.places import Place, written

MOST = 100
"""Mistakes of one document that are told."""
FEW = 24
"""So many names are listed; of more only the nearest is told."""

LIKE = 0.65
"""How alike words must be (1: the same) for one to be meant by the other."""

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "array": "an array",
    "object": "a table",
}
"""What TOML's users call what JSON's call so."""


class Mistake(msgspec.Struct, frozen=True):
    """Something that can't be meant."""

    place: Place
    words: str


def instead(word: Any, names: Sequence[Any]) -> str:
    """What may have been meant, and what there is, if that is little."""
    by_folded = {str(name).lower(): str(name) for name in names}
    near = difflib.get_close_matches(str(word).lower(), by_folded, n=1, cutoff=LIKE)
    there = f"there are {', '.join(by_folded.values())}"
    if not near:
        return there
    meant = f"did you mean {by_folded[near[0]]}?"
    return meant if len(by_folded) > FEW else f"{meant} {there}"


class Reading:
    """What can be read of a document, and what can't."""

    def __init__(self, document: dict[str, Any], kind: Any, table: str = "a table") -> None:
        """Reads by a type; `document` stays as it is. `table` is what its language calls that."""
        self.mistakes: list[Mistake] = []
        self.document = copy.deepcopy(document)
        """What is left: all of it that can be read."""
        self.value: Any = None
        """What is left, as a value of the type; None if nothing of it can be read."""
        self._kind = kind
        self._words = _WORDS | {"object": table}
        self._gone: set[Place] = set()
        """What was taken out, by its first place."""
        self._indices: dict[int, list[int]] = {}
        """By the identity of an array: the first index of each of its elements."""
        while self.value is None and len(self.mistakes) < MOST:
            try:
                self.value = msgspec.convert(self.document, kind)
            except msgspec.ValidationError as error:
                if not self._note(str(error)):
                    return

    def original(self, place: Place) -> Place:
        """Where something stood at first that now stands in this place."""
        before: Place = ()
        inner: Any = self.document
        for part in place:
            if isinstance(inner, list) and isinstance(part, int):
                before += (self._indices.get(id(inner), range(len(inner)))[part],)
            else:
                before += (part,)
            inner = _inside(inner, part)
        return before

    def _note(self, error: str) -> bool:
        """Take out what the complaint is about. Returns False if nothing would be left."""
        message, place = self._placed(error)
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
        missing = message.startswith("Object missing required field")
        if unknown:
            culprit = (*place, unknown[1])
            names = [name for kind in self._kinds(place) for name in _fields(kind)]
            self._tell(culprit, f"there is no such field; {instead(unknown[1], names)}")
            return self._take(culprit)
        if missing:
            # `msgspec` names the first only, which may be one that was taken out.
            if lacking := self._lacking(message, place):
                told = " and ".join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
                self._tell(place, f"{told} {'is' if len(lacking) == 1 else 'are'} missing")
            return self._take(place)
        if (own := self._own(message, place)) is not None:
            self._tell((*place, *own), message.partition(f"{'.'.join(own)}: ")[2])
            return self._take((*place, own[0]))
        first = self.original(place)
        if not any(gone[: len(first)] == first for gone in self._gone):
            self._tell(place, self._explained(message, place))
        return self._take(place)

    def _lacking(self, message: str, place: Place) -> list[str]:
        """The fields, in backquotes, that a table needs and never had."""
        value = _inside(self.document, *place)
        first = re.findall(r"`(.*)`", message)
        needed = [name for kind in self._kinds(place) for name in _needed(kind, value)]
        return [
            f"`{name}`"
            for name in dict.fromkeys([*first, *needed])
            if name not in value and self.original((*place, name)) not in self._gone
        ]

    def _own(self, message: str, place: Place) -> tuple[str, ...] | None:
        """The field, and the key in it, that a check of a struct's own complains of, if it begins
        by naming them."""
        value = _inside(self.document, *place)
        for name in value if isinstance(value, dict) else ():
            if message.startswith(f"{name}: "):
                return (name,)
            for key in value[name] if isinstance(value[name], dict) else ():
                if message.startswith(f"{name}.{key}: "):
                    return name, key
        return None

    def _tell(self, place: Place, words: str) -> None:
        self.mistakes.append(Mistake(self.original(place), words))

    def _take(self, place: Place) -> bool:
        """Take something out. Returns False if that is everything."""
        if not place:
            return False
        self._gone.add(self.original(place))
        inside = _inside(self.document, *place[:-1])
        if isinstance(inside, list):
            indices = self._indices.setdefault(id(inside), list(range(len(inside))))
            del indices[int(place[-1])]
        del inside[place[-1]]
        return True

    def _placed(self, error: str) -> tuple[str, Place]:
        """What `msgspec` says, and of which place."""
        found = re.fullmatch(r"(.*) - at (`key` in )?`\$([^`]*)`", error, re.DOTALL)
        if not found:
            return error, ()
        place: Place = ()
        for name, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", found[3]):
            # It doesn't say under which key of a table of any keys.
            part = self._culprit(place, error) if index == "..." else name or int(index)
            place += (part,)
        return found[1], place

    def _culprit(self, place: Place, error: str) -> str:
        """The first key of a table that the error is about."""
        for key, value in _inside(self.document, *place).items():
            trial = copy.deepcopy(self.document)
            _inside(trial, *place[:-1])[place[-1]] = {key: value}
            try:
                msgspec.convert(trial, self._kind)
            except msgspec.ValidationError as again:
                if str(again) == error:
                    return str(key)
        raise AssertionError(f"no key of {written(place)} is wrong by itself: {error}")

    def _explained(self, message: str, place: Place) -> str:
        """A complaint in the words of who writes a file, with what would be right."""
        value = _inside(self.document, *place)
        if message.startswith("Invalid"):
            choices = [word for kind in self._kinds(place, tags=True) for word in _choices(kind)]
            return f"there is no {value!r}; {instead(value, choices)}"
        expected = re.fullmatch(r"Expected `([^`]*)`(.*?)(, got `[^`]*`)?", message, re.DOTALL)
        if not expected:
            return message
        kinds = [self._words.get(each, each) for each in expected[1].split(" | ") if each != "null"]
        bound = re.sub(r"(?<=\d)\.0$", "", expected[2])
        return f"it must be {' or '.join(kinds)}{bound}{_shown(value)}"

    def _kinds(self, place: Place, tags: bool = False) -> list[inspect.Type]:
        """The types that may stand in a place. With `tags`, it may be that of a union's tag."""
        kinds = list(_open(inspect.type_info(self._kind)))
        inner: Any = self.document
        for number, part in enumerate(place):
            kinds = [each for kind in kinds for each in _within(kind, part, inner)]
            if tags and not kinds and number == len(place) - 1:
                return self._kinds(place[:-1], tags=True)
            inner = _inside(inner, part)
        return kinds if tags else [kind for kind in kinds if not _tagged_otherwise(kind, inner)]


def _inside(value: Any, *place: str | int) -> Any:
    for part in place:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _open(kind: inspect.Type) -> Iterator[inspect.Type]:
    """A type, or those of a union."""
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _open(each)
    elif isinstance(kind, inspect.Metadata):
        yield from _open(kind.type)
    else:
        yield kind


def _within(kind: inspect.Type, part: str | int, value: Any) -> Iterator[inspect.Type]:
    """The types of what stands in a value of a type. Of tagged structs it is the one that the
    value says."""
    if isinstance(kind, inspect.StructType):
        if _tagged_otherwise(kind, value):
            return
        for field in kind.fields:
            if field.encode_name == part:
                yield from _open(field.type)
    elif isinstance(kind, inspect.DictType):
        yield from _open(kind.value_type)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType):
        yield from _open(kind.item_type)


def _tagged_otherwise(kind: inspect.Type, value: Any) -> bool:
    """Whether a value says that it is another struct than this one."""
    return (
        isinstance(kind, inspect.StructType)
        and kind.tag_field is not None
        and _inside(value, kind.tag_field) not in (None, kind.tag)
    )


def _fields(kind: inspect.Type) -> list[str]:
    if not isinstance(kind, inspect.StructType):
        return []
    tag = [kind.tag_field] if kind.tag_field else []
    return [*tag, *(field.encode_name for field in kind.fields)]


def _needed(kind: inspect.Type, value: Any) -> list[str]:
    """The fields that a struct can't be without, if the value says that it is that struct."""
    if not isinstance(kind, inspect.StructType):
        return []
    if kind.tag_field is not None and _inside(value, kind.tag_field) != kind.tag:
        return []
    return [field.encode_name for field in kind.fields if field.required]


def _choices(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    if isinstance(kind, inspect.EnumType):
        return [each.value for each in kind.cls]
    if isinstance(kind, inspect.StructType) and kind.tag is not None:
        return [kind.tag]
    return []


def _shown(value: Any) -> str:
    """A value, if it is short."""
    words = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else repr(value)
    if words is None or len(words) > 40 or isinstance(value, dict | list):
        return ""
    return f", and not {words}"
