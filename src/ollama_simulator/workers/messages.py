"""What a worker and the process that controls it tell each other.

Rules of this file:

1. A wish is a request of the control API, and is answered as that answers it: there is no second
   protocol. The other messages are about the process itself, and its journal.
2. Values whose types hold faults travel packed: who reads them knows the faults (`states`).

It must not import the fleet or anything above.
"""

from typing import Any, Union

import msgspec

from ollama_simulator.brief import Gist
from ollama_simulator.model import Model
from ollama_simulator.records import Record
from ollama_simulator.script import Script
from ollama_simulator.settings import KvType
from ollama_simulator.workers.glimpses import Glimpse

Entry: Any = Union[(*Record.__subclasses__(), Glimpse)]


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something that is told."""


class Counters(msgspec.Struct, frozen=True, array_like=True):
    """What is counted for the whole fleet."""

    name: int
    """The number in the name of the server that comes next."""
    rule: int
    """The number of the rule that is set next."""


class RuleState(msgspec.Struct, frozen=True, array_like=True):
    """How it stands with a rule of a server."""

    number: int
    since: float
    """When it was set, by the fleet's clock."""
    matched: int
    chosen: int
    struck: int


class State(msgspec.Struct, frozen=True, array_like=True):
    """What a server was told to be: all that its worker's end must not lose."""

    name: str
    port: int
    table: bytes
    """The same port, settings, behaviour and rules, packed as a server of a fleet's file."""
    rules: tuple[RuleState, ...]
    """Those of the table, in the same order."""
    models: tuple[Model, ...]
    """Installed."""
    scripts: tuple[Script, ...]
    kv_cache_type: KvType


class Reached(msgspec.Struct, frozen=True, array_like=True):
    """How far a server has counted, so that no number comes twice."""

    connections: int
    requests: int


class StartRule(msgspec.Struct, frozen=True, array_like=True):
    """A rule of the start."""

    servers: tuple[str, ...]
    """The names of those that have it, those of other workers included."""
    rule: bytes
    """Packed."""


# --- to a worker ------------------------------------------------------------------------------


class Begin(Message, frozen=True):
    """Serve these servers."""

    worker: int
    """Its number, from 1."""
    workers: int
    """How many there are."""
    seed: int
    host: str
    speed: float
    """Of the clock."""
    began_ns: tuple[int, int]
    """The clock's, as `WallClock.began_ns`."""
    journal_size: int
    """Records that wait at most to be fetched; older ones are lost."""
    exchange: int
    """The number of its first request. The next one is as much higher as there are workers."""
    start: tuple[State, ...]
    """Its servers as they are at the start, and after a reset."""
    rules: tuple[StartRule, ...]
    """All rules of the start."""
    counters: Counters
    before: tuple[State, ...] | None
    """The servers as they were when the process ended whose place it takes; None at the start."""
    reached: dict[str, Reached]
    """How far these have counted, by name."""
    down_since: float
    """When that one ended, by the fleet's clock."""
    local: bool = True
    """Whether only this machine reaches the control API."""


class Wish(Message, frozen=True):
    """A request of the control API."""

    number: int
    method: str
    path: str
    raw_path: bytes
    """The path that was asked for in the first place."""
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    counters: Counters


class Fetch(Message, frozen=True):
    """Hand over what was recorded until now."""

    expire: bool
    """Whether models that have left memory meanwhile are to be noticed before."""
    number: int


class End(Message, frozen=True):
    """End as a process that was told to."""


ToWorker = Begin | Wish | Fetch | End


# --- from a worker ----------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """It is there."""

    key: str
    """What it was told at its start, so that nobody else is taken for it."""


class Begun(Message, frozen=True):
    """Its servers listen."""

    states: tuple[State, ...]
    helpers: tuple[int, ...]
    """The ports of servers that have a helper."""
    counters: Counters


class CannotBegin(Message, frozen=True):
    """Its servers can't listen."""

    words: str
    errno: int | None
    """As of `PortTaken`; None if it is not that."""


class Granted(Message, frozen=True):
    """The answer to a wish."""

    number: int
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    states: tuple[State, ...] | None
    """All servers, if something may have changed."""
    counters: Counters


class Stirred(Message, frozen=True):
    """Something was recorded since the last fetch."""


class Batch(Message, frozen=True):
    """What was recorded."""

    number: int
    """Of the fetch."""
    upto: float
    """Everything that was recorded before this moment, by the fleet's clock, is told."""
    lost: int
    """Records that had to be dropped before they were fetched."""
    entries: list[Entry]
    """Records and glimpses, as `glimpses.packed` makes them."""
    gists: list[Gist] = []
    """What the glimpses say alike."""


FromWorker = Hello | Begun | CannotBegin | Granted | Stirred | Batch
