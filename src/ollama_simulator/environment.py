"""Ollama's environment variables, as settings of a simulated server.

Source: native specification 1.5, 1.6 and 6.1.

Rules of this file:

1. A value means what it means to Ollama: quotes round it are dropped, and a number that can't
   be read leaves the default.
2. A name that Ollama doesn't know is refused, since it would be a setting that isn't there.

It must not import anything of this package but `golang`, `model` and `settings`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ollama_simulator.golang import duration
from ollama_simulator.model import Refusal

WITHOUT_EFFECT = frozenset(
    "OLLAMA_DEBUG OLLAMA_FLASH_ATTENTION OLLAMA_GO_TEMPLATE "
    "OLLAMA_LLM_LIBRARY OLLAMA_NEW_ENGINE OLLAMA_NOHISTORY OLLAMA_NOPRUNE "
    "OLLAMA_SCHED_SPREAD".split()
)
"""What Ollama reads, too, and nothing on the wire depends on."""

_FALSE = frozenset("0 f F FALSE false False".split())
_TRUE = frozenset("1 t T TRUE true True".split())
_SCHEMES = tuple(
    f"{scheme}://"
    for scheme in "http https chrome-extension moz-extension safari-web-extension".split()
)


class Invalid(ValueError):
    """A variable that Ollama would not start with, or doesn't know. The text names it."""


def settings_in(environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields of `Settings` that these variables set. Raises `Invalid`."""
    out: dict[str, Any] = {}
    for name, given in environment.items():
        reading = _READINGS.get(name)
        if reading is None:
            if name in WITHOUT_EFFECT:
                continue
            known = ", ".join(sorted(_READINGS))
            raise Invalid(f"{name} is no variable of Ollama's; there are {known}")
        field, read = reading
        value = read(given.strip().strip("\"'"))
        if value is not None:
            out[field] = value
    return out


def doubt(name: str, given: str) -> str | None:
    """What may not be meant by the value of a variable: Ollama ignores it, or takes it for
    something else. None if it is plain."""
    text = given.strip().strip("\"'")
    _, read = _READINGS.get(name, ("", str))
    if not text or name == "OLLAMA_HOST":
        return None
    if read is _truth:
        plain = text in _FALSE or text in _TRUE
        return None if plain else f"Ollama takes {given!r} for true, as all that isn't false"
    if read(text) is None:
        return f"Ollama ignores {given!r}, and takes its default"
    return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _truth(text: str) -> bool | None:
    if not text:
        return None
    # Whatever is neither counts as a yes.
    return text not in _FALSE


def _seconds(text: str) -> float | None:
    """A duration, or whole seconds."""
    if text.isascii() and text.removeprefix("-").isdigit():
        return duration.from_number(float(text))
    try:
        return duration.from_text(text)
    except Refusal:
        return None


def _timeout(text: str) -> float | None:
    found = _seconds(text)
    # For ever, and none at all, are both told by 0.
    return found if found is None or found != float("inf") else 0.0


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _origins(text: str) -> tuple[str, ...]:
    origins = _list(text)
    for origin in origins:
        if "*" not in origin and not origin.startswith(_SCHEMES):
            raise Invalid(
                f"OLLAMA_ORIGINS: {origin!r} has no `*` and no scheme: Ollama would not start"
            )
    return origins


def _bind(text: str) -> str | None:
    host = text.partition("://")[2] or text
    host = host.partition("/")[0]
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return (host.rpartition(":")[0] if host.count(":") == 1 else host) or None


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _kv_type(text: str) -> str | None:
    # What it doesn't know it takes for the default.
    return text if text in ("f16", "q8_0", "q4_0") else None


_READINGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "LLAMA_ARG_CACHE_RAM": ("cache_ram_mib", _integer),
    "OLLAMA_CONTEXT_LENGTH": ("context_length", _count),
    "OLLAMA_GPU_OVERHEAD": ("gpu_overhead", _count),
    "OLLAMA_KV_CACHE_TYPE": ("kv_cache_type", _kv_type),
    "OLLAMA_MULTIUSER_CACHE": ("multiuser_cache", _truth),
    "OLLAMA_HOST": ("bind", _bind),
    "OLLAMA_KEEP_ALIVE": ("keep_alive", _seconds),
    "OLLAMA_LOAD_TIMEOUT": ("load_timeout", _timeout),
    "OLLAMA_MAX_LOADED_MODELS": ("max_loaded_models", _count),
    "OLLAMA_MAX_QUEUE": ("max_queue", _count),
    "OLLAMA_MODELS": ("models", str),
    "OLLAMA_NO_CLOUD": ("no_cloud", _truth),
    "OLLAMA_NUM_PARALLEL": ("num_parallel", _count),
    "OLLAMA_ORIGINS": ("origins", _origins),
    "OLLAMA_REMOTES": ("remotes", _list),
}
"""By variable: the field that it sets, and how its value is read (None: the default stays)."""

KNOWN = tuple(_READINGS)
"""The variables that set something."""
