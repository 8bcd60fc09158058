"""The servers and models of the recordings, read from the data file beside this module.

Source: native specification 13.

It must not import anything of this package but `model`, `settings` and `names`.
"""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

from ollama_simulator.model import Found, Model
from ollama_simulator.names import canonical
from ollama_simulator.settings import Settings

MAIN = "main"
"""The server of recordings that name none."""


class UnknownServer(LookupError):
    """A recording was made on a server that isn't described. The text says which."""


class Server(msgspec.Struct, frozen=True):
    """A server of the recordings."""

    settings: Settings
    models: tuple[Model, ...]


class Runner(msgspec.Struct, frozen=True):
    """What the stand-in for a model's runner answers where a recording doesn't tell."""

    template: str
    """The Jinja template by which it renders a conversation (path `native`)."""
    vector: tuple[float, ...]
    """The embedding of every input."""
    embed_tokens: int
    """What is counted for an input."""


class World(msgspec.Struct, frozen=True):
    """All that the recordings take for granted."""

    servers: Mapping[str, Server]
    models: tuple[Model, ...]
    assumed: Mapping[str, tuple[str, ...]]
    """What isn't known of a model: `weights` (their digest), `template`; by its name."""
    runner: Runner
    found: tuple[Found, ...]
    """What a search of the web finds, where one is possible."""

    def server(self, name: str) -> Server:
        """A server by its name. Raises `UnknownServer`."""
        try:
            return self.servers[name]
        except KeyError:
            there = ", ".join(self.servers)
            raise UnknownServer(f"setup: no server {name!r}; there are {there}") from None

    def model(self, name: str) -> Model | None:
        """A model by any spelling of its name."""
        wanted = canonical(name).lower()
        for model in self.models:
            if canonical(model.name).lower() == wanted:
                return model
        return None


@functools.cache
def world() -> World:
    """What the data file says."""
    text = resources.files(__package__).joinpath("world.toml").read_text(encoding="utf-8")
    fields = tomllib.loads(text)
    runner = msgspec.convert(fields["runner"], Runner)
    every = fields["every_model"]
    models = tuple(_model(every | each, fields["weights"], runner) for each in fields["models"])
    assumed = {each["name"]: tuple(each.get("assumed", ())) for each in fields["models"]}
    names = {model.name.removesuffix(":latest"): model for model in models}
    servers = {}
    for name, each in fields["servers"].items():
        settings = msgspec.convert(fields["common"] | each.get("settings", {}), Settings)
        installed = tuple(names[model] for model in each.get("models", names))
        servers[name] = Server(settings, installed)
    runner = msgspec.convert(fields["runner"], Runner)
    return World(
        servers, models, assumed, runner, msgspec.convert(fields["found"], tuple[Found, ...])
    )


def _model(fields: dict[str, Any], weights: dict[str, Any], runner: Runner) -> Model:
    """A model, with what its weight file says unless it has its own."""
    if fields.get("path") == "native":
        fields["runner_template"] = runner.template
    family = fields["family"]
    more = fields.pop("more_info", {})
    fields.pop("assumed", None)
    if "model_info" not in fields:
        info = {
            key.replace("{family}", family): family if value == "{family}" else value
            for key, value in weights["info"].items()
        }
        fields |= {"model_info": info | more, "tensors": fields.get("tensors", weights["tensors"])}
    return msgspec.convert(fields, Model)
