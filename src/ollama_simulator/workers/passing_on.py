"""Passes requests of the control API on to workers, and makes one answer of theirs.

Rules of this file:

1. What one worker answers alone passes as it is: status, headers and body.
2. Who changes something on several workers asks one after the other. The first that refuses ends
   it, and its refusal is the answer.
3. What a worker that was lost may have counted is not counted again.

It must not import the programs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from ollama_simulator.control.web import Asked
from ollama_simulator.directory import ALL
from ollama_simulator.workers.messages import Counters, Granted, Wish
from ollama_simulator.workers.process import TRIES, Process, WorkerDown
from ollama_simulator.workers.spread import Place, Spread

KEPT_HEADERS = (b"content-type", b"location", b"allow", b"cache-control")
"""Headers of a worker's answer that are the answer's own."""


class Refused(Exception):
    """A worker didn't do as asked."""

    def __init__(self, answer: Granted) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Passing:
    """One request that is passed on."""

    def __init__(self, request: Asked, raw: bytes) -> None:
        self.fleet: Spread = request.app.state.fleet
        self.raw = raw
        self._scope = request.scope
        self._host = request.headers.get("host", "").encode()
        self.changes = request.method != "GET"
        self._counters: Counters | None = None
        """What was counted when the first worker was asked: all count from there."""

    async def to(
        self,
        worker: Process,
        path: str | None = None,
        *,
        raw: bytes | None = None,
        method: str = "",
        tries: int = TRIES,
    ) -> Granted:
        """Ask a worker. `path`, `raw` (the body) and `method` are those that came, unless others
        are given; `tries` as for `Process.grant`, as is what is raised."""
        scope = self._scope
        self._counters = self._counters or self.fleet.counters
        wish = Wish(
            number=0,
            method=method or scope["method"],
            path=scope["path"] if path is None else path,
            raw_path=scope["raw_path"],
            query=scope["query_string"],
            headers=((b"host", self._host),),
            body=self.raw if raw is None else raw,
            counters=self._counters,
        )
        try:
            answer = await worker.grant(wish, tries)
        except WorkerDown:
            if self.changes:
                self.fleet.learn(self._spent(self._counters))
            raise
        self.fleet.learn(answer.counters)
        return answer

    def _spent(self, since: Counters) -> Counters:
        """What comes next if all was counted that can have been: one server at most, and no more
        rules than there are objects in the body."""
        return Counters(since.name + 1, since.rule + 1 + self.raw.count(b"{"))

    async def documents(self, paths: Mapping[Process, str]) -> list[Any]:
        """What several workers answer, read. Raises `Refused`."""
        if self.changes:
            answers = [await self._to(worker, path) for worker, path in paths.items()]
        else:
            asked = (self._to(worker, path) for worker, path in paths.items())
            answers = await asyncio.gather(*asked)
        return [msgspec.json.decode(answer.body) if answer.body else None for answer in answers]

    async def _to(self, worker: Process, path: str) -> Granted:
        answer = await self.to(worker, path)
        if answer.status >= 400:
            raise Refused(answer)
        return answer


def whole(answer: Granted) -> Response:
    """A worker's answer as ours."""
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in answer.headers
        if name in KEPT_HEADERS
    }
    return Response(answer.body, status_code=answer.status, headers=headers)


def paths(fleet: Spread, places: Sequence[Place], pattern: str) -> dict[Process, str]:
    """Which worker is to be asked for which path, for some servers. In `pattern` stands `{name}`
    for their names. Nobody's servers are asked for at the first worker."""
    if not places:
        return {fleet.workers[0]: pattern.replace("{name}", ALL)}
    names: dict[int, list[str]] = {}
    for place in places:
        names.setdefault(place.worker, []).append(place.name)
    return {
        fleet.workers[number - 1]: pattern.replace("{name}", ",".join(own))
        for number, own in names.items()
    }


def combined(found: Sequence[Any]) -> dict[str, Any]:
    """Documents of several workers as one: numbers are added, servers stand in their order. What
    is no sum and no list is the same everywhere."""
    out: dict[str, Any] = dict(found[0])
    for key, value in out.items():
        if isinstance(value, list):
            entries = [entry for document in found for entry in document[key]]
            out[key] = sorted(entries, key=_place)
        elif key in SUMS:
            out[key] = sum(document[key] for document in found)
    return out


SUMS = ("healed", "cancelled")
"""Numbers that are counted on each server."""


def _place(entry: Any) -> int:
    """The place of a server in the fleet: of its name, or of a document with that in it."""
    name: str = entry if isinstance(entry, str) else entry["name"]
    return int(name.removeprefix("s"))


def combined_rules(found: Sequence[Any]) -> list[dict[str, Any]]:
    """The rules that several workers told of, one that servers of several have told once."""
    by_number: dict[int, dict[str, Any]] = {}
    for document in found:
        for rule in document["rules"]:
            known = by_number.setdefault(rule["id"], rule)
            if known is rule:
                continue
            known["servers"] += rule["servers"]
            known["matched"] += rule["matched"]
            known["struck"] += rule["struck"]
            known["active"] = known["active"] or rule["active"]
    rules = list(by_number.values())
    for rule in rules:
        rule["servers"].sort(key=_place)
    return sorted(rules, key=lambda rule: _place(rule["servers"][0]))
