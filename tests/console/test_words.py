"""What records say in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.console.words import BAD, CHANGED, GOOD, Words

AT: dict[str, Any] = {"t": 1.0, "server": "s1"}
ASKED = records.Asked(
    **AT, exchange=7, connection=1, method="POST", target="/api/chat?a=b", ordinal=1
)


def finished(**fields: Any) -> records.Finished:
    """An answer that ended well, but for these fields."""
    usual = {"outcome": "complete", "status": 200, "tokens": 20, "body_bytes": 9}
    return records.Finished(**{**AT, "exchange": 7, **usual, **fields})


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (finished(), (GOOD, "POST /api/chat → 200 complete, 20 tokens")),
        (finished(status=503, tokens=1), (BAD, "POST /api/chat → 503 complete")),
        (finished(outcome="rst", tokens=5), (BAD, "POST /api/chat → 200 reset, 5 tokens")),
        (
            finished(outcome="left", status=None, tokens=0),
            (BAD, "POST /api/chat → no status the client left"),
        ),
        (
            records.Struck(**AT, exchange=7, fault="Hang"),
            (BAD, "Hang struck POST /api/chat, by behavior"),
        ),
        (
            records.Struck(**AT, exchange=7, fault="Hang", rule=3, source="rule"),
            (BAD, "Hang struck POST /api/chat, by rule 3"),
        ),
        (
            records.Struck(**AT, fault="Crash", rule=3, source="rule"),
            (BAD, "Crash struck the door, by rule 3"),
        ),
        (records.Behaved(**AT, behavior="Hang"), (CHANGED, "behaves as Hang")),
        (
            records.Injected(**AT, rule=2, fault="Hang", name="slow"),
            (CHANGED, "rule 2 (slow): Hang"),
        ),
        (records.Healed(**AT, rule=2, why="expired"), (CHANGED, "rule 2 ended: expired")),
        (records.DoorMoved(**AT, door=Door.SHUT), (CHANGED, "door shut")),
        (records.ModelLoaded(**AT, model="m", seconds=1.26), (CHANGED, "m loaded in 1.3 s")),
        (records.ModelUnloaded(**AT, model="m", why="asked"), (CHANGED, "m unloaded: asked")),
        (records.Stopped(**AT), (CHANGED, "process ended")),
        (
            records.Restarted(**AT, kv_cache_type="f16", seconds=3.0),
            (CHANGED, "there again after 3.0 s"),
        ),
        (records.ServerAdded(**AT, port=5), (CHANGED, "added on port 5")),
        (records.ServerRemoved(**AT, port=5), (CHANGED, "removed from port 5")),
        (records.Changed(**AT, fields=("zone", "key")), (CHANGED, "other settings: zone, key")),
        (records.Failed(**AT, error="KeyError: 1"), (BAD, "a bug of the simulator: KeyError: 1")),
        (records.Left(**AT, how=How.FIN, tokens=3), None),
        (records.Opened(**AT, connection=1, peer="a"), None),
    ],
)
def test_what_is_said(record: records.Record, said: tuple[str, str] | None) -> None:
    """Of a request that was asked before; of most records nothing."""
    words = Words()
    assert words.of(ASKED) is None
    assert words.of(record) == said


def test_a_request_is_forgotten_with_its_end() -> None:
    """However long the program runs."""
    words = Words()
    words.of(ASKED)
    words.of(finished())
    assert words.of(finished()) == (GOOD, "request → 200 complete, 20 tokens")


def test_every_end_has_words() -> None:
    """Of those that the journal tells."""
    for outcome in ("complete", "fin", "rst", "left", "cancelled", "error"):
        assert Words().of(finished(outcome=outcome)) is not None
