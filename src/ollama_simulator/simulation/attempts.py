"""Requests as a journal tells of them: who was asked what, and how it ended.

Rules of this file:

1. An attempt is one `Asked` with all that belongs to it; it is made of records alone.

It must not import anything of this package but `records`.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ollama_simulator.records import Asked, Finished, Received, Record, Struck


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one server, as that server saw it."""

    server: str
    exchange: int
    """Its number in the fleet."""
    method: str
    target: str
    """Path and query, as sent."""
    headers: tuple[tuple[str, str], ...]
    """As sent."""
    body: str | None = None
    """Its body, as much of it as the server keeps (`keep_bodies`); None if it keeps none, or none
    was read."""
    asked_at: float
    """When its head was read, in seconds of the fleet's clock."""
    ended_at: float | None = None
    """When its answer ended; None if it goes on."""
    outcome: str | None = None
    """As in `Finished`: `complete`, `fin` or `rst` (the server ended it), `left` (the client did),
    `cancelled`, `error`; None if it goes on."""
    status: int | None = None
    """None if no status line was sent."""
    tokens: int = 0
    faults: tuple[str, ...] = ()
    """The faults that struck it, in the order in which they did."""

    @property
    def path(self) -> str:
        """The path, without the query."""
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """What its body says. Raises `ValueError` if none was kept, or it is no JSON."""
        if self.body is None:
            raise ValueError(f"no body of request #{self.exchange} was kept; see `keep_bodies`")
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first header of a name, in any case; None if there is none."""
        named = (value for key, value in self.headers if key.lower() == name.lower())
        return next(named, None)

    def __str__(self) -> str:
        end = "goes on" if self.outcome is None else self.outcome
        if self.status is not None:
            end += f", status {self.status}"
        # The whole of a refusal counts as a token, and is none.
        if self.tokens > (self.status is not None and self.status >= 400):
            end += f", {self.tokens} token{'' if self.tokens == 1 else 's'}"
        if self.ended_at is not None:
            end += f", after {self.ended_at - self.asked_at:.3f} s"
        struck = f" [{', '.join(self.faults)}]" if self.faults else ""
        return f"{self.server} #{self.exchange} {self.method} {self.target}: {end}{struck}"


def attempts(records: Iterable[Record]) -> list[Attempt]:
    """Every request that some records tell of, in the order in which they were asked."""
    found: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.exchange is None:
            continue
        if isinstance(record, Asked):
            found[record.exchange] = {
                "server": record.server,
                "exchange": record.exchange,
                "method": record.method,
                "target": record.target,
                "headers": record.headers,
                "asked_at": record.t,
            }
        elif (known := found.get(record.exchange)) is not None:
            if isinstance(record, Received):
                known["body"] = record.body
            elif isinstance(record, Struck):
                known["faults"] = (*known.get("faults", ()), record.fault)
            elif isinstance(record, Finished):
                known |= {
                    "ended_at": record.t,
                    "outcome": record.outcome,
                    "status": record.status,
                    "tokens": record.tokens,
                }
    return [Attempt(**fields) for fields in found.values()]


def carrying(records: Sequence[Record], text: str) -> list[Attempt]:
    """The requests that carried a text in their target or their body.

    The text of a prompt is looked for in the strings of the body, whatever JSON escapes in them.
    Raises `LookupError` if bodies that may hold it were not kept.
    """
    nonces = {record.exchange for record in records if _told(record, text)}
    unkept = _unkept(records)
    found, unknown = [], 0
    for attempt in attempts(records):
        if attempt.exchange in nonces or text in attempt.target or _holds(attempt.body, text):
            found.append(attempt)
        elif attempt.body is None and attempt.exchange in unkept:
            unknown += 1
    if unknown and not text.startswith("nonce-"):
        raise LookupError(
            f"{unknown} requests may have carried {text!r}: their bodies were not kept. Set "
            "`keep_bodies` of their servers, or put a word such as nonce-0123456789abcdef into "
            "prompts and look for that"
        )
    return found


def _told(record: Record, text: str) -> bool:
    return isinstance(record, Received) and record.nonce == text


def _unkept(records: Sequence[Record]) -> set[int | None]:
    return {
        record.exchange
        for record in records
        if isinstance(record, Received) and record.size and record.body is None
    }


def _holds(body: str | None, text: str) -> bool:
    if body is None:
        return False
    if text in body:
        return True
    try:
        return any(text in said for said in _strings(json.loads(body)))
    except (ValueError, RecursionError):
        # It was kept in part, so that its end is missing, or is no JSON that one can read.
        return json.dumps(text)[1:-1] in body or json.dumps(text, ensure_ascii=False)[1:-1] in body


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
