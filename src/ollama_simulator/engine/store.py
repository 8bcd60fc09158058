"""The models on a server's disk, and the files that they consist of.

Source: native specification 2.3, 4.14 to 4.16.

Rules of this file:

1. A model is found by its name in any case, as Ollama finds it.
2. A file stays while a model consists of it, or since it was uploaded until a model that
   consisted of it goes.
3. All of it is in memory.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable

from ollama_simulator.clock import Clock
from ollama_simulator.engine.registry.blobs import Blob
from ollama_simulator.engine.registry.downloads import Downloads
from ollama_simulator.engine.registry.layers import blobs_of, layers_of, weights_of
from ollama_simulator.model import Installed, Model, ModelMissing, Refusal
from ollama_simulator.names import Name, parse

TEST_MODEL = Model(
    name="test-model:latest",
    size=4_000_000_000,
    digest=("abc123def456" * 6)[:64],
    family="test",
    parameter_size="7B",
    quantization_level="Q4_K_M",
    capabilities=("completion", "tools", "insert", "vision"),
)
"""What is installed on every server at the start (seed facts, "Defaults")."""


class Store:
    """Installed models and blobs."""

    def __init__(self, clock: Clock, models: Iterable[Model] = (TEST_MODEL,)) -> None:
        self._clock = clock
        self._installed: dict[Name, Installed] = {}
        self._newest_first: tuple[Installed, ...] | None = None
        """What was told last; None if something has changed since."""
        self.blobs: dict[str, Blob] = {}
        """The files that are there, by digest (bare)."""
        self.downloads = Downloads(clock)
        """The files on their way."""
        self.replace(models)

    def replace(self, models: Iterable[Model]) -> None:
        """Install exactly these. The last of two with the same name wins."""
        self._installed = {}
        self._newest_first = None
        self.blobs = {}
        self.downloads = Downloads(self._clock)
        now = self._clock.wall_ns()
        for model in models:
            when = now if model.modified_ns is None else model.modified_ns
            self._add(model, when)

    def _add(self, model: Model, when: int) -> None:
        key = parse(model.name.strip()).folded
        self._installed[key] = Installed(model, when)
        self._newest_first = None
        for digest, blob in blobs_of(model).items():
            self.blobs.setdefault(digest, blob)

    def install(self, model: Model, *, prune: bool = True) -> None:
        """Add a model now, in place of one with the same name.

        `prune` removes the files of that one that no model consists of any more.
        """
        old = self._installed.get(parse(model.name).folded)
        self._add(model, self._clock.wall_ns())
        if prune and old is not None and not old.model.broken:
            self._prune(old.model)

    def remove(self, name: str) -> None:
        """Remove a model with the files that no other one consists of. Raises as `find`."""
        model = self.find(name).model
        del self._installed[parse(model.name.strip()).folded]
        self._newest_first = None
        self._prune(model)

    def owner(self, weights: str) -> Model | None:
        """The first model that has this weight file, by its digest."""
        return next((model for model in self._sound() if weights_of(model) == weights), None)

    def _prune(self, gone: Model) -> None:
        used = {layer.digest for model in self._sound() for layer in layers_of(model)}
        for layer in layers_of(gone):
            if layer.digest not in used:
                self.blobs.pop(layer.digest, None)

    def _sound(self) -> list[Model]:
        return [entry.model for entry in self._installed.values() if not entry.model.broken]

    @property
    def models(self) -> list[Model]:
        """The models, in the order in which they were installed."""
        return [entry.model for entry in self._installed.values()]

    @property
    def names(self) -> list[str]:
        """The names as they were given, in the order in which they were given."""
        return [model.name for model in self.models]

    def newest_first(self) -> tuple[Installed, ...]:
        """All models with a sound manifest; those of one second in the order of installation. The
        same tuple until one comes or goes."""
        if self._newest_first is None:
            entries = [entry for entry in self._installed.values() if not entry.model.broken]
            entries.sort(key=lambda entry: -(entry.modified_ns // 10**9))
            self._newest_first = tuple(entries)
        return self._newest_first

    def get(self, name: str) -> Installed | None:
        """The model of this name, the tag `latest` and any case understood, or None."""
        return self._installed.get(parse(name.strip()).folded)

    def find(self, name: str) -> Installed:
        """As `get`, but raises `ModelMissing`, and `Refusal` for one with a damaged manifest."""
        found = self.get(name)
        if found is None:
            raise ModelMissing(name)
        if found.model.broken:
            raise Refusal(500, found.model.broken)
        return found

    def spelled(self, name: Name) -> Name:
        """A name, each part in the case in which an installed model has it."""
        parts = list(name)
        for entry in self._installed.values():
            for index, part in enumerate(parse(entry.model.name.strip())):
                if part.lower() == parts[index].lower():
                    parts[index] = part
        return Name(*parts)
