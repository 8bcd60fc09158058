"""`simulate` and `connect`: where users begin.

Rules of this file:

1. What is wrong with the arguments is found when they are given, before anything is started.
2. Either form of a block holds the same thing open: `with` in a thread, `async with` in the
   caller's event loop.

It must not import the conformance suite or the programs.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

from ollama_simulator.access import VARIABLE, Access
from ollama_simulator.clock import FASTEST, SLOWEST, Clock, VirtualClock, WallClock
from ollama_simulator.fleet_file import read
from ollama_simulator.fleet_types import FleetFile, Server
from ollama_simulator.settings import Settings
from ollama_simulator.simulation import local, remote, wishes
from ollama_simulator.simulation.blocking_fleet import Fleet
from ollama_simulator.simulation.fleet import AsyncFleet
from ollama_simulator.simulation.http import Api
from ollama_simulator.simulation.link import Link
from ollama_simulator.simulation.thread import Opening, Task, Thread
from ollama_simulator.simulation.wishes import Fields

KEPT_BYTES = 65_536
"""How much of each request's body is kept, unless the caller says something else."""


class Simulation:
    """A fleet that is there while a block runs: `with` gives a `Fleet`, `async with` an
    `AsyncFleet`. It can be used for one block after the other."""

    def __init__(self, opening: Callable[[], Opening[Link]], *, own_loop: bool = False) -> None:
        """`opening` makes what is held open. `own_loop` tells that it goes by a clock whose event
        loop is the caller's."""
        self._opening = opening
        self._own_loop = own_loop
        self._thread: Thread[Link] | None = None
        self._task: Task[Link] | None = None

    def __enter__(self) -> Fleet:
        self._must_be_free()
        if self._own_loop:
            raise TypeError("clock: a virtual one needs its own event loop; use `async with` in it")
        thread = Thread(self._opening())
        fleet = Fleet(AsyncFleet(thread.start()), thread)
        self._thread = thread
        return fleet

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    async def __aenter__(self) -> AsyncFleet:
        self._must_be_free()
        task = Task(self._opening())
        fleet = AsyncFleet(await task.start())
        self._task = task
        return fleet

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            await task.stop()

    def _must_be_free(self) -> None:
        if self._thread is not None or self._task is not None:
            raise RuntimeError("this block is entered already; call simulate() again for another")


def simulate(
    servers: int | Sequence[Settings] | None = None,
    *,
    seed: int | None = None,
    ports: Sequence[int] | None = None,
    speed: float | None = None,
    control: bool | int = False,
    token: str | None = None,
    config: str | os.PathLike[str] | None = None,
    clock: Clock | None = None,
    journal_size: int | None = None,
    **settings: Unpack[Fields],
) -> Simulation:
    """A fleet of simulated Ollama servers in this process, on 127.0.0.1.

    `with simulate(…) as fleet:` runs them in a thread of their own, `async with simulate(…) as
    fleet:` in the event loop of the caller. They end with the block.

    Args:
        servers: How many there are (1, or as many as there are ports), or the settings of each.
        seed: What texts and chances depend on; 0.
        ports: The port of each server; 0 for a free one, as all are without this.
        speed: How fast time goes; 1. With 10, ten simulated seconds pass in each real one.
        control: Whether the control API is served as well, on a free port, or its port. Its
            dashboard is at `fleet.control_url`.
        token: What a request to the control API has to show, as `Authorization: Bearer …`;
            nothing. One is needed where the file has other machines reach it.
        config: The path of a fleet's file (TOML), which then tells everything but `control` and
            `token`. Its `workers` are for the program: here all servers are in this process.
        clock: The clock of the fleet, in place of real time; a `VirtualClock` within its own event
            loop (`async with`) makes waiting take no time.
        journal_size: How many records the journal keeps at least, the newest ones; all of them
            without it, whatever a file says, as what is asked of it later should be there.
        settings: The settings that all servers have: fields of `Settings`. `keep_bodies` is
            65,536 unless something else is said; for the `speed` of single machines give whole
            `Settings` as `servers`.

    Returns:
        What `with` and `async with` take.

    Raises:
        TypeError: There is no such setting, an argument is of another type, or arguments exclude
            each other.
        ValueError: A value can't be so.
        BadFile: The file describes no fleet.
        PortTaken: Another program has a port; raised by the block.
        OSError: The file's `journal_file` can't be written; raised by the block.
    """
    if "workers" in settings:
        words = "start `ollama_simulator --workers`, and connect() to its control API"
        raise TypeError(f"workers: simulate() has all servers in this process; {words}")
    if clock is not None and speed is not None:
        raise TypeError("speed: a clock that is given has its own")
    if seed is not None:
        wishes.whole("seed", seed)
    if journal_size is not None and wishes.whole("journal_size", journal_size) < 1:
        raise ValueError(f"journal_size: {journal_size} records would be none")
    if config is not None:
        named = {"servers": servers, "ports": ports, "seed": seed, "speed": speed, "clock": clock}
        for name in (name for name, value in (named | settings).items() if value is not None):
            raise TypeError(f"{name}: with config, the file says that")
        described, usual = read(Path(config)), Settings(keep_bodies=KEPT_BYTES)
    else:
        usual = wishes.settings(Settings(keep_bodies=KEPT_BYTES), settings)
        described = FleetFile(_servers(servers, ports, usual, settings), seed=seed or 0)
    own_clock = _clock(clock, described.clock_speed if speed is None else speed)
    if control is True:
        control = described.control_port or 0
    control_port = None if control is False else wishes.port(control, "control")
    if token is not None and control_port is None:
        raise TypeError("token: without control there is nothing that takes one")
    let_in = Access() if control_port is None else _let_in(described, token)

    def opening() -> Opening[Link]:
        return local.opened(
            described,
            clock=own_clock(),
            control_port=control_port,
            let_in=let_in,
            usual=usual,
            kept=journal_size,
        )

    return Simulation(opening, own_loop=isinstance(clock, VirtualClock))


