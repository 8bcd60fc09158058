"""What the newer control routes show of a fleet, its servers and their rules.

Rules of this file:

1. A view is made when somebody looks, of what is there anyway. It must be cheap: a dashboard
   looks at two hundred servers twice a second.
2. Settings are shown as they would be written: those that differ from the defaults.

It must not import the routes.

Longer than 300 lines because it is the list of what is shown, a line and a sentence each.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isinf
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Door
from ollama_simulator.directory import Directory
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.ports import HOST
from ollama_simulator.records import Lacking
from ollama_simulator.rules import Active
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings
from ollama_simulator.tally.counts import COUNTS
from ollama_simulator.tally.folds import ServerTally

SCHEMA = "#/components/schemas/"
"""Where schemas stand in the description of the API."""
_GENERATED = next(count for count in COUNTS if count.name == "generated_tokens")


class FiledInfo(msgspec.Struct, frozen=True):
    """The file of a journal."""

    written: int
    """Records that are in it."""
    lost: int
    """Records that had been dropped before they could be written."""
    trouble: str
    """Why nothing can be written now; empty if it can."""


class LackInfo(msgspec.Struct, frozen=True):
    """Something that the simulator itself lacks, as the journal's `Hindered` told."""

    what: Lacking
    """`descriptors`, room for the `journal-file`, or a `worker`."""
    detail: str
    """What the system said, or may have."""
    since: float
    """When that began, in seconds by the fleet's clock."""


class FleetInfo(msgspec.Struct, frozen=True):
    """The whole of the fleet."""

    version: str
    """Of the simulator."""
    seed: int
    """What texts and chances depend on."""
    clock_speed: float
    """How fast its time goes."""
    now: float
    """Seconds by the fleet's clock, as in the `t` of records."""
    started: str
    """When it began, by RFC 3339: another one is another run."""
    servers: int
    """How many there are."""
    records: int
    """Records that are kept in the journal."""
    dropped: int
    """Records that are not kept any more."""
    next: int
    """The index of the next record."""
    journal_file: FiledInfo | None
    """The file that the journal is written into; null if there is none."""
    lacking: tuple[LackInfo, ...]
    """What the simulator itself lacks now."""


class ActiveRule(msgspec.Struct, frozen=True):
    """A rule that was set."""

    id: int
    """Its number in the fleet."""
    rule: Annotated[Any, Meta(extra_json_schema={"$ref": SCHEMA + "Rule"})]
    """The rule."""
    servers: tuple[str, ...]
    """The names of those that have it, as far as they were asked for."""
    matched: int
    """Requests that fitted."""
    struck: int
    """How often it changed something."""
    age: float
    """Seconds since it was set, by the fleet's clock."""
    ends_in: float | None
    """Seconds until it is removed by itself; null for never."""
    active: bool
    """Whether it may strike now: it is its time, and its limit is not reached."""


class SlotInfo(msgspec.Struct, frozen=True):
    """One slot of a model in memory."""

    model: str
    slot: int
    busy: bool
    """Whether a job is in it."""
    tokens: int
    """Tokens that its KV cache holds."""


class LoadedInfo(msgspec.Struct, frozen=True):
    """One model in memory."""

    name: str
    size: int
    """Bytes that it takes."""
    size_vram: int
    """Bytes of them on the GPU."""
    context: int
    """Tokens of context of each slot."""
    slots: int
    expires_at: str
    """When it leaves memory, by RFC 3339, as `/api/ps` tells it."""


class VramInfo(msgspec.Struct, frozen=True):
    """The memory of the GPU, in bytes."""

    used: int
    total: int
    """0 for no limit."""


class ServerInfo(msgspec.Struct, frozen=True):
    """One server."""

    name: str
    port: int
    url: str
    behavior: Annotated[Any, Meta(extra_json_schema={"$ref": SCHEMA + "Fault"})]
    """The fault that it behaves by; `Normal` for none."""
    door: Door
    """How its port stands: `open`, `shut` (refuses), `deaf` (lets nobody connect), `frozen`."""
    down: bool
    """Whether its process is not there: it restarts, or a fault ended it."""
    accepting: bool
    """Whether a client can connect and be read."""
    active: int
    """Requests in progress."""
    queued: int
    """Jobs that wait for a slot, or for their turn to load a model."""
    requests: int
    """Requests since the counters were cleared."""
    tokens: int
    """Tokens of answers since then, counted as each answer ends."""
    slots: list[SlotInfo]
    """Those of the models in memory."""
    loaded: list[LoadedInfo]
    """The models in memory."""
    installed: list[str]
    """The names of the models on disk."""
    vram: VramInfo
    cached_tokens: int
    """Tokens in the KV cache, as `/kv-cache` tells them."""
    rules: list[ActiveRule]
    """In the order in which they are asked, the outermost first."""
    profile: str
    """The name of its hardware profile."""
    settings: dict[str, Any]
    """Its settings that differ from the defaults."""
    worker: int | None = None
    """The number of the worker process that has it; null in a fleet of one process."""


