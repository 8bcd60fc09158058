"""What is counted when a worker is lost that was asked for something."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ollama_simulator.workers.messages import Counters, Granted, Wish
from ollama_simulator.workers.passing_on import Passing
from ollama_simulator.workers.process import WorkerDown


class Fleet:
    """One that has counted, and is told what others counted."""

    def __init__(self) -> None:
        self.counters = Counters(name=4, rule=7)

    def learn(self, told: Counters) -> None:
        """As the fleet does, for those that are higher."""
        assert (told.name, told.rule) >= (self.counters.name, self.counters.rule)
        self.counters = told


class Lost:
    """A worker that was asked, and doesn't answer."""

    async def grant(self, wish: Wish, tries: int) -> Granted:
        """Nothing that anybody can wait for."""
        raise WorkerDown("worker 1 hasn't answered")


@pytest.mark.parametrize(
    ("method", "raw", "name", "rule"),
    [
        ("POST", b'{"fault":{"type":"Hang"}}', 5, 10),
        ("POST", b'{"rules":[{"fault":{"type":"Hang"}},{"fault":{"type":"Hang"}}]}', 5, 13),
        ("DELETE", b"", 5, 8),
        ("GET", b"", 4, 7),
    ],
)
def test_no_number_is_used_again(method: str, raw: bytes, name: int, rule: int) -> None:
    """It may have counted as many as were asked for, and nobody knows how many."""
    fleet = Fleet()
    scope = {"method": method, "path": "/x", "raw_path": b"/x", "query_string": b""}
    state = SimpleNamespace(state=SimpleNamespace(fleet=fleet))
    request: Any = SimpleNamespace(app=state, scope=scope, headers={}, method=method)
    worker: Any = Lost()
    with pytest.raises(WorkerDown):
        asyncio.run(Passing(request, raw).to(worker))
    assert fleet.counters == Counters(name, rule)
