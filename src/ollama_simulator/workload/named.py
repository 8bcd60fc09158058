"""A workload from what a command line says.

Rules of this file:

1. A spec is the name of a preset, and after a colon what is changed in it:
   `chat:turns=6,asked=200`. What isn't changed is the preset's.
2. A rate counts requests, not sessions, so that it means the same with any number of turns.

It must not import anything but its own package.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ollama_simulator.workload import arrivals, trace
from ollama_simulator.workload.conversations import ClosedLoop, OpenLoop
from ollama_simulator.workload.lengths import TABLES, Fixed, Lengths, LogNormal
from ollama_simulator.workload.presets import PRESETS
from ollama_simulator.workload.session import BadWorkload, Workload

DEFAULT = "chat"


def workload(
    spec: str | None = None,
    *,
    rate: float | None = None,
    users: int | None = None,
    file: Path | None = None,
    requests: int | None = None,
    seed: int = 0,
) -> Workload:
    """The workload that is meant. Raises `BadWorkload`.

    `rate` is of requests in a second and makes an open loop, `users` a closed one; with neither
    the preset says which it is. `file` is a trace, which `rate` stretches and of which no more
    than `requests` rows are read. Otherwise `requests` is without effect: whoever plays the
    workload stops.
    """
    if file is not None:
        if requests is not None and requests < 1:
            raise BadWorkload(f"at least 1 request must be asked for, not {requests}")
        if spec is not None or users is not None:
            raise BadWorkload("a trace has its own requests: it takes no workload and no users")
        return trace.read(file, rate=rate, limit=requests, seed=seed)
    if rate is not None and users is not None:
        raise BadWorkload("either a rate (an open loop) or users (a closed loop), not both")
    name, _, text = (spec or DEFAULT).partition(":")
    preset = PRESETS.get(name)
    if preset is None:
        raise BadWorkload(f"there is no workload {name!r}; there are {', '.join(PRESETS)}")
    changes = _changes(text, spec or DEFAULT)
    process = changes.pop("arrivals", None)
    cv = changes.pop("cv", None)
    if rate is None and users is None:
        rate, users = preset.rate, preset.users
    try:
        recipe = msgspec.structs.replace(preset.recipe, **changes)
        if rate is not None:
            per_session = rate / recipe.requests
            return OpenLoop(
                recipe, arrivals.named(process or preset.arrivals, per_session, cv), seed
            )
    except BadWorkload as error:
        raise BadWorkload(f"{spec or DEFAULT}: {error}") from None
    # A preset has one of the two.
    assert users is not None
    if process is not None or cv is not None:
        raise BadWorkload(f"{spec}: arrivals need a rate: {users} users are a closed loop")
    return ClosedLoop(recipe, users, seed)


def _changes(text: str, spec: str) -> dict[str, Any]:
    """The fields that a spec changes."""
    out: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        read = FIELDS.get(name)
        if read is None or not equals:
            raise BadWorkload(
                f"{spec}: {item!r} changes nothing; it must be one of {', '.join(FIELDS)}, "
                "an equals sign, and a value"
            )
        if name in out:
            raise BadWorkload(f"{spec}: {name} stands twice")
        try:
            out[name] = read(value)
        except BadWorkload as error:
            raise BadWorkload(f"{spec}: {name}: {error}") from None
        except (ValueError, OverflowError):
            raise BadWorkload(f"{spec}: {name} can't be {value!r}") from None
    return out


def _lengths(text: str) -> Lengths:
    kind, *numbers = text.split(":")
    if kind in TABLES and not numbers:
        return TABLES[kind]
    if kind == "lognormal" and len(numbers) == 2:
        return LogNormal(float(numbers[0]), float(numbers[1]))
    if kind.isdecimal() and not numbers:
        return Fixed(_count(kind))
    raise BadWorkload(
        f"lengths are a number of tokens, lognormal:MU:SIGMA, or one of {', '.join(TABLES)}, "
        f"not {text!r}"
    )


def _opening(text: str) -> Lengths | None:
    return None if text == "0" else _lengths(text)


def _count(text: str) -> int:
    # More digits than any bound has are an accident, and too many for a float of a message.
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError
    return int(text)


def _range(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    return _count(low), _count(high if dash else low)


def _models(text: str) -> tuple[str, ...]:
    models = tuple(text.split("+"))
    if not all(models):
        raise BadWorkload(f"models are names with + between them, not {text!r}")
    return models


FIELDS: dict[str, Callable[[str], Any]] = {
    "asked": _lengths,
    "answered": _lengths,
    "opening": _opening,
    "turns": float,
    "one_shot": float,
    "think_s": float,
    "thinking": _count,
    "systems": _count,
    "system_tokens": _range,
    "system_skew": float,
    "models": _models,
    "model_skew": float,
    "odd_num_ctx": _count,
    "odd_share": float,
    "arrivals": str,
    "cv": float,
}
"""What a spec may change: the fields of `Recipe`, and the process of arrivals."""
