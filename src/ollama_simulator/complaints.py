"""What is wrong with what a user wrote, in words that say what would be right.

Rules of this file:

1. It finds what no type can say; the words are for a JSON body and for a TOML file alike.

It must not import anything of this package but layer 0.
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args, get_origin, get_type_hints

from ollama_simulator import names
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings

CAPABILITIES = (
    "completion",
    "tools",
    "insert",
    "vision",
    "embedding",
    "thinking",
    "image",
    "audio",
)
"""What a model can be able to do."""

CHOICES: dict[str, tuple[str, ...]] = {
    field: get_args(kind)
    for struct in (Settings, Model)
    for field, kind in get_type_hints(struct).items()
    if get_origin(kind) is Literal
}
"""The fields that have one of a few values, and these."""


def with_choices(message: str, field: str) -> str:
    """A complaint about a field, with the values that it may have, if they are few."""
    if message.startswith("Invalid enum value") and field in CHOICES:
        return f"{message}; there are {', '.join(CHOICES[field])}"
    return message


def about_models(models: Sequence[Model]) -> tuple[str, str] | None:
    """The first thing that is wrong with a list of models: the place in the list, and the words.

    None if they can be installed together.
    """
    seen: dict[str, int] = {}
    for index, model in enumerate(models):
        name = f"[{index}].name"
        if not names.valid(model.name):
            looks = "it must look like [host/][namespace/]model[:tag]"
            return name, f"{model.name!r} is no model name; {looks}"
        other = seen.setdefault(names.canonical(model.name).lower(), index)
        if other != index:
            return name, f"{model.name!r} stands twice, first at [{other}]"
        for number, capability in enumerate(model.capabilities):
            if capability not in CAPABILITIES:
                known = ", ".join(CAPABILITIES)
                return (
                    f"[{index}].capabilities[{number}]",
                    f"{capability!r} is no capability; there are {known}",
                )
    return None


def field_of(place: str) -> str:
    """The name at the end of a place such as `$.models[0].path`."""
    return re.sub(r"\[\d+\]$", "", place).rpartition(".")[2]
