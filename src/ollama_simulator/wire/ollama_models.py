"""What there is to know about a server: the native endpoints that only look, but `/api/show`.

Source: native specification 4.1, 4.2, 4.4 and 4.5.

It must not import another dialect.
"""

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
)
from ollama_simulator.names import canonical
from ollama_simulator.settings import Profile
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import Native

VERSIONS: dict[Profile, str] = {"0.33": "0.33.0-rc2", "0.13.5": "0.13.5"}
"""The versions of Ollama that are imitated."""


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model is made of."""

    parent_model: str
    format: str
    family: str
    families: tuple[str, ...] | None
    """Null for none."""
    parameter_size: str
    quantization_level: str
    context_length: int = 0
    embedding_length: int = 0

    @classmethod
    def of(cls, model: Model, *, lengths: bool = False, parent: bool = True) -> "Details":
        """Those of a model; `lengths` for the last two as well, `parent` for the first."""
        families = (model.family,) if model.families is None else model.families or None
        return cls(
            model.parent if parent else "",
            model.format,
            model.family,
            families,
            model.parameter_size,
            model.quantization_level,
            model.context_length if lengths else 0,
            model.embedding_length if lengths else 0,
        )


class TagsEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An installed model."""

    name: str
    model: str
    remote_model: str = ""
    remote_host: str = ""
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: tuple[str, ...] = ()


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


class VersionReply(msgspec.Struct, frozen=True):
    """The server's version."""

    version: str


class Root(Native):
    """`GET /` (4.1)."""

    media = "text/plain; charset=utf-8"
    looks = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Nothing()

    def collect(self, events: list[Event]) -> bytes:
        """The sign of life."""
        return b"Ollama is running"


class Version(Native):
    """`GET /api/version` (4.2)."""

    looks = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Nothing()
        self._version = VERSIONS[wire.settings.wire]

    def collect(self, events: list[Event]) -> bytes:
        """The version."""
        return gojson.encode(VersionReply(self._version))


class Tags(Native):
    """`GET /api/tags` (4.4)."""

    looks = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = ListModels()
        self._settings = wire.settings

    def collect(self, events: list[Event]) -> bytes:
        """The installed models."""
        return gojson.encode(ModelList(tuple(map(self._entry, installed_models(events)))))

    def _entry(self, installed: Installed) -> TagsEntry:
        model = installed.model
        name = canonical(model.name)
        # The old version knew less of what it lists.
        more = self._settings.wire != "0.13.5"
        listed = model.listed_capabilities
        return TagsEntry(
            name=name,
            model=name,
            remote_model=model.remote_model,
            remote_host=model.remote_host,
            modified_at=gojson.rfc3339(installed.modified_ns, self._settings.zone),
            size=model.size,
            digest=model.digest,
            details=Details.of(model, lengths=more),
            capabilities=(model.capabilities if listed is None else listed) if more else (),
        )


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
            details=Details.of(loaded.model, parent=False),
            expires_at=gojson.rfc3339(expires, self._wire.settings.zone),
            size_vram=loaded.vram,
            context_length=loaded.context,
        )


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


ROUTES = (
    Route("HEAD", "/", Root),
    Route("GET", "/", Root),
    Route("HEAD", "/api/version", Version),
    Route("GET", "/api/version", Version),
    Route("HEAD", "/api/tags", Tags),
    Route("GET", "/api/tags", Tags),
    Route("GET", "/api/ps", Ps),
)
