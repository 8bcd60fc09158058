"""What `ollama_simulator --workers` does: it serves a fleet whose servers are in other processes.

It must not import the programs.
"""

import asyncio

from ollama_simulator.cli.serving import SLOW, imported, shown, tell_begun
from ollama_simulator.console.look import Stand, told
from ollama_simulator.console.warnings import warn
from ollama_simulator.fleet_file import FleetFile
from ollama_simulator.net import kernel
from ollama_simulator.spill import spilling
from ollama_simulator.terminal import say
from ollama_simulator.workers.spread import Spread, spread


async def serve_spread(
    control_port: int,
    described: FleetFile,
    log: str,
    first: str,
    workers: int,
    stop: asyncio.Event,
) -> None:
    """As `serving.serve`, until `stop` is set."""
    async with spread(described, workers) as fleet, asyncio.TaskGroup() as group:
        waiting = group.create_task(stop.wait())
        begun = group.create_task(fleet.begun())
        await asyncio.wait((waiting, begun), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            begun.cancel()
            return
        fleet.journal.warned.append(warn)
        file, most = described.journal_file, described.journal_file_max
        async with spilling(fleet.journal, file, fleet.clock, most):
            await _control(fleet, control_port, stop, group, log, first)


async def _control(
    fleet: Spread,
    control_port: int,
    stop: asyncio.Event,
    group: asyncio.TaskGroup,
    log: str,
    first: str,
) -> None:
    control = kernel.listen(fleet.host, control_port)
    port: int = control.getsockname()[1]
    tell_begun(fleet, fleet.helpers, port, log, first)
    if await imported((*SLOW, "ollama_simulator.workers.routes"), stop):
        from ollama_simulator.control.serve import serving
        from ollama_simulator.workers.infos import infos
        from ollama_simulator.workers.routes import routes

        async def stands() -> list[Stand]:
            return [told(each) for each in await infos(fleet)]

        async with serving(fleet, control, group.create_task, routes()):
            await shown(fleet, port, stop, log, stands)
            # They end while the last requests for the control API do.
            fleet.end()
    else:
        control.close()
    if log in ("plain", "live"):
        say("\nShutting down simulator...")
