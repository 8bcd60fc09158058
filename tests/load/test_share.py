"""What each of several processes plays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.load.share import Share
from ollama_simulator.workload import named
from tests.load.playing import every


def taken(share: Share) -> list[int]:
    """The numbers of the sessions of a part."""
    numbers = []
    while (session := share.take()) is not None:
        numbers.append(session.number)
    return numbers


def test_two_share_the_sessions() -> None:
    shares = [Share(every(1.0, 7), part, 2, requests=100) for part in range(2)]
    assert [taken(share) for share in shares] == [[0, 2, 4, 6], [1, 3, 5]]
    assert [share.over for share in shares] == [True, True]


def test_nothing_is_over_before_somebody_asked_in_vain() -> None:
    share = Share(every(1.0, 1), 0, 1, requests=100)
    share.take()
    assert not share.over


@given(st.integers(1, 9), st.integers(1, 50))
def test_all_together_make_as_many_requests_as_may_be_made(parts: int, requests: int) -> None:
    made = 0
    for part in range(parts):
        share = Share(named.workload("chat"), part, parts, requests)
        while share.begin():
            made += 1
        assert share.spent
        assert share.take() is None
        assert share.over
    assert made == requests


def test_users_of_the_workload() -> None:
    assert Share(named.workload("chat", users=3), 0, 1, 1).users == 3
    assert Share(named.workload("chat", rate=3), 0, 1, 1).users is None
