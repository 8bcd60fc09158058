"""What `ollama_simulator` does when its options are read: it serves a fleet until it is ended.

It must not import the programs.
"""

import asyncio
import importlib
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ollama_simulator.access import Access
from ollama_simulator.clock import WallClock
from ollama_simulator.collector import importing
from ollama_simulator.console.warnings import warn
from ollama_simulator.directory import Directory
from ollama_simulator.fleet import Fleet
from ollama_simulator.fleet_file import FleetFile
from ollama_simulator.net import kernel
from ollama_simulator.settings import HELPER_OFFSET
from ollama_simulator.spill import spilling
from ollama_simulator.terminal import say, stop_event

if TYPE_CHECKING:
    from ollama_simulator.console.live import Stands

SLOW = ("uvicorn", "starlette.applications", "ollama_simulator.control.serve")
"""What is imported for the control API, in a thread, so that others have their turns."""


async def serve(
    control_port: int,
    described: FleetFile,
    log: str = "plain",
    first: str = "",
    *,
    let_in: Access,
) -> None:
    """Serve a fleet and its control API until Ctrl-C or SIGTERM.

    `let_in` says who may use the API, and where it listens. `log` says what is shown of what
    happens: a view of all servers (`live`), where they are (`plain`), every record (`json`), or
    nothing (`none`). `first` is said when everything listens.
    """
    stop = stop_event()
    kernel.raise_limit()
    if described.workers > 1:
        from ollama_simulator.cli.spreading import serve_spread

        await serve_spread(control_port, described, log, first, stop, let_in)
        return
    fleet = Fleet(
        described.ports,
        seed=described.seed,
        clock=WallClock(described.clock_speed),
        records=described.journal_size,
        settings=[server.settings for server in described.servers],
        host=described.host,
    )
    fleet.journal.warned.append(warn)
    spill = spilling(fleet.journal, described.journal_file, fleet.clock, described.journal_file_max)
    async with spill, fleet:
        await fleet.begin(
            {
                server.name: wanted.behavior
                for server, wanted in zip(fleet.servers.values(), described.servers, strict=True)
                if wanted.behavior != server.behavior
            },
            [(given.servers, given.rule) for given in described.given],
        )
        async with asyncio.TaskGroup() as group:
            control = kernel.listen(let_in.host, control_port)
            await _control(fleet, control, let_in, stop, group, log, first)


async def _control(
    fleet: Fleet,
    control: socket.socket,
    let_in: Access,
    stop: asyncio.Event,
    group: asyncio.TaskGroup,
    log: str,
    first: str,
) -> None:
    for helper in fleet.helpers.values():
        kernel.start_listening(helper)
    url = address(control)
    tell_begun(fleet, fleet.helpers, url, log, first)
    # The slowest import of the package; the servers answer meanwhile.
    if await imported(SLOW, stop):
        from ollama_simulator.control.serve import helping, serving

        served = serving(fleet, control, group.create_task, let_in)
        async with served, helping(fleet, group.create_task):
            await shown(fleet, url, stop, log)
    else:
        control.close()
    if log in ("plain", "live"):
        say("\nShutting down simulator...")


async def imported(modules: Iterable[str], stop: asyncio.Event) -> bool:
    """Import modules in a thread, in turns in which others have theirs. Returns whether all are:
    who is ended now needn't wait for them."""
    with importing():
        for module in modules:
            await asyncio.to_thread(importlib.import_module, module)
            if stop.is_set():
                return False
    return True


async def shown(
    fleet: Directory[Any], url: str, stop: asyncio.Event, log: str, stands: "Stands | None" = None
) -> None:
    """Show what happens until the end. `stands` tells how servers in other processes stand."""
    if log == "live":
        from ollama_simulator.console.live import show

        await show(fleet, url, stop, stands)
    elif log == "json":
        from ollama_simulator.console.lines import tell

        await tell(fleet, url, stop)
    await stop.wait()


def address(control: socket.socket) -> str:
    """The URL of a control API."""
    host, port = control.getsockname()
    return f"http://{host}:{port}"


def tell_begun(
    fleet: Directory[Any], helpers: Iterable[int], control: str, log: str, first: str
) -> None:
    """Tell where everything listens. `control` is the URL of the control API."""
    if first:
        say(first)
    if log in ("plain", "live"):
        say("\n".join(_first_lines(fleet, helpers, control)) + "\n")


def _first_lines(fleet: Directory[Any], helpers: Iterable[int], control: str) -> list[str]:
    url = f"http://{fleet.host}"
    return [
        "Ollama Simulator starting...",
        f"  Control API: {control}",
        *(f"  Ollama server: {url}:{port}" for port in fleet.ports),
        *(f"  Helper: {url}:{port + HELPER_OFFSET}" for port in helpers),
    ]
