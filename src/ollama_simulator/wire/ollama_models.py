"""What there is to know about a server and its models: the native endpoints that only look.

Source: native specification 4.1, 4.2, 4.4, 4.5 and 4.6.

It must not import another dialect.
"""

import re

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.duration import LONGEST_NS
from ollama_simulator.model import (
    Answer,
    Event,
    Installed,
    ListLoaded,
    ListModels,
    Loaded,
    Model,
    Nothing,
    Show,
)
from ollama_simulator.names import canonical
from ollama_simulator.wire import decode
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.decode import FLAG, MAP, TEXT, Record
from ollama_simulator.wire.native import EMPTY, Native, checked_name, model_required

VERSION = "0.33.0-rc2"
"""The version of Ollama that is imitated."""

TEMPLATE = "{{ .Prompt }}"
"""The template of a model that has none."""

SHOW = Record(
    "api.ShowRequest",
    fields={
        **dict.fromkeys("model name system template".split(), TEXT),
        "verbose": FLAG,
        "options": MAP,
    },
)

_PARAMETERS = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMBT])", re.ASCII | re.IGNORECASE)
_SCALE = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class Details(msgspec.Struct, frozen=True):
    """What a model is made of."""

    parent_model: str
    format: str
    family: str
    families: tuple[str, ...]
    parameter_size: str
    quantization_level: str

    @classmethod
    def of(cls, model: Model) -> "Details":
        """Those of a model."""
        sizes = (model.parameter_size, model.quantization_level)
        return cls("", "gguf", model.family, (model.family,), *sizes)


class TagsEntry(msgspec.Struct, frozen=True):
    """An installed model."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: tuple[str, ...]


class PsEntry(msgspec.Struct, frozen=True):
    """A model in memory."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


class ModelList(msgspec.Struct, frozen=True):
    """Models, installed or in memory."""

    models: tuple[TagsEntry, ...] | tuple[PsEntry, ...]


class Description(msgspec.Struct, frozen=True):
    """All about a model."""

    modelfile: str
    template: str
    details: Details
    model_info: dict[str, str | int]
    capabilities: tuple[str, ...]
    modified_at: str


class VersionReply(msgspec.Struct, frozen=True):
    """The server's version."""

    version: str


CAPABILITIES = ("completion",)


class Root(Native):
    """`GET /` (4.1)."""

    media = "text/plain; charset=utf-8"

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Nothing()

    def collect(self, events: list[Event]) -> bytes:
        """The sign of life."""
        return b"Ollama is running"


class Version(Native):
    """`GET /api/version` (4.2)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Nothing()

    def collect(self, events: list[Event]) -> bytes:
        """The version."""
        return gojson.encode(VersionReply(VERSION))


class Tags(Native):
    """`GET /api/tags` (4.4)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = ListModels()

    def collect(self, events: list[Event]) -> bytes:
        """The installed models."""
        entries = []
        for installed in installed_models(events):
            model = installed.model
            name = canonical(model.name)
            entries.append(
                TagsEntry(
                    name=name,
                    model=name,
                    modified_at=gojson.rfc3339(installed.modified_ns),
                    size=model.size,
                    digest=model.digest,
                    details=Details.of(model),
                    capabilities=CAPABILITIES,
                )
            )
        return gojson.encode(ModelList(tuple(entries)))


class Ps(Native):
    """`GET /api/ps` (4.5)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = ListLoaded()
        self._wire = wire

    def collect(self, events: list[Event]) -> bytes:
        """The models in memory."""
        (event,) = events
        assert isinstance(event, Answer)
        assert isinstance(event.value, tuple)
        entries = tuple(self._entry(loaded) for loaded in event.value if isinstance(loaded, Loaded))
        return gojson.encode(ModelList(entries))

    def _entry(self, loaded: Loaded) -> PsEntry:
        name = canonical(loaded.model.name)
        expires = loaded.expires_ns
        if expires is None:
            expires = self._wire.wall_ns() + LONGEST_NS
        return PsEntry(
            name=name,
            model=name,
            size=loaded.vram if loaded.size is None else loaded.size,
            digest=loaded.model.digest,
            details=Details.of(loaded.model),
            expires_at=gojson.rfc3339(expires),
            size_vram=loaded.vram,
            context_length=loaded.context,
        )


class ShowModel(Native):
    """`POST /api/show` (4.6)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, SHOW, EMPTY)
        name = body.get("model") or body.get("name", "")
        self.job = Show(checked_name(name, model_required()))

    def collect(self, events: list[Event]) -> bytes:
        """The description."""
        installed = installed_model(events)
        model = installed.model
        return gojson.encode(
            Description(
                modelfile=_modelfile(model),
                template=TEMPLATE,
                details=Details.of(model),
                model_info=_info(model),
                capabilities=CAPABILITIES,
                modified_at=gojson.rfc3339(installed.modified_ns),
            )
        )

    @classmethod
    def missing(cls, model: str) -> str:
        """The name is completed by its tag."""
        return f"model '{canonical(model)}' not found"


def installed_models(events: list[Event]) -> tuple[Installed, ...]:
    """The models in the answer to `ListModels`."""
    (event,) = events
    assert isinstance(event, Answer)
    assert isinstance(event.value, tuple)
    return tuple(entry for entry in event.value if isinstance(entry, Installed))


def installed_model(events: list[Event]) -> Installed:
    """The model in the answer to `Show`."""
    (event,) = events
    assert isinstance(event, Answer)
    assert isinstance(event.value, Installed)
    return event.value


def _modelfile(model: Model) -> str:
    return (
        '# Modelfile generated by "ollama show"\n'
        "# To build a new Modelfile based on this, replace FROM with:\n"
        f"# FROM {canonical(model.name)}\n"
        "\n"
        f"FROM /home/ollama/.ollama/models/blobs/sha256-{model.digest}\n"
        f"TEMPLATE {TEMPLATE}\n"
    )


def _info(model: Model) -> dict[str, str | int]:
    info: dict[str, str | int] = {"general.architecture": model.family}
    found = _PARAMETERS.fullmatch(model.parameter_size)
    if found is not None and len(found[1]) < 16:
        info["general.parameter_count"] = round(float(found[1]) * _SCALE[found[2].upper()])
    return info


ROUTES = (
    Route("HEAD", "/", Root),
    Route("GET", "/", Root),
    Route("HEAD", "/api/version", Version),
    Route("GET", "/api/version", Version),
    Route("HEAD", "/api/tags", Tags),
    Route("GET", "/api/tags", Tags),
    Route("GET", "/api/ps", Ps),
    Route("POST", "/api/show", ShowModel),
)