class Servers(msgspec.Struct, frozen=True):
    """Several servers."""

    servers: list[ServerInfo]


def fleet_info(fleet: Directory[Any], version: str) -> FleetInfo:
    """What is told of a fleet."""
    journal, file = fleet.journal, fleet.journal.file
    return FleetInfo(
        version=version,
        seed=fleet.seed,
        clock_speed=fleet.clock.speed,
        now=fleet.clock.now(),
        started=_moment(fleet.started_ns),
        servers=len(fleet.servers),
        records=journal.kept,
        dropped=journal.dropped,
        next=journal.total,
        journal_file=FiledInfo(file.written, file.lost, file.trouble) if file else None,
        lacking=tuple(LackInfo(each.what, each.detail, each.t) for each in journal.lacking),
    )


def server_info(fleet: Fleet, server: SimServer, host: str | None = None) -> ServerInfo:
    """What is told of a server. `host` is what its fleet's machine is called by whoever asks: it
    counts if servers listen on every address, of which one may lead there and another not."""
    runners = server.memory.runners
    tally = fleet.journal.tally.servers[server.name]
    port, remembered = server.listener.port, server.memory.remembered
    return ServerInfo(
        name=server.name,
        port=port,
        url=url(fleet, port, host),
        behavior=server.behavior,
        door=server.listener.door,
        down=server.down,
        accepting=server.accepting,
        active=server.active,
        queued=tally.standing.waiting.total(),
        requests=fleet.journal.requests[server.name],
        tokens=generated(tally),
        slots=[
            SlotInfo(
                runner.called.name,
                slot,
                slot not in runner.slots.idle,
                len(runner.cache.holds(slot) or ()),
            )
            for runner in runners
            for slot in range(runner.slots.count)
        ],
        loaded=[
            LoadedInfo(
                name=runner.called.name,
                size=runner.room.size,
                size_vram=runner.room.vram,
                context=runner.context,
                slots=runner.slots.count,
                expires_at=_moment(server.memory.shown(runner).expires_ns or 0),
            )
            for runner in runners
        ],
        installed=server.store.names,
        vram=VramInfo(server.memory.vram, server.settings.hardware.memory.vram_bytes),
        cached_tokens=len(remembered or ()),
        rules=active_rules(fleet, [server]),
        profile=profile_name(server.settings),
        settings=written(server.settings),
        worker=fleet.worker,
    )


def url(fleet: Directory[Any], port: int, host: str | None) -> str:
    """Where a server is, for whoever calls this machine so."""
    return f"http://{(host or HOST) if fleet.host == EVERYWHERE else fleet.host}:{port}"


def active_rules(fleet: Fleet, servers: Iterable[SimServer]) -> list[ActiveRule]:
    """The rules of some servers, one that several have told once."""
    together: dict[int, list[tuple[str, Active]]] = {}
    for server in servers:
        for active in server.rules:
            assert active.number is not None, "only one that a request asked for has none"
            together.setdefault(active.number, []).append((server.name, active))
    return [_active_rule(number, had, fleet.clock.now()) for number, had in together.items()]


def _active_rule(number: int, had: Sequence[tuple[str, Active]], now: float) -> ActiveRule:
    first = had[0][1]
    rule: Rule = first.rule
    counts = {id(active.counts): active.counts for _, active in had}.values()
    left = rule.limit is None or any(each.chosen < rule.limit for each in counts)
    return ActiveRule(
        id=number,
        rule=rule,
        servers=tuple(name for name, _ in had),
        matched=sum(each.matched for each in counts),
        struck=sum(active.struck for _, active in had),
        age=now - first.since,
        ends_in=None if first.ends is None else max(0.0, first.ends - now),
        active=first.in_force(now) and left,
    )


def generated(tally: ServerTally) -> int:
    """The tokens of a server's answers."""
    return round(sum(value for _, value in tally.counted(_GENERATED)))


def profile_name(settings: Settings) -> str:
    """The name of a server's hardware profile."""
    profile = settings.profile
    return profile.name if isinstance(profile, HardwareProfile) else profile


def _moment(ns: int) -> str:
    """A wall time by RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


DEFAULTS = Settings()
EVERYWHERE = "0.0.0.0"
"""Where a fleet listens that does so on every address of the machine."""
MOST = 1e308
"""What stands for infinity where JSON needs a number."""


def written(settings: Settings) -> dict[str, Any]:
    """The settings that differ from the defaults, by name, as a body can say them."""
    out = {
        field: value
        for field in Settings.__struct_fields__
        if (value := getattr(settings, field)) != getattr(DEFAULTS, field)
    }
    # JSON has no infinity. "For ever" is a word of Ollama's own variable, and a time-out of none.
    if settings.keep_alive is not None and isinf(settings.keep_alive):
        del out["keep_alive"]
        out["environment"] = {"OLLAMA_KEEP_ALIVE": "-1"}
    if isinf(settings.load_timeout):
        out["load_timeout"] = 0.0
    if isinf(settings.replay_speed):
        out["replay_speed"] = MOST
    return out
