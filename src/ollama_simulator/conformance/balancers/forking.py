"""What adapters of products share that are written in Python and take long to import.

Each case has a process of its own, as with all others; it is forked from one that has imported the
product already, where the system can fork.

It must not import the scenarios.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, ClassVar

from ollama_simulator.conformance.balancers.adapter import Place
from ollama_simulator.conformance.balancers.installed import Installed
from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.balancers.process import Process


class Forking(Installed):
    """A product in Python, in an environment of its own."""

    modules: ClassVar[tuple[str, ...]]
    """What takes long to import."""

    _nursery: Nursery | None = None

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """With a nursery, where the system has such and its Python is beside its program."""
        python = Path(self.path).parent / "python3"
        if not python.is_file():
            yield
            return
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            variables = self.environment(Place(0, Path(folder)))
            async with Nursery.open(str(python), self.modules, variables) as self._nursery:
                yield
        self._nursery = None

    async def start(self, command: list[str], place: Place, output: IO[bytes]) -> Process:
        """By the nursery, if there is one."""
        if self._nursery is None:
            return await super().start(command, place, output)
        return await self._nursery.start(command, output.name, self.environment(place))
