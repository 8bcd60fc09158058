"""The journal in lines for people."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.clock import VirtualClock
from ollama_simulator.fleet import Fleet
from ollama_simulator.transcript import transcript, words
from tests.engine.driving import virtual


def at(kind: type[records.Record], t: float, exchange: int | None = None, **fields: Any) -> Any:
    """A record of s1."""
    return kind(t=t, server="s1", exchange=exchange, **fields)


JOURNAL = [
    at(records.Opened, 10.0, connection=1, peer="127.0.0.1:5000"),
    at(records.Asked, 10.001, 7, connection=1, method="POST", target="/api/chat", ordinal=1),
    at(records.Struck, 10.002, 7, fault="FailMidStream", rule=3, source="rule"),
    at(records.Finished, 12.5, 7, outcome="rst", status=200, tokens=5, body_bytes=612),
    at(records.DoorMoved, 12.6, door=Door.SHUT),
    at(records.DoorMoved, 12.7, door=Door.OPEN),
    at(records.Failed, 1234.5, error="KeyError: 'x'"),
]


def test_lines() -> None:
    """Time since the first record, server, request, mark, words: in columns."""
    assert transcript(JOURNAL) == [
        "    0.000  s1            connection 1 is made by 127.0.0.1:5000",
        "    0.001  s1   #7       is asked POST /api/chat (connection 1)",
        "    0.002  s1   #7    !  FailMidStream strikes, by rule 3",
        "    2.500  s1   #7       is done: reset, status 200, 5 tokens, 612 bytes",
        "    2.600  s1         !  its door is shut",
        "    2.700  s1            its door is open",
        " 1224.500  s1         !! THE SIMULATOR FAILED: KeyError: 'x'",
    ]


def test_a_long_one_is_shortened_in_the_middle() -> None:
    """Both ends stay, and what is missing is counted."""
    whole = transcript(JOURNAL)
    assert transcript(JOURNAL, most=7) == whole
    gap = "          ... 4 records are left out here ..."
    assert transcript(JOURNAL, most=3) == [*whole[:2], gap, whole[-1]]
    with pytest.raises(ValueError, match="1 lines are too few"):
        transcript(JOURNAL, most=1)


def test_nothing_happened() -> None:
    assert transcript([]) == []


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (at(records.Struck, 0, fault="Hang"), "Hang strikes, by its behaviour"),
        (at(records.Struck, 0, fault="Hang", source="header"), "Hang strikes, by a header"),
        (at(records.Left, 0, how=How.RST, tokens=3), "sees its client leave (RST) after 3 tokens"),
        (
            at(records.Finished, 0, outcome="left", status=None, tokens=0, body_bytes=0),
            "is done: its client left, no status, 0 tokens, 0 bytes",
        ),
        # The whole of a refusal counts as a token, and is none.
        (
            at(records.Finished, 0, outcome="complete", status=503, tokens=1, body_bytes=23),
            "is done: complete, status 503, 23 bytes",
        ),
        (
            at(records.Finished, 0, outcome="rst", status=200, tokens=1, body_bytes=1),
            "is done: reset, status 200, 1 token, 1 byte",
        ),
        (at(records.Left, 0, how=How.FIN, tokens=1), "sees its client leave (FIN) after 1 token"),
        (
            at(records.Closed, 0, connection=4, by="us", how=How.RST),
            "we end connection 4 with a reset",
        ),
        (
            at(records.Closed, 0, connection=4, by="client", how=How.FIN),
            "the client ends connection 4",
        ),
        (at(records.Injected, 0, rule=2, fault="Hang", name="slow"), "gets rule 2 'slow': Hang"),
        (at(records.Released, 0, model="m", slot=1), "slot 1 of m is free again"),
    ],
)
def test_words(record: records.Record, said: str) -> None:
    assert words(record) == said


def test_a_kind_that_nobody_has_words_for_is_told_with_its_fields() -> None:
    class Melted(records.Record, frozen=True, kw_only=True, tag=True):
        """A new kind."""

        degrees: int

    assert words(Melted(t=0, server="s1", degrees=90)) == "Melted, degrees 90"


def test_every_kind_can_be_told() -> None:
    """Of the fields that it really has."""
    kinds = [
        kind
        for kind in vars(records).values()
        if isinstance(kind, type)
        and issubclass(kind, records.Record)
        and kind is not records.Record
    ]
    assert len(kinds) >= 20
    values: dict[str, Any] = {"door": Door.OPEN, "how": How.FIN, "fields": ("speed",)}
    for kind in kinds:
        fields = {
            field.name: values.get(field.name, 1)
            for field in msgspec.structs.fields(kind)
            if field.required and field.name not in ("t", "server")
        }
        assert words(kind(t=0.0, server="s1", **fields))


def test_a_real_journal() -> None:
    """Each record of a fleet's life is one line."""

    async def main(clock: VirtualClock) -> None:
        async with Fleet((0,), clock=clock) as fleet:
            await fleet.restart(None, seconds=0.0)
            await fleet.reset()
        lines = transcript(fleet.journal.records)
        assert len(lines) == len(fleet.journal.records) > 3
        assert any(line.endswith("!  its process ends") for line in lines)

    virtual(main)
