"""The options of a request, checked and with their types.

Source: native specification 3.5.

It must not import anything but layer 0.
"""

from collections.abc import Mapping
from typing import Any

from ollama_simulator.model import Refusal

KINDS: dict[str, str] = {
    **dict.fromkeys(
        "num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict num_keep seed "
        "num_predict top_k repeat_last_n".split(),
        "integer",
    ),
    **dict.fromkeys(
        "top_p min_p typical_p temperature repeat_penalty presence_penalty "
        "frequency_penalty".split(),
        "float32",
    ),
    "use_mmap": "boolean",
    "stop": "array",
}
"""The options that Ollama knows, with the type that it asks for."""

LONGEST = 10
"""An answer has at most so many times the tokens of the context."""


def read(options: Mapping[str, Any]) -> dict[str, Any]:
    """The known options that are not null; integers without their fractions.

    Raises `Refusal` with status 500 if one is of a wrong type.
    """
    out: dict[str, Any] = {}
    for name, kind in KINDS.items() if options else ():
        value = options.get(name)
        if value is None:
            continue
        if not _fits(value, kind):
            raise Refusal(500, f'option "{name}" must be of type {kind}')
        if name == "stop" and not all(isinstance(item, str) for item in value):
            raise Refusal(500, 'option "stop" must be of an array of strings')
        if kind == "integer" and isinstance(value, float):
            value = int(min(max(value, -(2.0**62)), 2.0**62))
        out[name] = value
    return out


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list | tuple)
    return isinstance(value, int | float) and not isinstance(value, bool)


def limit(options: Mapping[str, Any], context: int, room: int | None) -> int | None:
    """How many tokens an answer may have; None for no limit.

    `options` are read already, `context` is the length of the model's window, and `room` is what
    the prompt left of it, None if the window moves on when it is full.
    """
    asked: int = options.get("num_predict", -1)
    most = LONGEST * context if room is None else max(1, room)
    if asked < 0:
        return None if room is None else most
    return min(asked, most)
