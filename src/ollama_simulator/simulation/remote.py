"""The link to a fleet in another process, by its control API.

Rules of this file:

1. A wish is one request. What it changes belongs to that fleet, and stays when we leave.
2. Records are fetched once: those that were read are kept, and later ones added.
3. When the block has ended nothing can be asked, the journal neither: what came meanwhile isn't
   here.

It must not import the local link, or anything above.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Union

import msgspec

from ollama_simulator import hardware
from ollama_simulator.control.views import ActiveRule, FleetInfo, ServerInfo, Servers
from ollama_simulator.faults.fault import Fault, any_fault
from ollama_simulator.faults.rule import Rule, plain, readable
from ollama_simulator.fleet import ALL, UnknownServer
from ollama_simulator.model import Model
from ollama_simulator.records import Record
from ollama_simulator.script import Script
from ollama_simulator.settings import Settings
from ollama_simulator.simulation import wishes
from ollama_simulator.simulation.ended import OVER, Ended
from ollama_simulator.simulation.http import Api, decoded
from ollama_simulator.simulation.link import Names, Place, Read
from ollama_simulator.simulation.pattern import KINDS

AT_ONCE = 10_000
"""Records in one answer."""
AnyRecord: Any = Union[tuple(KINDS.values())]  # noqa: UP007 - built at run time


class Page(msgspec.Struct, frozen=True):
    """A part of the journal, as the control API has it."""

    records: list[AnyRecord]
    next: int
    dropped: int


class RemoteLink:
    """A fleet in another process."""

    def __init__(self, api: Api) -> None:
        self.seed = 0
        self.control_url: str | None = api.url
        self.ended = False
        """Whether the block has in which it may be asked."""
        self._there = api
        self._places: dict[str, Place] = {}
        self._records: list[Record] = []
        self._next = 0
        """How many records there are up to the last that is kept here."""
        self._reading = asyncio.Lock()

    @property
    def _api(self) -> Api:
        if self.ended:
            raise Ended(OVER)
        return self._there

    async def _get(self, kind: Any, path: str, **query: Any) -> Any:
        return decoded(await self._api.get(path, **query), kind, self._api.url)

    async def begin(self) -> None:
        """Find out what there is. Raises `Unreachable`."""
        self.seed = (await self._get(FleetInfo, "/fleet")).seed
        await self.refresh()

    # --- its servers --------------------------------------------------------------------------

    @property
    def places(self) -> Mapping[str, Place]:
        """Its servers by their names, as they were last seen."""
        return self._places

    async def refresh(self) -> None:
        """Learn which servers there are."""
        await self.infos()

    async def names(self) -> Collection[str]:
        """The names of all servers that there are, and of those of which the journal tells."""
        await self.refresh()
        told = (record.server for record in (await self.read(0)).records)
        return tuple(dict.fromkeys([*self._places, *told]))

    async def add(self, fields: Mapping[str, Any], port: int) -> str:
        """Start a server."""
        body = await self._api.ask("POST", "/servers", _written(fields) | {"port": port})
        info = decoded(body, ServerInfo, self._api.url)
        self._places = {**self._places, info.name: Place(info.name, info.port, info.url)}
        return str(info.name)

    async def remove(self, name: str) -> None:
        """End a server."""
        await self._api.ask("DELETE", f"/servers/{name}")
        self._places = {key: place for key, place in self._places.items() if key != name}

    async def change(self, name: str, fields: Mapping[str, Any]) -> None:
        """Give a server other settings."""
        await self._api.ask("PATCH", f"/servers/{name}", _written(fields))

    async def restart(self, name: str, seconds: float | None) -> None:
        """Restart servers."""
        wish = {} if seconds is None else {"seconds": seconds}
        await self._api.ask("POST", f"/servers/{name}/restart", wish)

    # --- what they do -------------------------------------------------------------------------

    async def inject(self, names: Names, rule: Rule) -> int:
        """Give servers a rule."""
        body = await self._api.ask("POST", f"/servers/{_joined(names)}/rules", rule)
        return int(decoded(body, dict[str, Any], self._api.url)["id"])

    async def heal(self, names: Names, rule: int | None) -> int:
        """End a rule, or all."""
        path = f"/servers/{_joined(names)}/rules"
        if rule is None:
            body = await self._api.ask("DELETE", path)
            return int(decoded(body, dict[str, Any], self._api.url)["healed"])
        try:
            active = await self._get(ActiveRule, f"{path}/{rule}")
            having = ",".join(active.servers)
            await self._api.ask("DELETE", f"/servers/{having}/rules/{rule}")
        except UnknownServer:
            raise
        except LookupError:
            # It ended by itself.
            return 0
        return len(active.servers)

    def _port(self, name: str) -> Any:
        if name == ALL:
            return {"all": True}
        if name not in self._places:
            raise UnknownServer(f"no server {name!r}; there are {', '.join(self._places)}")
        return self._places[name].port

    async def behave(self, name: str, behavior: Fault) -> None:
        """Set a behaviour."""
        wish = {"port": self._port(name), "behavior": behavior}
        await self._api.ask("POST", "/behavior", wish)

    async def install(self, name: str, models: Sequence[Model]) -> None:
        """Replace the models."""
        await self._api.ask("POST", "/models", {"port": self._port(name), "models": models})

    async def load(self, name: str, model: str | None) -> None:
        """Set the model in memory."""
        await self._api.ask("POST", "/loaded-model", {"port": self._port(name), "model": model})

    async def script(self, name: str, scripts: Sequence[Script]) -> None:
        """Replace the scripts."""
        await self._api.ask("POST", "/scripts", {"port": self._port(name), "scripts": scripts})

    async def clear_cache(self, name: str) -> None:
        """Empty the KV cache."""
        await self._api.ask("POST", "/kv-cache/clear", {"port": self._port(name)})

    async def cancel(self, name: str) -> int:
        """Reset the running requests."""
        body = await self._api.ask("POST", f"/cancel/{self._port(name)}", {})
        return int(decoded(body, dict[str, int], self._api.url)["cancelled"])

    async def reset(self, clear_counters: bool) -> None:
        """Return to the start."""
        await self._api.ask("POST", "/reset", {"clear_counters": clear_counters})
        await self.refresh()

    # --- how it stands ------------------------------------------------------------------------

    async def infos(self) -> list[ServerInfo]:
        """How every server stands."""
        found = (await self._get(Servers, "/servers")).servers
        self._places = {info.name: Place(info.name, info.port, info.url) for info in found}
        return [_understood(info) for info in found]

    async def info(self, name: str) -> ServerInfo:
        """How a server stands."""
        return _understood(await self._get(ServerInfo, f"/servers/{name}"))

    async def rules(self, names: Names) -> list[ActiveRule]:
        """The rules of servers."""
        found = await self._get(dict[str, list[ActiveRule]], f"/servers/{_joined(names)}/rules")
        return [_rule(each) for each in found["rules"]]

    # --- its journal --------------------------------------------------------------------------

    async def count(self) -> int:
        """How many records there were."""
        return int((await self._get(FleetInfo, "/fleet")).next)

    async def read(self, since: int) -> Read:
        """The records from a place on."""
        async with self._reading:
            first = self._next - len(self._records)
            if not self._records or since < first:
                self._records, self._next = [], since
            while await self._read_on():
                pass
            first = self._next - len(self._records)
            missed = max(0, first - since)
            return Read(self._records[since + missed - first :], self._next, missed)

    async def _read_on(self) -> bool:
        """Fetch those that came. Returns whether there may be more."""
        page: Page = await self._get(Page, "/journal", since=self._next, limit=AT_ONCE)
        if page.next < self._next:
            # The simulator was started anew.
            self._records, self._next = [], 0
            return True
        if page.dropped > self._next:
            self._records = []
        self._records.extend(page.records)
        self._next = page.next
        return len(page.records) == AT_ONCE

    async def follow(self, since: int) -> AsyncGenerator[Sequence[Record], None]:
        """The records from a place on, as they come."""
        events = self._api.events("/journal/stream", since=since)
        async with contextlib.aclosing(events) as stream:
            async for event in stream:
                if event.kind in KINDS:
                    yield [decoded(event.data, KINDS[event.kind], self._api.url)]


@contextlib.asynccontextmanager
async def connected(api: Api) -> AsyncIterator[RemoteLink]:
    """A running fleet, until the block ends. Raises `Unreachable`, and `PermissionError` if it
    doesn't let us in."""
    link = RemoteLink(api)
    await link.begin()
    try:
        yield link
    finally:
        link.ended = True


