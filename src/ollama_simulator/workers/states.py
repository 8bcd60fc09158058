"""What a server was told to be, as a value: taken off a server, and given to another one.

Rules of this file:

1. What only a running process has is no part of it: connections, memory, the KV cache.
2. A server that is given a state records it as whatever else it is told.

It must not import the control API's routes.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from ollama_simulator import fleet_types
from ollama_simulator.faults import rule
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from ollama_simulator.fleet_types import FleetFile, Given, Server
from ollama_simulator.rules import Active, Counts
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings
from ollama_simulator.workers.messages import RuleState, StartRule, State

_pack = msgspec.msgpack.encode


@cache
def _servers() -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(fleet_types.readable())


@cache
def _rules() -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(rule.readable())


def table(state: State) -> Server:
    """Port, settings, behaviour and rules."""
    return fleet_types.plain(_servers().decode(state.table))


def begun(described: FleetFile) -> Iterator[State]:
    """The servers of a fleet's file at the start, by the names that they get. Their rules come
    with the others of the start."""
    for number, server in enumerate(described.servers, 1):
        alone = msgspec.structs.replace(server, rules=())
        # Without models and scripts of their own: they are those of the settings.
        yield State(
            name=f"s{number}",
            port=server.port,
            table=_pack(alone),
            rules=(),
            models=(),
            scripts=server.scripts,
            kv_cache_type=server.kv_cache_type,
        )


def packed(given: Iterable[Given]) -> tuple[StartRule, ...]:
    """The rules of the start."""
    return tuple(StartRule(each.servers, _pack(each.rule)) for each in given)


def unpacked(given: Iterable[StartRule], own: Iterable[str]) -> list[tuple[list[str], Rule]]:
    """The rules of the start, each with those of some servers that have it; it may be none, as a
    rule's number counts for all."""
    there = set(own)
    return [
        ([name for name in each.servers if name in there], rule.plain(_rules().decode(each.rule)))
        for each in given
    ]


class Keeper:
    """The states of a fleet's servers, packed anew only for those that changed."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._known: dict[str, tuple[tuple[Any, ...], State]] = {}

    def states(self) -> tuple[State, ...]:
        """Of all servers, in their order."""
        return tuple(self._state(server) for server in self._fleet.servers.values())

    def _state(self, server: SimServer) -> State:
        rules = server.rules
        key = (
            server.settings,
            server.behavior,
            tuple((each.number, each.counts.matched, each.struck) for each in rules),
            tuple(server.store.models),
            tuple(server.scripts.all),
            server.kv_cache_type,
        )
        known = self._known.get(server.name)
        if known is not None and known[0] == key:
            return known[1]
        written = Server(
            **settings_of(server.settings),
            port=server.listener.port,
            behavior=server.behavior,
            rules=tuple(each.rule for each in rules),
        )
        state = State(
            name=server.name,
            port=server.listener.port,
            table=_pack(written),
            rules=tuple(map(_rule_state, rules)),
            models=tuple(server.store.models),
            scripts=tuple(server.scripts.all),
            kv_cache_type=server.kv_cache_type,
        )
        self._known[server.name] = key, state
        return state


def settings_of(settings: Settings) -> dict[str, Any]:
    """The fields of settings."""
    return {name: getattr(settings, name) for name in Settings.__struct_fields__}


def _rule_state(active: Active) -> RuleState:
    counts = active.counts
    assert active.number is not None, "only one that a request asked for has none"
    return RuleState(active.number, active.since, counts.matched, counts.chosen, active.struck)


async def give(server: SimServer, state: State, now: float, together: Mapping[int, Counts]) -> None:
    """Have a server be what another one was told to be. Its port and settings it has already.

    `together` are the counts of rules that several servers count together, by their numbers.
    Raises as `SimServer.behave` does.
    """
    told = table(state)
    server.store.replace(state.models)
    server.scripts.replace(state.scripts)
    if state.kv_cache_type != server.kv_cache_type:
        await server.restart(state.kv_cache_type, seconds=0.0)
    if told.behavior != Normal():
        await server.behave(told.behavior)
    for each, how in zip(told.rules, state.rules, strict=True):
        active = Active(how.number, each, how.since, together.get(how.number))
        active.struck = how.struck
        active.counts.matched = max(active.counts.matched, how.matched)
        active.counts.chosen = max(active.counts.chosen, how.chosen)
        if active.ends is None or active.ends > now:
            await server.inject(active)


def counted(state: State, struck: Mapping[tuple[str, int], int]) -> State:
    """A state with what is known of its rules since it was taken: how often each struck, by
    server and number."""
    rules = []
    for each in state.rules:
        more = max(0, struck.get((state.name, each.number), 0) - each.struck)
        rules.append(
            RuleState(
                each.number,
                each.since,
                each.matched + more,
                each.chosen + more,
                each.struck + more,
            )
        )
    return msgspec.structs.replace(state, rules=tuple(rules))


def shared(states: Iterable[State]) -> dict[int, Counts]:
    """New counts for the rules that are counted together, by their numbers."""
    return {
        how.number: Counts()
        for state in states
        for each, how in zip(table(state).rules, state.rules, strict=True)
        if each.shared
    }
