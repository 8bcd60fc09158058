"""What a recording shows of a model that the data file can only assume.

Source: native specification 4.6.

Rules of this file:

1. Only what the data file says is assumed gives way, and the arrays of a weight file's metadata.
2. It holds for the one recording.

It must not import anything of this package but `model` and its own folder.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ollama_simulator.golden.recording import Recording
from ollama_simulator.golden.world import World
from ollama_simulator.model import Layer, Model

_FILES = re.compile(r"^FROM .*sha256-([0-9a-f]{64})$", re.MULTILINE)


def learned(models: Iterable[Model], recording: Recording, world: World) -> tuple[Model, ...]:
    """The models, the one that the recording shows as it shows it."""
    shown = _shown(recording)
    asked = recording.request.json
    wanted = world.model(str(asked.get("model") or asked.get("name") or ""))
    if shown is None or wanted is None:
        return tuple(models)
    new = _as_shown(wanted, shown, world.assumed[wanted.name])
    return tuple(new if each.name == wanted.name else each for each in models)


def _shown(recording: Recording) -> dict[str, Any] | None:
    """The answer of `/api/show`, if it is one."""
    if recording.request.path != "/api/show" or b'"modelfile"' not in recording.reply.body:
        return None
    value = json.loads(recording.reply.body)
    return value if isinstance(value, dict) else None


def _as_shown(model: Model, shown: dict[str, Any], assumed: Sequence[str]) -> Model:
    changes: dict[str, Any] = {
        "model_info": {
            key: _array(value, shown["model_info"].get(key))
            for key, value in model.model_info.items()
        }
    }
    files = _FILES.findall(shown["modelfile"])
    if "weights" in assumed and files:
        changes["weights"] = files[0]
        changes["layers"] = tuple(_renamed(layer, model, files[0]) for layer in model.layers)
    if "template" in assumed:
        changes["template"] = shown.get("template", "")
    return msgspec.structs.replace(model, **changes)


def _renamed(layer: Layer, model: Model, digest: str) -> Layer:
    ours = layer.digest == model.weights
    return msgspec.structs.replace(layer, digest=digest) if ours else layer


def _array(value: Any, shown: Any) -> Any:
    """An array is assumed whatever it is: no recording shows its elements but in full."""
    return shown if isinstance(value, list) and isinstance(shown, list) else value
