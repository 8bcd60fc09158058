"""What `ollama_simulator` does when its options are read: it serves a fleet until it is ended.

It must not import the programs.
"""

import asyncio
import importlib
import socket

from ollama_simulator.clock import WallClock
from ollama_simulator.console.warnings import warn
from ollama_simulator.fleet import Fleet
from ollama_simulator.fleet_file import FleetFile
from ollama_simulator.net import kernel
from ollama_simulator.settings import HELPER_OFFSET
from ollama_simulator.spill import spilling
from ollama_simulator.terminal import say, stop_event

SLOW = ("uvicorn", "litestar", "ollama_simulator.control.serve")
"""What is imported for the control API, in a thread, so that others have their turns."""


async def serve(
    control_port: int, described: FleetFile, log: str = "plain", first: str = ""
) -> None:
    """Serve a fleet and its control API until Ctrl-C or SIGTERM.

    `log` says what is shown of what happens: a view of all servers (`live`), where they are
    (`plain`), every record (`json`), or nothing (`none`). `first` is said when everything listens.
    """
    stop = stop_event()
    kernel.raise_limit()
    host = described.host
    fleet = Fleet(
        described.ports,
        seed=described.seed,
        clock=WallClock(described.clock_speed),
        records=described.journal_size,
        settings=[server.settings for server in described.servers],
        host=host,
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
            await _control(fleet, kernel.listen(host, control_port), stop, group, log, first)


async def _control(
    fleet: Fleet,
    control: socket.socket,
    stop: asyncio.Event,
    group: asyncio.TaskGroup,
    log: str,
    first: str,
) -> None:
    for helper in fleet.helpers.values():
        kernel.start_listening(helper)
    port: int = control.getsockname()[1]
    if first:
        say(first)
    if log in ("plain", "live"):
        say("\n".join(_first_lines(fleet, port)) + "\n")
    # The slowest import of the package; the servers answer meanwhile. Who is ended now needn't
    # wait for all of it.
    for module in SLOW:
        await asyncio.to_thread(importlib.import_module, module)
        if stop.is_set():
            control.close()
            break
    else:
        await _shown(fleet, control, stop, group, log)
    if log in ("plain", "live"):
        say("\nShutting down simulator...")


async def _shown(
    fleet: Fleet, control: socket.socket, stop: asyncio.Event, group: asyncio.TaskGroup, log: str
) -> None:
    from ollama_simulator.control.serve import helping, serving

    port: int = control.getsockname()[1]
    async with serving(fleet, control, group.create_task), helping(fleet, group.create_task):
        if log == "live":
            from ollama_simulator.console.live import show

            await show(fleet, port, stop)
        elif log == "json":
            from ollama_simulator.console.lines import tell

            await tell(fleet, port, stop)
        await stop.wait()


def _first_lines(fleet: Fleet, control_port: int) -> list[str]:
    url = f"http://{fleet.host}"
    return [
        "Ollama Simulator starting...",
        f"  Control API: {url}:{control_port}",
        *(f"  Ollama server: {url}:{port}" for port in fleet.ports),
        *(f"  Helper: {url}:{port + HELPER_OFFSET}" for port in fleet.helpers),
    ]
