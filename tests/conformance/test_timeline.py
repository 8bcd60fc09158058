"""Both journals on one time axis."""

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.conformance import timeline
from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.journal import Journal
from ollama_simulator.net.client import End

ANSWER = Answer(
    nonce="nonce-0123456789abcdef",
    expected="",
    asked_at=100.0,
    label="r1",
    asked="POST /api/chat",
    status=200,
    head_at=100.2,
    pieces=[Piece(100.2 + number / 10, b"token") for number in range(5)],
    end=End.CUT,
    detail="FIN",
    ended_at=100.9,
)


def journal() -> Journal:
    """What a server saw of it."""
    kept = Journal()
    kept.add(records.DoorMoved(t=99.9, server="s1", door=Door.OPEN))
    kept.add(
        records.Asked(
            t=100.05,
            server="s1",
            exchange=7,
            connection=1,
            method="POST",
            target="/api/chat",
            ordinal=1,
        )
    )
    kept.add(
        records.Received(
            t=100.06, server="s1", exchange=7, size=9, digest="", nonce="nonce-0123456789abcdef"
        )
    )
    kept.add(records.Struck(t=100.5, server="s1", exchange=7, fault="AbruptClose"))
    kept.add(
        records.Finished(
            t=100.55, server="s1", exchange=7, outcome="fin", status=200, tokens=3, body_bytes=15
        )
    )
    return kept


def test_one_axis() -> None:
    """In the order of time, each line with its request; what is of no interest is left out."""
    found = timeline.moments([ANSWER], journal(), 100.0)
    assert [(each.t, each.side, each.request, each.kind) for each in found] == [
        (-0.1, "s1", "", "notes"),
        (0.0, "client", "r1", "asks"),
        (0.05, "s1", "r1", "asked"),
        (0.2, "client", "r1", "reads"),
        (0.2, "client", "r1", "reads"),
        (0.3, "client", "r1", "reads"),
        (0.4, "client", "r1", "reads"),
        (0.5, "s1", "r1", "struck"),
        (0.55, "s1", "r1", "done"),
        (0.6, "client", "r1", "reads"),
        (0.9, "client", "r1", "ends"),
    ]
    assert found[-2].what == "has read 10 bytes more, in 2 pieces"
    assert found[-1].what == "sees the end: cut (FIN)"


def test_the_middle_of_a_long_one_is_left_out() -> None:
    """And it is said how much."""
    kept = Journal()
    for number in range(1000):
        kept.add(records.Behaved(t=float(number), server="s1", behavior="Normal"))
    found = timeline.moments([], kept, 0.0)
    assert len(found) == timeline.MOST + 1
    assert found[timeline.MOST // 2].what == f"... {1000 - timeline.MOST} moments are left out ..."