def connect(url: str, *, token: str | None = None) -> Simulation:
    """A fleet that runs already, by the URL of its control API.

    `with connect(url) as fleet:` and `async with connect(url) as fleet:` give what `simulate`
    gives. What was changed in the block stays when it ends: heal it, or give rules a `ttl`.

    Args:
        url: Of the control API, such as `http://127.0.0.1:11500`.
        token: The one that the simulator was started with; else that of the environment's
            `OLLAMA_SIMULATOR_CONTROL_TOKEN`, if there is one.

    Returns:
        What `with` and `async with` take.

    Raises:
        ValueError: That is no URL of a control API, or no token.
        Unreachable: Nobody answers there, or somebody else; raised by the block.
        PermissionError: It wants another token; raised by the block.
    """
    api = Api(url, os.environ.get(VARIABLE) or None if token is None else token)
    return Simulation(lambda: remote.connected(api))


def _let_in(described: FleetFile, token: str | None) -> Access:
    """Who may use the control API. Raises `ValueError`, `TypeError`."""
    if token is not None and not isinstance(token, str):
        raise TypeError("token: it is no text")
    try:
        return Access(
            host=described.control_host or Access().host,
            token=token,
            names=described.control_names,
            open_metrics=described.open_metrics,
        )
    except ValueError as bad:
        raise ValueError(f"token: {bad}") from None


def _servers(
    servers: int | Sequence[Settings] | None,
    ports: Sequence[int] | None,
    usual: Settings,
    settings: Fields,
) -> tuple[Server, ...]:
    """The servers that are wanted."""
    if ports is not None and not _list(ports):
        raise TypeError(f"ports: {ports!r} is no list of ports")
    if servers is None:
        servers = 1 if ports is None else len(ports)
    if isinstance(servers, bool) or not (isinstance(servers, int) or _list(servers)):
        raise TypeError(f"servers: {servers!r} is neither a number of them nor Settings of each")
    if isinstance(servers, int):
        servers = [usual] * servers
    elif settings:
        raise TypeError(f"{next(iter(settings))}: with whole settings as servers, these say that")
    if not servers:
        raise ValueError("servers: a fleet has at least one")
    if ports is None:
        ports = [0] * len(servers)
    if len(ports) != len(servers):
        raise ValueError(f"ports: there are {len(ports)}, but {len(servers)} servers")
    return tuple(
        Server(**_fields(each), port=wishes.port(port, "ports"))
        for each, port in zip(servers, ports, strict=True)
    )


def _list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _fields(server: Settings) -> dict[str, Any]:
    if not isinstance(server, Settings):
        raise TypeError(f"servers: {server!r} is no Settings of a server")
    checked = wishes.checked(server)
    return {name: getattr(checked, name) for name in Settings.__struct_fields__}


def _clock(clock: Clock | None, speed: float) -> Callable[[], Clock]:
    if clock is not None:
        if not isinstance(clock, Clock):
            raise TypeError(f"clock: {clock!r} is none; there is VirtualClock()")
        return lambda: clock
    if not SLOWEST <= wishes.number("speed", speed) <= FASTEST:
        words = "a millionth to a million can be"
        raise ValueError(f"speed: time can't go {speed:g} times as fast; {words}")
    return lambda: WallClock(speed)
