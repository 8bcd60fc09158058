"""Which record another one calls the previous one, and what stands for it."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.golden import acts
from ollama_simulator.golden.earlier import FULL, Earlier, full, left_behind
from ollama_simulator.golden.recording import Recording
from tests.golden.making import made, native


def recorded(*names: str) -> list[Recording]:
    """A file of records with these names; a name may have its server in front."""
    found = []
    for number, name in enumerate(names, 1):
        server, _, rest = name.rpartition(" ")
        setup = f"server {server or 'main'}; any state"
        found.append(made(native(name=rest, setup=setup), number))
    return found


@pytest.mark.parametrize(
    ("names", "before"),
    [
        (["a/x", "a/y"], "a/x"),
        (["a/x", "a/y", "a/x-then-ps"], "a/x"),
        (["a/y", "a/x-then-ps"], None),
        (["a/x", "b/y"], None),
        (["busy a/x", "a/y"], None),
        (["a/x"], None),
    ],
)
def test_the_record_before(names: list[str], before: str | None) -> None:
    """The line before, or the one that the name continues."""
    file = recorded(*names)
    found = Earlier([file]).before(file[-1])
    assert (found.name if found else None) == before


def test_files_are_apart() -> None:
    """The first line of one doesn't follow the last of another."""
    one, other = recorded("a/x"), [made(native(name="a/y"), 1, "other.jsonl")]
    assert Earlier([one, other]).before(other[0]) is None


def left(setup: str, body: str) -> list[acts.Act]:
    """What a record before left behind, by this setup and answer."""
    response: dict[str, Any] = native()["response"] | {"body": body}
    return left_behind(made(native(setup=f"server main; {setup}", response=response)))


def test_what_is_left_behind() -> None:
    """Models in memory, for as long as the phrase says, with the context of the answer."""
    body = '{"models":[{"name":"a","context_length":4},{"name":"b"}]}'
    before = "after the previous record"
    assert left(before, body) == [acts.Loaded("a", None, 4), acts.Loaded("b")]
    assert left(f"{before} (keep_alive '5m')", body)[1:] == [acts.Loaded("b", '"5m"')]
    assert left(f"{before} (keep_alive -1)", body)[1:] == [acts.Loaded("b", "-1")]
    assert left(f"{before}: still 90m", body)[1:] == [acts.Loaded("b", '"90m"')]
    assert left(before, '{"models":[]}') == []
    assert left(before, "no JSON") == []
    assert left(before, "[1]") == []


def test_a_queue_that_is_full() -> None:
    """It is, on the server whose queue holds one request."""
    assert full(recorded("busy a/x")[0]) == FULL
    assert full(recorded("main a/x")[0]) == ()
