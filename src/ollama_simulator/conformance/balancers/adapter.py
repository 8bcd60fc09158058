"""What a balancer under test is to the suite, and how its process is started and ended.

Rules of this file:

1. What is started is stopped, by its process id: SIGTERM, then after a grace the kill that
   nobody can refuse.
2. What it printed is kept, for whoever has to explain a failure.
3. An adapter is a class in a file of its own in this folder; it registers by being defined.

It must not import the scenarios.
"""

import asyncio
import contextlib
import importlib
import os
import pkgutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import msgspec

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers import ports, process
from ollama_simulator.conformance.balancers.process import Process, said, shell_line, start, stop
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.net.client import Broken, Client

HOST = ports.HOST
READY_S = 30.0
"""Seconds that a balancer may take to be ready, unless its adapter says otherwise."""
GRACE_S = 0.2
"""Seconds between SIGTERM and the kill."""
PROBED = ("/api/version", "/api/tags", "/api/ps", "/health")
"""What balancers may ask their servers by themselves."""
MOST_MISSES = 3
"""How often in a row a balancer that was ready before may not be ready in time."""


class BrokenEnvironment(Exception):
    """The suite can't run here. The text says why, and what would help."""


class NotStarted(BrokenEnvironment):
    """A balancer that was ready before ended at once, or was not ready in time."""


class Setup(msgspec.Struct, frozen=True):
    """What a case wants of a balancer."""

    servers: tuple[int, ...]
    """Ports of its servers, in order."""
    timeout: float
    """Longest silence of a server in seconds; 0 for any."""
    needs: frozenset[Feature] = frozenset()
    """What the case relies on: a balancer that only does it when told is told."""
    annotations: tuple[str, ...] = ()
    """What stands behind each server's name, `[capability=10,speed=100]` (version 1.0.4)."""
    kv_q8: tuple[str, ...] = ()
    """Models that want a KV cache of `q8_0` (version 1.0.4)."""
    options: tuple[str, ...] = ()
    """Further options of the reference balancer."""


class Place(msgspec.Struct, frozen=True):
    """Where a balancer may live."""

    port: int
    """Where it must listen."""
    folder: Path
    """For its files; empty at first, and gone afterwards."""
    more: tuple[int, ...] = ()
    """Further ports, as many as its adapter asks for."""


class Balancer(ABC):
    """A balancer that can be started in front of servers."""

    name: ClassVar[str] = ""
    """How `--balancer` calls it; empty for one that is made in another way."""
    variants: ClassVar[tuple[str, ...]] = ()
    """Other configurations than the first, for `--balancer NAME:VARIANT`."""
    install: ClassVar[str] = ""
    """The command that installs it."""
    parallel: ClassVar[int] = 8
    """How many of it can be there at once."""
    ready_path: ClassVar[str] = "/api/version"
    """A 200 to this through it means that it is ready."""
    more_ports: ClassVar[int] = 0
    """How many ports it needs beside the one that it is asked on."""
    server_settings: ClassVar[Mapping[str, Any]] = {}
    """What its servers must be set up with, by the fields of `Settings`."""
    ready_s: ClassVar[float] = READY_S
    grace_s: ClassVar[float] = GRACE_S
    ours: ClassVar[bool] = True
    """Whether it is ours to start and to end."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Variants that are other names of the first."""
    fixed_servers: ClassVar[bool] = False
    """Whether its servers must be on the ports of the seed's document."""
    takes: ClassVar[tuple[int, ...]] = ()
    """Ports that must be free for it."""

    variant: str = ""
    features: frozenset[Feature] = frozenset()
    """What it claims."""
    home: str = ""
    """Where it comes from, in words for the report."""
    known_to_start: bool = False
    """Whether it was ready at least once."""
    misses: int = 0
    """How often it was not ready in time since then."""

    @abstractmethod
    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """The command lines of its processes. The first is the balancer; the others help it, and
        are started after it. Writes the files that they need."""

    def environment(self, place: Place) -> dict[str, str]:
        """Variables of its processes beside ours. A private home keeps it from ours."""
        return {"HOME": str(place.folder)}

    def version(self) -> str:
        """What its program says of its version. Raises `BrokenEnvironment` if it isn't there."""
        return ""

    def headers(self, setup: Setup) -> tuple[tuple[str, str], ...]:
        """What each request to it must carry. The word NONCE becomes a word of that request."""
        return ()

    def model(self, name: str) -> str:
        """How clients call a model."""
        return name

    def is_probe(self, method: str, target: str) -> bool:
        """Whether a request that a server saw may be the balancer's own."""
        return method in ("GET", "HEAD") and target in PROBED

    def configuration(self, place: Place, commands: Iterable[Iterable[str]]) -> str:
        """How it was started, and the files that it was given, for the report."""
        shown = [shell_line(command, place.folder) for command in commands]
        for path in sorted(place.folder.rglob("*")):
            if path.is_file() and path.stat().st_size < 20_000:
                with contextlib.suppress(UnicodeDecodeError):
                    shown.append(f"--- {path.name}\n{path.read_text('utf-8').rstrip()}")
        return "\n".join(shown).replace(str(place.folder), "DIR")

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, ...]]:
        """The port to listen on, and those that it needs beside."""
        with ports.claimed(1 + self.more_ports) as claimed:
            yield claimed

    async def ready(self, running: "Running") -> None:
        """Wait until it serves. Sets `running.port`. Cancelled after `ready_s`."""
        while await fetch(running.port, self.ready_path, running.headers) is None:
            await pause(running)

    def late(self, output: IO[bytes]) -> str:
        """What is told if it is not ready in time."""
        return f"the balancer was not ready within {self.ready_s:g} s{said(output)}"

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """Called around all cases of a run: for what they can share."""
        yield

    async def gone(self) -> None:
        """Called when its processes are gone; returns when another one can be started."""
        return

    @contextlib.asynccontextmanager
    async def running(self, setup: Setup) -> AsyncIterator["Running"]:
        """Run it for a block. Raises `BrokenEnvironment` if it doesn't start: `NotStarted` if it
        may start the next time."""
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            tempfile.NamedTemporaryFile() as output,
            self.ports() as (port, *more),
        ):
            place = Place(port, Path(folder), tuple(more))
            commands = self.commands(setup, place)
            running = Running(self, setup, place.port, output)
            running.configuration = self.configuration(place, commands)
            try:
                for command in commands:
                    await start(self.start(command, place, output), running.processes)
                try:
                    async with asyncio.timeout(self.ready_s):
                        await self.ready(running)
                except TimeoutError:
                    self.misses += 1
                    raise self._not_started(self.late(output)) from None
                except NotStarted as ended:
                    raise self._not_started(str(ended)) from None
                self.known_to_start, self.misses = True, 0
                yield running
            finally:
                async with contextlib.AsyncExitStack() as all_of_them:
                    for each in running.processes:
                        all_of_them.push_async_callback(stop, each, self.grace_s)
                await self.gone()

    def _not_started(self, words: str) -> BrokenEnvironment:
        may_start = self.known_to_start and self.misses < MOST_MISSES
        return NotStarted(words) if may_start else BrokenEnvironment(words)

    async def start(self, command: list[str], place: Place, output: IO[bytes]) -> Process:
        """Start one of its processes. Raises `BrokenEnvironment` if that can't be done."""
        try:
            return await process.spawn(command, output, {**os.environ, **self.environment(place)})
        except OSError as error:
            raise BrokenEnvironment(f"can't start {command[0]}: {error.strerror}") from None


