"""How a server shows itself at its port: as it behaves, or not at all while it starts anew.

Rules of this file:

1. The door is that of the behaviour; it is shut while the server is down.
2. A behaviour that can't be had changes nothing.
3. A server that is down comes back by itself, whoever ended it and whatever became of them.

It must not import the server or anything above.
"""

import asyncio
from typing import Any, Protocol

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.clock import Clock
from ollama_simulator.downtime import Downtime
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.pace import Normal
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener


class Unsupported(Exception):
    """This operating system can't do it. The text says what."""


class Process(Protocol):
    """What ends and begins when a server is restarted."""

    kv_cache_type: Any

    def ended(self) -> None:
        """Its connections are gone, and nobody can connect any more."""

    def begun(self) -> None:
        """It is there again, before anybody can connect."""

    def see(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record something that happened."""

    def failed(self, error: BaseException) -> None:
        """A bug of ours."""


class Presence:
    """The behaviour, the door and the downtime of one server."""

    def __init__(self, process: Process, clock: Clock, seed: str) -> None:
        self.listener: Listener
        self.behavior: Fault = Normal()
        self._process = process
        self._clock = clock
        self._moving = asyncio.Lock()
        """Held while the door moves: two behaviours at once leave it to the later one."""
        self._downtime = Downtime(clock, seed)
        self._up = asyncio.Event()
        self._up.set()

    async def behave(self, behavior: Fault) -> None:
        """Behave like this from now on. As `SimServer.behave`."""
        if behavior.door is Door.DEAF and not kernel.CAN_BE_DEAF:
            raise Unsupported(f"{type(behavior).__name__} works on Linux only")
        async with self._moving:
            before, self.behavior = self.behavior, behavior
            try:
                # The behaviour comes first: whoever comes through the open door meets it.
                if not self.down:
                    await self._stand(behavior.door)
            except Exception:
                self.behavior = before
                raise
            self._process.see(records.Behaved, behavior=type(behavior).__name__)

    @property
    def down(self) -> bool:
        """Whether the process is not there, because it starts anew."""
        return not self._up.is_set()

    async def up(self) -> None:
        """Wait until it is there."""
        await self._up.wait()

    async def restart(self, seconds: float | None) -> None:
        """End the process, and let it begin so much later. Returns when it has ended."""
        self._downtime.begin(seconds)
        async with self._moving:
            if self.down:
                return
            self._up.clear()
            self._process.see(records.Stopped)
            try:
                await self._stand(Door.SHUT)
            finally:
                self.listener.spawn(self._come_back(self._clock.now()))
                await self.listener.drop()
                self._process.ended()

    async def hurry(self) -> None:
        """If it is down, have it up at once."""
        self._downtime.end()
        await self.up()

    async def close(self) -> None:
        """Give the port back and end every connection, as a process that ends does."""
        self._downtime.close()
        await self.listener.close()

    async def _come_back(self, since: float) -> None:
        while await self._downtime.over():
            async with self._moving:
                if self._downtime.lasts:
                    continue
                self._process.begun()
                try:
                    await self._stand(self.behavior.door)
                except OSError as error:
                    self._process.failed(error)
                self._process.see(
                    records.Restarted,
                    kv_cache_type=self._process.kv_cache_type,
                    seconds=self._clock.now() - since,
                )
                self._up.set()
                return

    async def _stand(self, door: Door) -> None:
        if self.listener.door is not door:
            await self.listener.move(door)
            self._process.see(records.DoorMoved, door=door)
