"""What is counted, and what is good."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator.load.sample import Limits, Sample
from ollama_simulator.load.tally import Packed, Tally


def sample(**fields: Any) -> Sample:
    """An answer that is good: due at 10, first piece at 10.5, ended at 11."""
    whole: dict[str, Any] = {
        "session": 0,
        "turn": 0,
        "due": 10.0,
        "sent": 10.001,
        "first": 10.5,
        "gaps": (0.02, 0.04),
        "ended": 11.0,
        "pieces": 3,
        "asked": 7,
        "answered": 4,
        "status": 200,
    }
    return Sample(**{**whole, **fields})


def tally(*samples: Sample) -> Tally:
    """Of these."""
    found = Tally()
    for each in samples:
        found.add(each)
    return found


def test_waits_begin_when_a_request_was_due() -> None:
    """However late it was sent."""
    late = sample(sent=10.4)
    assert late.ttft == 0.5
    assert late.end_to_end == 1.0
    assert late.late == pytest.approx(0.4)


def test_what_was_never_sent_was_late_to_its_end() -> None:
    assert sample(sent=None, first=None, gaps=(), pieces=0).late == 1.0


def test_a_whole_answer() -> None:
    found = tally(sample())
    assert (found.requests, found.complete, found.good) == (1, 1, 1)
    assert (found.asked, found.answered, found.seconds) == (7, 4, 11.0)
    assert (found.ttft.longest, found.end_to_end.longest) == (0.5, 1.0)
    assert found.gap.count == 2
    assert found.errors == {}


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({"first": 12.0}, True),
        ({"first": 12.01}, False),
        ({"gaps": (0.0, 0.1)}, True),
        ({"gaps": (0.0, 0.1002)}, False),
        ({"gaps": ()}, True),
        ({"first": None, "gaps": ()}, False),
        ({"error": "reset"}, False),
    ],
)
def test_the_limits(fields: dict[str, Any], good: bool) -> None:
    """2 s to the first token, 50 ms between pieces on average, and no error."""
    assert Limits().good(sample(**fields)) is good


def test_a_failure_has_a_first_token_but_no_end() -> None:
    found = tally(sample(error="truncated: reset", detail="a"), sample(error="truncated: reset"))
    assert (found.requests, found.complete, found.good) == (2, 0, 0)
    assert found.errors == {"truncated: reset": 2}
    assert found.examples == {"truncated: reset": "a"}
    assert (found.ttft.count, found.end_to_end.count) == (2, 0)


def test_turns_are_told_apart() -> None:
    found = tally(sample(), sample(turn=1, first=10.1), sample(turn=2, first=10.2))
    assert (found.ttft_first.count, found.ttft_later.count, found.ttft.count) == (1, 2, 3)
    assert found.ttft_later.longest == 0.2


def test_a_server_that_tells_no_number_of_tokens() -> None:
    """Then the pieces are counted."""
    assert tally(sample(answered=None, asked=None)).answered == 3


def test_the_parts_merge_to_the_whole() -> None:
    """Sent from process to process, too."""
    ones = [sample(), sample(error="reset", detail="one")]
    others = [sample(turn=1, first=13.5), sample(error="reset", detail="other", ended=12.0)]
    parts = []
    for samples in (ones, others):
        part = tally(*samples)
        part.held_back, part.not_asked, part.unfinished = 1, 2, 3
        sent = msgspec.json.encode(part.packed())
        parts.append(Tally.unpacked(msgspec.json.decode(sent, type=Packed), Limits()))
    first, second = parts
    first.merge(second)
    whole = tally(*ones, *others)
    whole.held_back, whole.not_asked, whole.unfinished = 2, 4, 6
    assert first.packed() == whole.packed()
    assert (first.good, first.seconds) == (1, 12.0)
