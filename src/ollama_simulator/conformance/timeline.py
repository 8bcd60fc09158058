"""Both journals on one time axis: what our client saw, and what each server saw.

It must not import the scenarios or the player.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator import records
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.plain import plain
from ollama_simulator.conformance.report import Moment
from ollama_simulator.journal import Journal

CLIENT = "client"
MOST = 160
"""Moments of a case, above which those in the middle are left out."""
RUN = 3
"""Pieces of an answer in a row that are shown one by one; the rest is counted."""

Shown = (
    records.Asked
    | records.Struck
    | records.Queued
    | records.Evaluated
    | records.Left
    | records.Finished
    | records.DoorMoved
    | records.Behaved
    | records.ModelLoaded
    | records.ModelUnloaded
    | records.Stopped
    | records.Restarted
    | records.Failed
)


KINDS: dict[type[records.Record], str] = {
    records.Asked: "asked",
    records.Finished: "done",
    records.Struck: "struck",
    records.Left: "left",
}


def moments(answers: Iterable[Answer], journal: Journal, began: float) -> tuple[Moment, ...]:
    """What happened since a case began, in order."""
    answers = list(answers)
    found = [moment for answer in answers for moment in _client(answer, began)]
    labels = _labels(answers, journal)
    for record in journal.records:
        if isinstance(record, Shown):
            label = labels.get(record.exchange or 0, "")
            kind = KINDS.get(type(record), "notes")
            found.append(Moment(record.t - began, record.server, _words(record), label, kind))
    found.sort(key=lambda moment: moment.t)
    found = [
        msgspec.structs.replace(moment, t=round(moment.t, 4), what=plain(moment.what))
        for moment in found
    ]
    if len(found) > MOST:
        left_out = len(found) - MOST
        half = MOST // 2
        gap = Moment(found[half].t, "", f"... {left_out} moments are left out ...")
        found = [*found[:half], gap, *found[-half:]]
    return tuple(found)


def _labels(answers: list[Answer], journal: Journal) -> dict[int, str]:
    by_nonce = {answer.nonce: answer.label for answer in answers}
    labels: dict[int, str] = {}
    for record in journal.records:
        if isinstance(record, records.Received) and record.nonce in by_nonce:
            labels[record.exchange or 0] = by_nonce[record.nonce]
        elif isinstance(record, records.Asked) and "nonce-" in record.target:
            for nonce, label in by_nonce.items():
                if nonce in record.target:
                    labels[record.exchange or 0] = label
    return labels


def _client(answer: Answer, began: float) -> Iterable[Moment]:
    def moment(t: float, what: str, kind: str = "reads") -> Moment:
        return Moment(t - began, CLIENT, what, answer.label, kind)

    yield moment(answer.asked_at, f"asks {answer.asked}", "asks")
    if answer.head_at is not None:
        yield moment(answer.head_at, f"reads status {answer.status}")
    for piece in answer.pieces[:RUN]:
        yield moment(piece.t, f"reads {len(piece.data)} bytes: {piece.data[:60]!r}")
    rest = answer.pieces[RUN:]
    if rest:
        size = sum(len(piece.data) for piece in rest)
        yield moment(rest[-1].t, f"has read {size} bytes more, in {len(rest)} pieces")
    if answer.end is not None:
        yield moment(answer.ended_at, f"sees the end: {answer.ending}", "ends")


def _words(record: Shown) -> str:
    match record:
        case records.Asked():
            return f"is asked {record.method} {record.target}"
        case records.Struck():
            return f"fault {record.fault} strikes"
        case records.Queued():
            return f"queues it behind {record.ahead}"
        case records.Evaluated():
            return f"has read the prompt: {record.prompt} tokens, {record.cached} from its cache"
        case records.Left():
            return f"sees its client leave ({record.how.value}) after {record.tokens} tokens"
        case records.Finished():
            size = f"{record.tokens} tokens, {record.body_bytes} bytes"
            return f"is done with it: {record.outcome}, status {record.status}, {size}"
        case records.DoorMoved():
            return f"door {record.door.value}"
        case records.Behaved():
            return f"behaves: {record.behavior}"
        case records.ModelLoaded():
            return f"has loaded {record.model} in {record.seconds:.2f} s"
        case records.ModelUnloaded():
            return f"has unloaded {record.model}: {record.why}"
        case records.Stopped():
            return "its process ends"
        case records.Restarted():
            return f"is there again after {record.seconds:.2f} s"
        case records.Failed():
            return f"the simulator failed: {record.error}"
