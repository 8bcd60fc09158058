"""What requests wait under other choices: small sums, done by hand."""

import pytest

from ollama_simulator.conformance.yardstick import Work, least, mean_random_wait, mean_wait

TOGETHER = [Work(0.0, 1.0)] * 4


def test_one_server_does_one_after_the_other() -> None:
    """0, 1, 2 and 3 seconds."""
    assert mean_wait(TOGETHER, 1, least) == pytest.approx(1.5)


def test_the_fewest_in_progress() -> None:
    """Two for each of two servers; who comes when a server is free again waits for nothing."""
    assert mean_wait(TOGETHER, 2, least) == pytest.approx(0.5)
    assert mean_wait([*TOGETHER, Work(2.0, 1.0)], 2, least) == pytest.approx(0.4)


def test_chance() -> None:
    """With one server there is none; with two, it is between the best and the worst, and the
    same each time."""
    assert mean_random_wait(TOGETHER, 1) == pytest.approx(1.5)
    wait = mean_random_wait(TOGETHER, 2)
    assert 0.5 < wait < 1.5
    assert wait == mean_random_wait(TOGETHER, 2)
