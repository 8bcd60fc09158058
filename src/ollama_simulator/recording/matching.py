"""Which recorded answer a request gets.

Rules of this file:

1. A request fits a recorded one if method, path, query and body are the same. Of a JSON body the
   values count, not how they were written; of a form, not where its parts were divided.
2. Answers to the same request are given in the order in which they were recorded, the last one
   again and again. Those whose clients left early count only where there are no others.

It must not import anything of this package but its own folder.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ollama_simulator.recording.entries import Content, Headers
from ollama_simulator.recording.reading import Numbered, Tape

VOLATILE = ("metadata", "prompt_cache_key", "safety_identifier", "user")
"""Members of a JSON body that don't count, if nothing else is said: who asks, not what."""

_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)

Key = tuple[str, str, str]
"""Method, target, and what counts of the body."""


class Playlist:
    """The answers of a recording, and which of them were given."""

    def __init__(self, tape: Tape, volatile: Iterable[str] = VOLATILE) -> None:
        self._volatile = tuple(volatile)
        self._asked: dict[tuple[str, str], list[tuple[str, Numbered]]] = defaultdict(list)
        for each in tape.exchanges:
            request = each.exchange.request
            body = request.body or Content(text="")
            meant = self._meant(body, request.headers)
            self._asked[request.method, request.target].append((meant, each))
        self._given: dict[Key, int] = defaultdict(int)

    def knows(self, method: str, target: str) -> bool:
        """Whether anything was recorded of this method, path and query."""
        return (method, target) in self._asked

    def next(self, method: str, target: str, headers: Headers, body: bytes) -> Numbered | None:
        """The answer that a request gets now; None if none fits."""
        meant = self._meant(Content.of(body), headers)
        fitting = self._fitting(method, target, {meant})
        if not fitting:
            # It may have been too large to be kept; then nothing but its bytes can be compared.
            meant = hashlib.sha256(body).hexdigest()
            fitting = self._fitting(method, target, {meant})
        if not fitting:
            return None
        key = (method, target, meant)
        place = min(self._given[key], len(fitting) - 1)
        self._given[key] += 1
        return fitting[place]

    def rewind(self) -> None:
        """Begin anew: none was given yet."""
        self._given.clear()

    def why_not(self, method: str, target: str, headers: Headers, body: bytes) -> str:
        """Why nothing fits a request, in words."""
        recorded = self._asked.get((method, target), [])
        if not recorded:
            path = target.partition("?")[0]
            others = sorted(
                {f"{m} {t}" for m, t in self._asked if t.partition("?")[0] == path}
                or {f"{m} {t}" for m, t in self._asked}
            )
            shown = ", ".join(others[:5]) or "nothing"
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            return f"{method} {target} was not recorded; recorded were {shown}{more}"
        ours = self._meant(Content.of(body), headers)
        differing = (
            (len(found := _differences(meant, ours)), each.line, found) for meant, each in recorded
        )
        _, line, found = min(differing, key=lambda each: each[:2])
        count = len(recorded)
        times = "once" if count == 1 else f"{count} times"
        differs = f"differs at {found[0]}" if found else "differs"
        return f"{method} {target} was recorded {times}; the nearest, in line {line}, {differs}"

    def _fitting(self, method: str, target: str, meant: set[str]) -> list[Numbered]:
        found = [each for told, each in self._asked.get((method, target), ()) if told in meant]
        whole = [each for each in found if each.exchange.ended != "left"]
        return whole or found

    def _meant(self, content: Content, headers: Headers) -> str:
        """What counts of a body: its JSON in one spelling, or a digest."""
        data = content.data
        if data is None:
            return content.digest
        try:
            value = json.loads(data) if data.strip() else None
        except (ValueError, RecursionError):
            return hashlib.sha256(_undivided(data, headers)).hexdigest()
        if isinstance(value, dict):
            for name in self._volatile:
                _drop(value, name.split("."))
        return json.dumps(_one(value), sort_keys=True, separators=(",", ":"))


def _drop(value: Any, path: list[str]) -> None:
    """Take a member out, by its path."""
    for name in path[:-1]:
        value = value.get(name)
        if not isinstance(value, dict):
            return
    value.pop(path[-1], None)


def _one(value: Any) -> Any:
    """Numbers in one spelling: 1.0 is 1."""
    if isinstance(value, dict):
        return {name: _one(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_one(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _undivided(data: bytes, headers: Headers) -> bytes:
    """A form with a boundary that is the same in all of them."""
    media = next((value for name, value in headers if name.lower() == "content-type"), "")
    found = _BOUNDARY.search(media) if media.lower().startswith("multipart/") else None
    return data.replace(found[1].encode("latin-1"), b"boundary") if found else data


def _differences(recorded: str, ours: str) -> list[str]:
    """Where two bodies differ, as paths, or nothing if they can't be compared."""
    try:
        one, other = json.loads(recorded), json.loads(ours)
    except ValueError:
        return []
    return list(_paths(one, other, ""))


def _paths(one: Any, other: Any, path: str) -> Iterable[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            here = f"{path}.{name}" if path else name
            if name not in one or name not in other:
                yield f"`{here}`"
            else:
                yield from _paths(one[name], other[name], here)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _paths(*pair, f"{path}[{index}]")
    elif one != other:
        yield f"`{path}`" if path else "its body"
