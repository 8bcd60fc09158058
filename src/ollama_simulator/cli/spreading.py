"""What `ollama_simulator --workers` does: it serves a fleet whose servers are in other processes.

It must not import the programs.
"""

import asyncio
import socket

from ollama_simulator.access import Access
from ollama_simulator.cli.serving import SLOW, address, imported, shown, tell_begun
from ollama_simulator.clock import WallClock
from ollama_simulator.console.look import Stand, told
from ollama_simulator.console.warnings import warn
from ollama_simulator.fleet_file import FleetFile
from ollama_simulator.journal import Journal
from ollama_simulator.net import kernel
from ollama_simulator.spill import spilling
from ollama_simulator.terminal import say
from ollama_simulator.workers.spread import Spread, spread


async def serve_spread(
    control_port: int,
    described: FleetFile,
    log: str,
    first: str,
    stop: asyncio.Event,
    let_in: Access,
) -> None:
    """As `serving.serve`, until `stop` is set."""
    journal, clock = Journal(described.journal_size), WallClock(described.clock_speed)
    journal.warned.append(warn)
    spill = spilling(journal, described.journal_file, clock, described.journal_file_max)
    # The file is closed when the last records of all workers are in it.
    async with (
        spill,
        spread(described, described.workers, journal, clock, local=let_in.local) as fleet,
        asyncio.TaskGroup() as group,
    ):
        waiting = group.create_task(stop.wait())
        begun = group.create_task(fleet.begun())
        await asyncio.wait((waiting, begun), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            begun.cancel()
        else:
            control = kernel.listen(let_in.host, control_port)
            await _control(fleet, control, let_in, stop, group, log, first)


async def _control(
    fleet: Spread,
    control: socket.socket,
    let_in: Access,
    stop: asyncio.Event,
    group: asyncio.TaskGroup,
    log: str,
    first: str,
) -> None:
    url = address(control)
    tell_begun(fleet, fleet.helpers, url, log, first)
    if await imported((*SLOW, "ollama_simulator.workers.routes"), stop):
        from ollama_simulator.control.serve import serving
        from ollama_simulator.workers.infos import infos
        from ollama_simulator.workers.routes import routes

        async def stands() -> list[Stand]:
            return [told(each) for each in await infos(fleet)]

        async with serving(fleet, control, group.create_task, let_in, routes()):
            await shown(fleet, url, stop, log, stands)
            # They end while the last requests for the control API do.
            fleet.end()
    else:
        control.close()
    if log in ("plain", "live"):
        say("\nShutting down simulator...")
