"""How a server shows itself at its port: where its door stands, and whether its process is there.

Rules of this file:

1. The door is the worst that the behaviour and the rules want; it is shut while the process is
   gone, because it restarts or because a fault ended it.
2. A behaviour or rule that can't be had changes nothing.
3. A server that is down comes back by itself, whoever ended it and whatever became of them.

It must not import the server or anything above.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

from ollama_simulator import records
from ollama_simulator.acts import SEVERITY, Door, Stance
from ollama_simulator.clock import Clock, Handle
from ollama_simulator.downtime import Downtime
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener
from ollama_simulator.rules import Active, Rules


class Unsupported(Exception):
    """This operating system can't do it. The text says what."""


class Process(Protocol):
    """What ends and begins when a server is restarted."""

    kv_cache_type: Any
    place: int
    """Its number in the fleet, from 1."""

    def ended(self) -> None:
        """Its connections are gone, and nobody can connect any more."""

    def begun(self) -> None:
        """It is there again, before anybody can connect."""

    def see(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record something that happened."""

    def failed(self, error: BaseException) -> None:
        """A bug of ours."""


class Presence:
    """The behaviour, the rules, the door and the downtime of one server."""

    def __init__(self, process: Process, clock: Clock, seed: str, rules: Rules) -> None:
        self.listener: Listener
        self.behavior: Fault = Normal()
        self.rules = rules
        self._behaves_since = clock.now()
        self._process = process
        self._clock = clock
        self._moving = asyncio.Lock()
        """Held while the door moves: two behaviours at once leave it to the later one."""
        self._downtime = Downtime(clock, seed)
        self._up = asyncio.Event()
        self._up.set()
        self._down_since = 0.0
        self._alarm: Handle | None = None
        """Rings when a wish for the door changes, or a rule ends."""
        self._at_the_door: Active | None = None
        """The rule for which the door stands as it does."""

    async def behave(self, behavior: Fault) -> None:
        """Behave like this from now on, without rules. As `SimServer.behave`."""
        supported(behavior)
        async with self._moving:
            before = self.behavior, self._behaves_since, self.rules.all
            self.behavior, self._behaves_since = behavior, self._clock.now()
            self.rules.all = ()
            try:
                # The behaviour comes first: whoever comes through the open door meets it.
                await self._settle()
            except Exception:
                self.behavior, self._behaves_since = before[:2]
                self.rules.all = before[2]
                raise
            for each in before[2]:
                self._process.see(records.Healed, rule=each.number, why="replaced")
            self._process.see(records.Behaved, behavior=type(behavior).__name__)

    async def inject(self, active: Active) -> None:
        """Take a rule. As `SimServer.inject`."""
        supported(active.rule.fault)
        async with self._moving:
            self.rules.add(active)
            try:
                await self._settle()
            except Exception:
                self.rules.remove(active.number, "refused")
                raise

    async def heal(self, number: int | None, why: str) -> int:
        """End the rule with this number, or all for None. Returns how many ended."""
        async with self._moving:
            ended = self.rules.remove(number, why)
            await self._settle()
            return ended

    @property
    def down(self) -> bool:
        """Whether the process is not there."""
        return not self._up.is_set()

    async def up(self) -> None:
        """Wait until it is there."""
        await self._up.wait()

    async def restart(self, seconds: float | None) -> None:
        """End the process, and let it begin so much later. Returns when it has ended."""
        asked = self._clock.now()
        until = self._downtime.begin(seconds)
        async with self._moving:
            if not self._downtime.waited_for:
                self._downtime.waited_for = True
                self.listener.spawn(self._come_back())
            if await self._end():
                # It was in somebody else's hands until then, and is down for no less than was said.
                self._downtime.move(until, self._down_since - asked)

    async def hurry(self) -> None:
        """If it restarts, have it up at once."""
        self._downtime.end()
        async with self._moving:
            await self._settle()

    async def close(self) -> None:
        """Give the port back and end every connection, as a process that ends does."""
        self._downtime.close()
        if self._alarm is not None:
            self._alarm.cancel()
        async with self._moving:
            await self.listener.close()

    async def _come_back(self) -> None:
        while await self._downtime.over():
            async with self._moving:
                if self._downtime.lasts:
                    continue
                self._downtime.waited_for = False
                await self._settle()
                return

    # --- the door -----------------------------------------------------------------------------

    def _wishes(self) -> Iterator[tuple[Active | None, Stance]]:
        """What everybody wants, with the times of the clock until which they do."""
        if self._downtime.lasts:
            yield None, Stance(Door.SHUT, ended=True)
        now = self._clock.now()
        own = self.behavior.stance(now - self._behaves_since, self._process.place)
        until = None if own.until is None else self._behaves_since + own.until
        yield None, Stance(own.door, own.ended, until)
        yield from self.rules.stances(self._process.place)

    async def _settle(self) -> None:
        """Have the door where those want it who are in force now, and look again when that
        changes. Held by whoever moves."""
        if self._downtime.closed:
            return
        self.rules.expire()
        wishes = list(self._wishes())
        ends = [wish.until for _, wish in wishes if wish.until is not None]
        ends += [end for end in (self.rules.next_end(),) if end is not None]
        self._look_again(min(ends, default=None))
        who, worst = max(wishes, key=lambda each: (each[1].ended, SEVERITY[each[1].door]))
        moved = await (self._end() if worst.ended else self._be_there(worst.door))
        if who is not self._at_the_door:
            self._at_the_door = who
            if who is not None and moved:
                self._struck(who)

    async def _end(self) -> bool:
        """Have no process. Returns whether there was one."""
        if self.down:
            return False
        self._up.clear()
        self._down_since = self._clock.now()
        self._process.see(records.Stopped)
        try:
            await self._stand(Door.SHUT)
        finally:
            await self.listener.drop()
            self._process.ended()
        return True

    async def _be_there(self, door: Door) -> bool:
        """Have a process, and its door like this. Returns whether the door moved."""
        if not self.down:
            return await self._stand(door)
        self._process.begun()
        moved = False
        try:
            moved = await self._stand(door)
        except OSError as error:
            self._process.failed(error)
        self._process.see(
            records.Restarted,
            kv_cache_type=self._process.kv_cache_type,
            seconds=self._clock.now() - self._down_since,
        )
        self._up.set()
        return moved

    async def _stand(self, door: Door) -> bool:
        if self.listener.door is door:
            return False
        await self.listener.move(door)
        self._process.see(records.DoorMoved, door=door)
        return True

    def _struck(self, active: Active) -> None:
        active.struck += 1
        self._process.see(
            records.Struck,
            fault=type(active.rule.fault).__name__,
            rule=active.number,
            source="rule",
        )

    def _look_again(self, when: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if when is None else self._clock.alarm(when, self._ring)

    def _ring(self) -> None:
        self.listener.spawn(self._later())

    async def _later(self) -> None:
        async with self._moving:
            try:
                await self._settle()
            except (OSError, Unsupported) as error:
                self._process.failed(error)


def supported(fault: Fault) -> None:
    """Raise `Unsupported` if this system can't do what a fault wants."""
    if fault.door is Door.DEAF and not kernel.CAN_BE_DEAF:
        raise Unsupported(f"{type(fault).__name__} works on Linux only")
