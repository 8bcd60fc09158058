"""The reference balancer as a program.

It must not import the flaws.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from typing import TYPE_CHECKING

from ollama_simulator.acts import How
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.reference import checks, command_line
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Balancer
from ollama_simulator.conformance.reference.relay import Relay
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.request import Request

if TYPE_CHECKING:
    from ollama_simulator.conformance.reference.plan import Plan


class Front:
    """What stands behind the listener: a relay for each request."""

    quick = None
    """Nobody: others answer."""

    def __init__(self, balancer: Balancer, relay: type[Relay]) -> None:
        self._balancer = balancer
        self._relay = relay

    def answer(self, request: Request) -> Relay:
        """Begin to answer a request."""
        return self._relay(self._balancer, request)

    def connected(self, number: int, peer: str) -> None:
        """A client connected."""
        self._balancer.connections[number] = self._balancer.clock.now()

    def disconnected(self, number: int, by: str, how: How) -> None:
        """A client's connection is over."""
        self._balancer.connections.pop(number, None)

    def failed(self, error: BaseException) -> None:
        """Say what went wrong with the balancer itself."""
        self._balancer.failed(error)


def main(
    argv: list[str] | None = None,
    balancer: type[Balancer] = Balancer,
    relay: type[Relay] = Relay,
    plan: "type[Plan] | None" = None,
) -> int:
    """Run a balancer until SIGINT or SIGTERM. Returns the exit status. `plan` is how version 1.0.4
    chooses, if that is asked for; None for the sound way."""
    options = command_line.read(argv)
    host, port = balancer.address(options)
    try:
        sock = kernel.listen(host, port)
    except OSError as error:
        print(f"--listen {host}:{port}: {error}", file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, balancer, relay, plan, sock))
    return 0


async def _serve(
    options: command_line.Options,
    make: type[Balancer],
    relay: type[Relay],
    plan: "type[Plan] | None",
    sock: socket.socket,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: SIGINT raises, SIGTERM kills
            loop.add_signal_handler(number, stop.set)
    backends = [
        Backend(each.host, each.port, each.name, each.note, each.annotations)
        for each in options.servers
    ]
    balancer = make(backends, options)
    front = Front(balancer, relay)
    clock = WallClock()
    async with asyncio.TaskGroup() as group:
        listener = Listener(front, clock, sock, group.create_task)
        looking = await _planning(balancer, plan, group)
        listener.start()
        print(f"listening on http://{listener.host}:{listener.port}", flush=True)
        checking = [
            group.create_task(checks.keep_checking(balancer, backend))
            for backend in backends
            if options.check
        ]
        await stop.wait()
        await balancer.ending()
        for task in checking:
            task.cancel()
        await listener.close()
        if looking is not None:
            looking.cancel()


async def _planning(
    balancer: Balancer, make: "type[Plan] | None", group: asyncio.TaskGroup
) -> "asyncio.Task[None] | None":
    """Make the plan of version 1.0.4, if that is asked for, and keep it up to date."""
    if not balancer.options.v104:
        return None
    from ollama_simulator.conformance.reference.plan import Plan

    balancer.plan = (make or Plan)(balancer.backends, balancer.options, balancer.clock)
    await balancer.plan.look()
    return group.create_task(balancer.plan.go_on_looking())
