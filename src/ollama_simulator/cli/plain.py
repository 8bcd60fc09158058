"""Reads the plain values of options.

Typer has pydantic read each value, and to import that takes a third of a program's start. A word, a
number in digits and the path of a file that can be read need nobody to check them, nor does a
default. Whatever is less plain, such as all that is wrong, is left to typer.

It must not import the commands.
"""

import os
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_DIGITS = 18
"""More of them are no plain number."""
BOUNDS = ("min", "max", "parser")
"""What an option may want of its value beside the type."""


def read_plainly(command: Callable[..., Any] | None, parameters: list[Any]) -> list[Any]:
    """The parameters of a command, of which plain values are read here."""
    hints = typing.get_type_hints(command, include_extras=True) if command else {}
    for each in parameters:
        if "process_value" not in vars(each):
            each.process_value = _reader(each, hints.get(each.name))
    return parameters


def _reader(parameter: Any, hint: Any) -> Callable[[Any, Any], Any]:
    """What reads the values of a parameter of such a type."""
    ordinary: Callable[[Any, Any], Any] = parameter.process_value
    several, kind, bounded = parameter.multiple or parameter.nargs != 1, _kind(hint), _bounded(hint)

    def read(context: Any, value: Any) -> Any:
        found: Any = None
        if value is None:
            if parameter.required:
                return ordinary(context, value)
            found = () if several else None
        elif several or (found := _plain(kind, value, bounded)) is None:
            return ordinary(context, value)
        return parameter.callback(context, parameter, found) if parameter.callback else found

    return read


def _bounded(hint: Any) -> bool:
    """Whether more is wanted of a value than its type."""
    told = getattr(hint, "__metadata__", ())
    return any(getattr(info, bound, None) is not None for info in told for bound in BOUNDS)


def _kind(hint: Any) -> Any:
    """The type that a parameter has if it has any value."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (each for each in typing.get_args(hint) if each is not type(None))
    return hint


def _plain(kind: Any, value: Any, bounded: bool) -> Any:
    """A value that is plainly of a type; None for any other."""
    if isinstance(kind, type) and isinstance(value, kind) and (kind is not str or not bounded):
        return value  # a default, or a word
    if bounded or not isinstance(value, str):
        return None
    digits = len(value) <= MOST_DIGITS and value.isascii() and value.isdigit()
    if (kind is int or kind is float) and digits:
        return kind(value)
    if kind is Path and os.access(value, os.R_OK):
        return Path(value)
    return None
