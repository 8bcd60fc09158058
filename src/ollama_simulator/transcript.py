"""The journal in lines for people: what happened, when, where, to which request.

Rules of this file:

1. Every record makes exactly one line, a kind that is new here too.
2. What went wrong by intent (a fault, a shut door, a process that ends) is marked with `!`, a bug
   of the simulator with `!!`.
3. It is a function of the records alone, so it says the same of a fleet in another process.

It must not import anything of this package but `records` and `acts`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ollama_simulator import records
from ollama_simulator.acts import Door, How

LEAST = 2
"""Lines below which nothing can be left out in the middle: one at either end."""


def transcript(journal: Sequence[records.Record], most: int | None = None) -> list[str]:
    """A line for each record: seconds since the first of them, server, request, mark, words.

    With `most`, at most so many lines (2 or more); those in the middle are left out, and a line
    more in their place says how many.
    """
    if most is not None and most < LEAST:
        raise ValueError(f"at most {most} lines are too few to show both ends")
    if not journal:
        return []
    began = journal[0].t
    if most is None or len(journal) <= most:
        return [_line(record, began) for record in journal]
    first, last = most - most // 2, most // 2
    return [
        *(_line(record, began) for record in journal[:first]),
        f"          ... {len(journal) - most} records are left out here ...",
        *(_line(record, began) for record in journal[-last:]),
    ]


def _line(record: records.Record, began: float) -> str:
    request = "" if record.exchange is None else f"#{record.exchange}"
    place = f"{record.t - began:9.3f}  {record.server:<4} {request:<5} {_mark(record):<2}"
    return f"{place} {words(record)}".rstrip()


def _mark(record: records.Record) -> str:
    match record:
        case records.Failed() | records.Hindered():
            return "!!"
        case records.Struck() | records.Stopped():
            return "!"
        case records.DoorMoved(door=door) if door is not Door.OPEN:
            return "!"
        case _:
            return ""


def words(record: records.Record) -> str:
    """What a record says, without its time and place."""
    kind = type(record)
    if kind in _WORDS:
        said: str = _WORDS[kind](record)
        return said
    own = [
        f"{field.name} {getattr(record, field.name)}"
        for field in msgspec.structs.fields(kind)
        if field.name not in records.Record.__struct_fields__
    ]
    return ", ".join([kind.__name__, *own])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _asked(it: records.Asked) -> str:
    return f"is asked {it.method} {it.target} (connection {it.connection})"


def _received(it: records.Received) -> str:
    nonce = f", {it.nonce}" if it.nonce else ""
    return f"has read its body: {_many(it.size, 'byte')}{nonce}"


def _struck(it: records.Struck) -> str:
    by = {"behavior": "its behaviour", "rule": f"rule {it.rule}", "header": "a header"}
    return f"{it.fault} strikes, by {by.get(it.source, it.source)}"


def _relayed(it: records.Relayed) -> str:
    detail = f" ({it.detail})" if it.detail else ""
    return f"has asked {it.upstream} instead: {it.ended}{detail}"


def _queued(it: records.Queued) -> str:
    return f"has it wait for a {it.waits_for}, {it.ahead} ahead of it"


def _released(it: records.Released) -> str:
    wasted = ""
    if it.wasted_tokens or it.wasted_prompt:
        wasted = (
            f"; {_many(it.wasted_tokens, 'token')} made for nobody, "
            f"{it.wasted_prompt} of the prompt read for nobody"
        )
    return f"slot {it.slot} of {it.model} is free again{wasted}"


def _left(it: records.Left) -> str:
    return f"sees its client leave ({it.how.value.upper()}) after {_many(it.tokens, 'token')}"


_ENDS = {
    "complete": "is done: complete",
    "fin": "is done: cut off with FIN",
    "rst": "is done: reset",
    "left": "is done: its client left",
}


def _finished(it: records.Finished) -> str:
    status = "no status" if it.status is None else f"status {it.status}"
    end = _ENDS.get(it.outcome, f"is done: {it.outcome}")
    # Whoever is refused gets no token; the whole answer is counted as one (docs/faults.md).
    refused = it.status is not None and it.status >= 400 and it.tokens == 1
    tokens = "" if refused else f"{_many(it.tokens, 'token')}, "
    return f"{end}, {status}, {tokens}{_many(it.body_bytes, 'byte')}"


def _closed(it: records.Closed) -> str:
    who = "we end" if it.by == "us" else "the client ends"
    how = " with a reset" if it.how is How.RST else ""
    return f"{who} connection {it.connection}{how}"


def _injected(it: records.Injected) -> str:
    name = f" {it.name!r}" if it.name else ""
    return f"gets rule {it.rule}{name}: {it.fault}"


_WORDS: dict[type[records.Record], Any] = {
    records.Opened: lambda it: f"connection {it.connection} is made by {it.peer}",
    records.Asked: _asked,
    records.Received: _received,
    records.Struck: _struck,
    records.Relayed: _relayed,
    records.Replayed: lambda it: f"answers from line {it.line} of its recording",
    records.Missed: lambda it: f"has no recorded answer: {it.detail}",
    records.Queued: _queued,
    records.Admitted: lambda it: f"gives it slot {it.slot} of {it.model}",
    records.Released: _released,
    records.ModelLoaded: lambda it: f"has loaded {it.model} in {it.seconds:.3f} s",
    records.ModelUnloaded: lambda it: f"has unloaded {it.model}: {it.why}",
    records.Evaluated: lambda it: (
        f"has read the prompt: {_many(it.prompt, 'token')}, {it.cached} from its cache"
    ),
    records.CacheMoved: lambda it: (
        f"has {it.how} {_many(it.tokens, 'token')} of KV cache of {it.model}"
    ),
    records.FirstToken: lambda it: f"makes the first token after {it.seconds:.3f} s",
    records.Generated: lambda it: f"has made all {_many(it.tokens, 'token')}",
    records.Left: _left,
    records.Finished: _finished,
    records.Closed: _closed,
    records.DoorMoved: lambda it: f"its door is {it.door.value}",
    records.Behaved: lambda it: f"behaves: {it.behavior}",
    records.Injected: _injected,
    records.Healed: lambda it: f"rule {it.rule} ends: {it.why}",
    records.ServerAdded: lambda it: f"comes to the fleet, on port {it.port}",
    records.ServerRemoved: lambda it: "leaves the fleet",
    records.Changed: lambda it: f"has other settings: {', '.join(it.fields)}",
    records.Stopped: lambda it: "its process ends",
    records.Restarted: lambda it: f"is there again after {it.seconds:.3f} s",
    records.Hindered: lambda it: f"THE SIMULATOR LACKS {it.what}: {it.detail}",
    records.Eased: lambda it: f"the simulator has {it.what} again, after {it.seconds:.3f} s",
    records.Failed: lambda it: f"THE SIMULATOR FAILED: {it.error}",
}
