"""What a view shows: how every server stands, and what happened last.

Rules of this file:

1. A look is a value. Two that are equal look alike, so the second needs no drawing.

It must not draw.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from ollama_simulator.acts import Door
from ollama_simulator.console.follow import Follower
from ollama_simulator.console.words import Words
from ollama_simulator.control.views import ServerInfo
from ollama_simulator.directory import Directory
from ollama_simulator.faults.normal import Normal
from ollama_simulator.journal import Journal
from ollama_simulator.server import SimServer

EVENTS = 100
"""Events that are remembered: more than any terminal shows."""
SMOOTH_S = 1.0
"""Seconds over which a rate of tokens is averaged."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened."""

    t: float
    """Seconds since the view began."""
    server: str
    kind: str
    words: str


class Row(msgspec.Struct, frozen=True):
    """How one server stands."""

    name: str
    port: int
    state: str
    """`ok`, or what is wrong with it: its behaviour, its door, that it is down."""
    sound: bool
    """Whether nothing is."""
    rules: str
    active: int
    queued: int
    busy: int
    slots: int
    models: tuple[str, ...]
    """Those in memory."""
    vram: int
    """Bytes of the GPU's memory that they take."""
    vram_total: int
    """Bytes that there are; 0 for any number."""
    requests: int
    rate: int = 0
    """Tokens in a second."""


class Stand(msgspec.Struct, frozen=True):
    """How one server stands now."""

    row: Row
    """Its rate is not known yet."""
    tokens: int
    """Those of all answers so far."""


class Look(msgspec.Struct, frozen=True):
    """All of it."""

    rows: tuple[Row, ...]
    events: tuple[Event, ...]
    """The last ones, the newest last."""
    journal: str = ""
    """What is missing in the journal, or in its file, in words; empty if nothing is."""


class Watch:
    """Looks at a fleet every now and then."""

    def __init__(self, fleet: Directory[Any], now: float) -> None:
        """`now` is real time, in seconds, as it is for `look`."""
        self._fleet = fleet
        self._began = fleet.clock.now()
        self._follower = Follower(fleet.journal)
        self._words = Words()
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._before = now
        self._made: dict[str, int] = {}
        self._rates: dict[str, float] = {}

    def look(self, now: float, stands: Sequence[Stand] | None = None) -> Look:
        """How it is. `stands` are those of servers in other processes."""
        self._read()
        seconds, self._before = now - self._before, now
        if stands is None:
            stands = [self._stand(server) for server in self._fleet.servers.values()]
        rows = tuple(self._row(stand, seconds) for stand in stands)
        return Look(rows, tuple(self._events), _missing(self._fleet.journal))

    def _read(self) -> None:
        _, found = self._follower.read()
        for record in found:
            said = self._words.of(record)
            if said is not None:
                self._events.append(Event(record.t - self._began, record.server, *said))

    def _stand(self, server: SimServer) -> Stand:
        runners = server.memory.runners
        standing = self._fleet.journal.tally.servers[server.name].standing
        slots = sum(runner.slots.count for runner in runners)
        row = Row(
            name=server.name,
            port=server.listener.port,
            state=_state(server),
            sound=_state(server) == "ok" and not server.rules,
            rules=_rules(server),
            active=server.active,
            queued=standing.waiting.total(),
            busy=slots - sum(len(runner.slots.idle) for runner in runners),
            slots=slots,
            models=tuple(runner.called.name for runner in runners),
            vram=server.memory.vram,
            vram_total=server.settings.hardware.memory.vram_bytes if server.settings.on_gpu else 0,
            requests=self._fleet.journal.requests[server.name],
        )
        return Stand(row, server.tokens)

    def _row(self, stand: Stand, seconds: float) -> Row:
        rate = self._rate(stand.row.name, stand.tokens, seconds)
        return msgspec.structs.replace(stand.row, rate=round(rate))

    def _rate(self, name: str, made: int, seconds: float) -> float:
        new = max(0, made - self._made.get(name, made))
        self._made[name] = made
        before = self._rates.get(name, 0.0)
        if seconds > 0:
            weight = min(1.0, seconds / SMOOTH_S)
            # In the fleet's seconds, as the profile of a machine has them.
            now = new / (seconds * self._fleet.clock.speed)
            before += weight * (now - before)
        self._rates[name] = before
        return before


def _missing(journal: Journal) -> str:
    told = [f"{journal.dropped:,} old records dropped"] if journal.dropped else []
    if (file := journal.file) is not None:
        told += [f"{file.lost:,} not in the file"] if file.lost else []
        told += [f"nothing can be written: {file.trouble}"] if file.trouble else []
    return f"Journal: {', '.join(told)}" if told else ""


def told(info: ServerInfo) -> Stand:
    """How a server stands, as the control API tells it. Tokens are those of ended answers."""
    behavior = info.behavior["type"]
    state = "ok" if info.door is Door.OPEN else info.door.value
    if info.down:
        state = "down"
    elif behavior != Normal.__name__:
        state = behavior
    rules = [each.rule.get("name") or each.rule["fault"]["type"] for each in info.rules]
    row = Row(
        name=info.name,
        port=info.port,
        state=state,
        sound=state == "ok" and not rules,
        rules=", ".join(rules),
        active=info.active,
        queued=info.queued,
        busy=sum(slot.busy for slot in info.slots),
        slots=len(info.slots),
        models=tuple(model.name for model in info.loaded),
        vram=info.vram.used,
        vram_total=info.vram.total if info.settings.get("gpu", True) else 0,
        requests=info.requests,
    )
    return Stand(row, info.tokens)


def _state(server: SimServer) -> str:
    if server.down:
        return "down"
    if not isinstance(server.behavior, Normal):
        return type(server.behavior).__name__
    door = server.listener.door
    return "ok" if door is Door.OPEN else door.value


def _rules(server: SimServer) -> str:
    names = [active.rule.name or type(active.rule.fault).__name__ for active in server.rules]
    return ", ".join(names)
