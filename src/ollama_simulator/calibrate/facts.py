"""What a server says of itself and of a model, without generating anything.

Source: native specification 4; engine model, 1.0.

It must not import the measuring.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ollama_simulator.calibrate.findings import About
from ollama_simulator.calibrate.server import Failed, Server

CURRENT = (0, 30)
"""The first version whose models run in the engine `current`."""


class _Version(msgspec.Struct, frozen=True):
    version: str


class _Installed(msgspec.Struct, frozen=True):
    name: str
    size: int = 0


class _Tags(msgspec.Struct, frozen=True):
    models: Sequence[_Installed] | None = None


class _Details(msgspec.Struct, frozen=True):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class _Shown(msgspec.Struct, frozen=True):
    details: _Details = _Details()
    model_info: Mapping[str, Any] | None = None
    capabilities: Sequence[str] | None = None
    remote_model: str = ""


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory, as `/api/ps` shows it."""

    name: str
    size: int = 0
    size_vram: int = 0

    @property
    def spills(self) -> bool:
        """Whether some of it is on a GPU, and not all."""
        return 0 < self.size_vram < self.size


class _Running(msgspec.Struct, frozen=True):
    models: Sequence[Loaded] | None = None


async def about(server: Server, model: str, engine: str | None) -> About:
    """Who the server is and what the model is. `engine` goes before what the version says.

    Raises `Failed`.
    """
    version = (await server.tell(_Version, "GET", "/api/version")).version
    installed = (await server.tell(_Tags, "GET", "/api/tags")).models or ()
    sizes = {each.name: each.size for each in installed}
    name = next((each for each in (model, f"{model}:latest") if each in sizes), None)
    if name is None:
        there = ", ".join(sizes) or "none"
        raise Failed(f"--model: {model!r} is not installed on the server; there are: {there}")
    shown = await server.tell(_Shown, "POST", "/api/show", {"model": name})
    can = shown.capabilities
    if can is not None and "completion" not in can:
        raise Failed(f"--model: {name!r} generates no text, it can only: {', '.join(can)}")
    if shown.remote_model:
        raise Failed(f"--model: {name!r} runs in the cloud, not on the server")
    info = shown.model_info or {}
    return About(
        version=version,
        engine=engine or _engine(version),
        model=name,
        size=sizes[name],
        family=shown.details.family,
        parameter_size=shown.details.parameter_size,
        quantization_level=shown.details.quantization_level,
        context_length=_number(info, "context_length"),
        kv_bytes_per_token=_kv_bytes(info),
        thinks="thinking" in (can or ()),
    )


async def loaded(server: Server, model: str) -> Loaded | None:
    """The model as it is in memory; None if it isn't. Raises `Failed`."""
    running = (await server.tell(_Running, "GET", "/api/ps")).models or ()
    return next((each for each in running if each.name == model), None)


def _engine(version: str) -> str:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise Failed(f"the version {version!r} doesn't tell the engine; --engine has to")
    return "current" if (int(found[1]), int(found[2])) >= CURRENT else "legacy"


def _kv_bytes(info: Mapping[str, Any]) -> int:
    """Bytes of KV cache for a token: keys and values of each layer, two bytes an element."""
    layers, heads = _number(info, "block_count"), _number(info, "attention.head_count_kv")
    length = _number(info, "attention.key_length") + _number(info, "attention.value_length")
    if not length and (of := _number(info, "attention.head_count")):
        length = 2 * (_number(info, "embedding_length") // of)
    return layers * heads * length * 2


def _number(info: Mapping[str, Any], key: str) -> int:
    """A number of the model's architecture; 0 if there is none, or one for each layer."""
    found = info.get(f"{info.get('general.architecture', '')}.{key}")
    return found if isinstance(found, int) else 0
