"""What the tests with real clients share: a server in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from ollama_simulator.faults.fault import Fault
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model
from ollama_simulator.records import Asked, Record
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Settings

T = TypeVar("T")

THINKER = Model(
    "thinker:latest",
    1_000_000,
    "a" * 64,
    "llama",
    "1.2B",
    "Q4_K_M",
    capabilities=("completion", "tools", "thinking"),
    path="native",
    context_length=8192,
    template="{% for message in messages %}{{ message.content }}{% endfor %}",
)
PLAIN = Model("plain:latest", 1_000_000, "b" * 64, "llama", "1.2B", "Q4_K_M", context_length=8192)


def says(*steps: Step | str, **fields: Any) -> Script:
    """A script; a text is a token of it. The counts are 11 and 7."""
    answer = tuple(Step(content=step) if isinstance(step, str) else step for step in steps)
    given = {"prompt_tokens": 11, "tokens": 7, "gap_ms": 1.0, "prompt_ms": 1.0, **fields}
    return Script(answer=answer, **given)


class Farm:
    """One simulated server, driven from another thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._fleet = Fleet((0,), settings=Settings(installed_models=(THINKER, PLAIN)))
        self._started = threading.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))
        self._mark = 0

    async def _live(self) -> None:
        async with self._fleet:
            self._started.set()
            await self._stopped.wait()

    def start(self) -> None:
        """Return when the server listens."""
        self._thread.start()
        assert self._started.wait(10), "no server"

    def stop(self) -> None:
        """Give the port back."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._fleet.ports[0]}"

    def script(self, *scripts: Script) -> None:
        """Say this from now on."""
        self._run(self._scripted(scripts))

    def behave(self, fault: Fault) -> None:
        """Behave like this from now on."""
        self._run(self._fleet.behave(None, fault))

    def reset(self) -> None:
        """Be as at the start, and count anew."""
        self._run(self._fleet.reset())
        self._mark = len(self._fleet.journal.records)

    def tries(self) -> int:
        """How many requests there were since the last reset."""
        return len(self._fleet.journal.where(Asked, since=self._mark))

    def until(self, kind: type[Record]) -> None:
        """Wait for something that happens after the last reset."""
        found = self._run(self._fleet.journal.wait_for(kind, 5, since=self._mark))
        assert found is not None, f"no {kind.__name__}"

    async def _scripted(self, scripts: tuple[Script, ...]) -> None:
        self._fleet.script(None, scripts)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


@pytest.fixture(scope="session")
def _farm() -> Iterator[Farm]:
    farm = Farm()
    farm.start()
    yield farm
    farm.stop()


@pytest.fixture
def farm(_farm: Farm) -> Farm:
    """A server as at the start."""
    _farm.reset()
    return _farm