class Running:
    """A balancer that was started."""

    def __init__(self, balancer: Balancer, setup: Setup, port: int, output: IO[bytes]) -> None:
        self.port = port
        self.processes: list[Process] = []
        self.configuration = ""
        self.headers = balancer.headers(setup)
        """What each request to it must carry."""
        self.features = balancer.features
        """What it claims."""
        self.model = balancer.model
        self.is_probe = balancer.is_probe
        self.output = output
        self.told_to_end = False

    def ended(self) -> str | None:
        """How its process ended by itself, in words; None while it runs, as it should."""
        if not self.processes or self.told_to_end or self.processes[0].returncode is None:
            return None
        return f"it ended with status {self.processes[0].returncode}{said(self.output)}"

    @property
    def pid(self) -> int | None:
        """The process that listens; None if it isn't ours."""
        return self.processes[0].pid if self.processes else None

    def terminate(self) -> None:
        """Tell it to end, as an operator does (SIGTERM)."""
        self.told_to_end = True
        with contextlib.suppress(ProcessLookupError):
            self.processes[0].terminate()


_ADAPTERS: dict[str, type[Balancer]] = {}


def register(adapter: type[Balancer]) -> type[Balancer]:
    """Make an adapter known by its name."""
    known = _ADAPTERS.get(adapter.name)
    if known is not None:
        where = f"{known.__module__} and {adapter.__module__}"
        raise ValueError(f"two balancers are called {adapter.name}: in {where}")
    _ADAPTERS[adapter.name] = adapter
    return adapter


def known() -> dict[str, type[Balancer]]:
    """Every adapter by name, after loading every module of this folder."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_ADAPTERS.items()))


async def fetch(port: int, path: str, headers: Iterable[tuple[str, str]] = ()) -> bytes | None:
    """What a GET gets with a 200; None if it gets anything else."""
    try:
        async with await Client.connect(HOST, port, 1.0) as client:
            await client.ask("GET", path, [*headers, ("Connection", "close")])
            if (await client.head(5.0)).status == 200:
                return b"".join([data async for data in client.body(5.0)])
    except Broken:
        pass
    return None


async def pause(running: Running) -> None:
    """Wait a moment for it to be ready. Raises `NotStarted` if its process has ended."""
    clock = WallClock()
    await clock.sleep_until(clock.now() + 0.02)
    for each in running.processes:
        if each.returncode is not None:
            raise NotStarted(
                f"the balancer ended at once with status {each.returncode}{said(running.output)}"
            )
