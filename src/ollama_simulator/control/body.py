"""Reading the bodies of control requests, with errors that name the field and what would be right.

It must not import anything of this package but layer 0 and `complaints`.
"""

import re
from typing import TypeVar

import msgspec

from ollama_simulator.complaints import field_of, with_choices

T = TypeVar("T")


class BadBody(Exception):
    """A body that can't be taken. The text names the place and what would be right there."""


def decode(body: bytes, kind: type[T], *, hints: dict[str, str], empty: T | None = None) -> T:
    """Read a JSON body, whatever its content type.

    `hints` maps a path in the document (`$.port`) to a phrase that says what belongs there.
    An empty body is `empty`, if that is given. Raises `BadBody`.
    """
    if not body.strip() and empty is not None:
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
    hint = hints.get(field)
    if found:
        message = with_choices(message[: found.start()], field_of(place)) + found.group(0)
    if hint and "matching regex" in message:
        return f"Expected {hint} - at `{place}`"
    return f"{message}; {field} must be {hint}" if hint else message
