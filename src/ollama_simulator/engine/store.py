"""The models on a server's disk.

It must not import anything but layer 0.
"""

from collections.abc import Iterable

from ollama_simulator.clock import Clock
from ollama_simulator.model import Installed, Model, ModelMissing
from ollama_simulator.names import canonical

TEST_MODEL = Model(
    name="test-model:latest",
    size=4_000_000_000,
    digest=("abc123def456" * 6)[:64],
    family="test",
    parameter_size="7B",
    quantization_level="Q4_K_M",
)
"""What is installed on every server at the start (seed facts, "Defaults")."""


class Store:
    """Installed models, found by name as Ollama finds them (native specification, 2.3)."""

    def __init__(self, clock: Clock, models: Iterable[Model] = (TEST_MODEL,)) -> None:
        self._clock = clock
        self._installed: tuple[Installed, ...] = ()
        self.replace(models)

    def replace(self, models: Iterable[Model]) -> None:
        """Install exactly these. The last of two with the same name wins."""
        now = self._clock.wall_ns()
        found = {canonical(model.name).lower(): Installed(model, now) for model in models}
        self._installed = tuple(found.values())

    @property
    def names(self) -> list[str]:
        """The names as they were given, in the order in which they were given."""
        return [entry.model.name for entry in self._installed]

    def newest_first(self) -> tuple[Installed, ...]:
        """All models; those of one second in the order in which they were given."""
        return tuple(sorted(self._installed, key=lambda entry: -(entry.modified_ns // 10**9)))

    def get(self, name: str) -> Installed | None:
        """The model of this name, the tag `latest` and any case understood, or None."""
        wanted = canonical(name).lower()
        for entry in self._installed:
            if canonical(entry.model.name).lower() == wanted:
                return entry
        return None

    def find(self, name: str) -> Installed:
        """As `get`, but raises `ModelMissing`."""
        found = self.get(name)
        if found is None:
            raise ModelMissing(name)
        return found