def _joined(names: Names) -> str:
    return names if isinstance(names, str) else ",".join(names)


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a body says them. Raises `TypeError`, `ValueError`."""
    for field in ("record", "replay"):
        if fields.get(field) is not None:
            raise ValueError(f"{field}: only who starts a simulator names files of its machine")
    checked = wishes.settings(Settings(), fields)
    out = {name: msgspec.to_builtins(getattr(checked, name)) for name in fields}
    # Paths are those of this machine.
    if "profile" in out:
        out["profile"] = _profile(out["profile"])
    if "model_profiles" in out:
        out["model_profiles"] = {
            model: _profile(each) for model, each in out["model_profiles"].items()
        }
    # JSON has no infinity; Ollama's own variable has a word for it, and a time-out has 0.
    if out.get("keep_alive") is not None and math.isinf(out["keep_alive"]):
        del out["keep_alive"]
        out["environment"] = {"OLLAMA_KEEP_ALIVE": "-1"}
    if math.isinf(out.get("load_timeout", 0.0)):
        out["load_timeout"] = 0.0
    return out


def _profile(profile: Any) -> Any:
    """A profile by its name or as a table; one in a file of this machine as a table."""
    if isinstance(profile, str) and hardware.is_file(profile):
        return msgspec.to_builtins(hardware.named(profile))
    return profile


def _understood(info: ServerInfo) -> ServerInfo:
    """The same with values in place of their JSON."""
    return msgspec.structs.replace(
        info,
        behavior=msgspec.convert(info.behavior, any_fault()),
        rules=[_rule(each) for each in info.rules],
    )


def _rule(active: ActiveRule) -> ActiveRule:
    return msgspec.structs.replace(active, rule=plain(msgspec.convert(active.rule, readable())))
