"""The installed models in OpenAI's dialect: `/v1/models` and `/v1/models/{model}`.

Source: compatibility specification 8.

It must not import `anthropic`.
"""

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import gojson
from ollama_simulator.model import Event, ListModels, Show
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.ollama_models import installed_model, installed_models
from ollama_simulator.wire.ollama_show import ShowModel, shown_name
from ollama_simulator.wire.openai import OpenAI


class Entry(msgspec.Struct, frozen=True):
    """A model."""

    id: str
    object: str
    created: int
    owned_by: str

    @classmethod
    def of(cls, name: str, modified_ns: int) -> "Entry":
        """The entry under this name. Its owner is the name's namespace."""
        _, namespace, _, _ = names.split(name)
        return cls(name, "model", modified_ns // gojson.SECOND_NS, namespace)


class EntryList(msgspec.Struct, frozen=True):
    """All models; null if there are none."""

    object: str
    data: tuple[Entry, ...] | None


class Models(OpenAI):
    """`GET /v1/models`."""

    looks = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = ListModels()

    def collect(self, events: list[Event]) -> bytes:
        """The list."""
        entries = tuple(
            Entry.of(names.canonical(installed.model.name), installed.modified_ns)
            for installed in installed_models(events)
        )
        return gojson.encode(EntryList("list", entries or None)) + b"\n"


class OneModel(OpenAI):
    """`GET /v1/models/{model}`."""

    job: Show

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Show(shown_name(request.params["model"], wire.settings.wire))

    def collect(self, events: list[Event]) -> bytes:
        """The entry, under the name by which it was asked for."""
        entry = Entry.of(self.job.model, installed_model(events).modified_ns)
        return gojson.encode(entry) + b"\n"

    @classmethod
    def missing(cls, model: str) -> str:
        """As `/api/show`, which stands behind it."""
        return ShowModel.missing(model)


ROUTES = (
    Route("GET", "/v1/models", Models),
    Route("GET", "/v1/models/{model}", OneModel),
)
