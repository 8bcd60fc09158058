"""Every answer, cut at act 0, 1, 2 … until it completes, and what must hold each time.

The cut is a fault like any other, so this sweeps faults, exchange, performer and connection
together, over real sockets: for every route, in every mode, with FIN and with RST.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, End, Hangup, How
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.net.client import End as Ending
from ollama_simulator.records import (
    Asked,
    Closed,
    Failed,
    Finished,
    Left,
    ModelLoaded,
    Queued,
    Struck,
)
from ollama_simulator.wire.routes import ROUTES
from tests.net.loops import on_each_loop
from tests.net.peers import until

FAST = Pace(decode_tps=10_000.0, prefill_tps=1e9, tokens=3)
SAYS = {"messages": [{"role": "user", "content": "hi"}]}
MODEL = {"model": "test-model"}

NONE = {"model": "none"}
ABSENT = "sha256:" + "0" * 64
PARTS = {"{model}": "test-model", "{digest}": ABSENT, "{key}": "any"}

ASKS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("POST", "/api/show"): [MODEL],
    ("POST", "/api/chat"): [MODEL | SAYS, MODEL | SAYS | {"stream": False}, MODEL],
    ("POST", "/api/generate"): [
        MODEL | {"prompt": "hi"},
        MODEL | {"prompt": "hi", "stream": False},
    ],
    ("POST", "/api/embed"): [MODEL | {"input": ["a", "b"]}],
    ("POST", "/api/embeddings"): [MODEL | {"prompt": "a"}],
    ("POST", "/v1/chat/completions"): [MODEL | SAYS | {"stream": True}, MODEL | SAYS],
    ("POST", "/api/pull"): [NONE],
    ("POST", "/api/push"): [NONE],
    ("POST", "/api/create"): [{"model": "new", "from": "test-model"}],
    ("POST", "/api/copy"): [{"source": "test-model", "destination": "copy"}],
    ("POST", "/v1/completions"): [MODEL | {"prompt": "hi", "stream": True}],
    ("POST", "/v1/responses"): [MODEL | {"input": "hi", "stream": True}, MODEL | {"input": "hi"}],
    ("POST", "/v1/embeddings"): [MODEL | {"input": "a"}],
    ("POST", "/v1/messages"): [
        MODEL | SAYS | {"max_tokens": 3, "stream": True},
        MODEL | SAYS | {"max_tokens": 3},
    ],
}
"""Valid bodies of the routes that take one; a new one is missed by `test_every_route_is_swept`."""

REFUSE = {
    ("POST", "/api/me"): 503,
    ("POST", "/api/signout"): 500,
    ("DELETE", "/api/user/keys/{key}"): 500,
    ("DELETE", "/api/delete"): 400,
    ("POST", "/api/experimental/web_search"): 400,
    ("POST", "/api/experimental/web_fetch"): 400,
    ("HEAD", "/api/blobs/{digest}"): 404,
    ("POST", "/api/blobs/{digest}"): 400,
    ("POST", "/v1/audio/transcriptions"): 400,
}
"""What others say without a body: there is no cloud to ask, or it would change what is swept."""


def named(path: str) -> str:
    """A path with its named parts filled in."""
    for part, value in PARTS.items():
        path = path.replace(part, value)
    return path


CASES = [
    pytest.param(method, named(path), body, id=f"{method} {path} {number}")
    for method, path in dict.fromkeys((route.method, route.path) for route in ROUTES)
    for number, body in enumerate(ASKS.get((method, path), [None]))
]


class Cut(Fault, frozen=True):
    """Hang up in place of act `at`."""

    at: int
    how: How

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Count."""
        exchange.pace = FAST
        number = 0
        async for act in handler(exchange):
            if number == self.at:
                yield Hangup(self.how)
                return
            yield act
            number += 1


async def ask(
    port: int, method: str, path: str, body: Any, *, leave: int | None = None
) -> tuple[Ending, bytes]:
    """How one answer ends for its client, which leaves after so many pieces of the body."""
    data = msgspec.json.encode(body) if body is not None else None
    came = b""
    async with await Client.connect(HOST, port, 5) as client:
        await client.ask(method, path, body=data)
        try:
            await client.head(5)
            if leave == 0:
                return Ending.LEFT, came
            pieces = 0
            async for piece in client.body(5):
                came += piece
                pieces += 1
                if pieces == leave:
                    return Ending.LEFT, came
        except Broken as broken:
            return broken.end, came
        return Ending.COMPLETE, came


async def finished(fleet: Fleet, count: int) -> Finished:
    """The end of the request with this number; none has two."""
    found = await fleet.journal.wait_for(Finished, 5, exchange=count)
    assert found is not None
    assert len(fleet.journal.where(Finished)) == len(fleet.journal.where(Asked)) == count
    return found


@pytest.mark.parametrize("how", list(How), ids=lambda how: how.value)
@pytest.mark.parametrize(("method", "path", "body"), CASES)
@on_each_loop
async def test_cut_at_every_act(method: str, path: str, body: Any, how: How) -> None:
    """Never complete before `End`; one `Finished` each; the slot free for the next."""
    async with Fleet() as fleet:
        (port,) = fleet.ports
        server = fleet.server(port)
        outcomes = []
        for at in range(100):
            await server.behave(Cut(at, how))
            end, _ = await ask(port, method, path, body)
            record = await finished(fleet, at + 1)
            assert server.active == 0
            outcomes.append(record.outcome)
            if end is Ending.COMPLETE:
                assert record.outcome == "complete"
                break
            assert record.outcome == how.value
            assert end is {How.FIN: Ending.CUT, How.RST: Ending.RESET}[how]
        assert len(outcomes) >= 5
        assert outcomes == [how.value] * (len(outcomes) - 1) + ["complete"]
        # One at a time: whoever had waited would have met a slot that was not free.
        assert fleet.journal.where(Queued) == []
        assert fleet.journal.where(Failed) == []
        assert len(fleet.journal.where(Struck)) == len(outcomes) - 1
        generating = ("chat", "generate", "embed", "messages", "/v1/completions", "responses")
        generates = any(route in path for route in generating)
        assert bool(fleet.journal.where(ModelLoaded)) is generates
        await until(lambda: len(fleet.journal.where(Closed)) == len(outcomes))
        cuts = fleet.journal.where(Closed, by="us")
        assert [record.how for record in cuts].count(how) >= len(outcomes) - 1


@pytest.mark.parametrize(("method", "path", "body"), CASES)
@on_each_loop
async def test_left_after_every_piece(method: str, path: str, body: Any) -> None:
    """The same from the other side: the client leaves after 0, 1, 2 … pieces."""
    async with Fleet() as fleet:
        (port,) = fleet.ports
        server = fleet.server(port)
        await server.behave(Normal(tokens_per_sec=500.0, num_tokens=3))
        for pieces in range(100):
            end, came = await ask(port, method, path, body, leave=pieces)
            record = await finished(fleet, pieces + 1)
            assert record.outcome in ("complete", "left")
            assert server.active == 0
            if end is Ending.COMPLETE:
                break
            assert end is Ending.LEFT
            assert len(came) <= record.body_bytes
        assert end is Ending.COMPLETE
        assert fleet.journal.where(Queued) == []
        assert fleet.journal.where(Failed) == []
        lefts = {record.exchange for record in fleet.journal.where(Left)}
        gone = {record.exchange for record in fleet.journal.where(Finished, outcome="left")}
        assert gone <= lefts


def test_every_route_is_swept() -> None:
    """A route that takes a body has a valid one here, or a reason to have none."""
    writing = {(it.method, it.path) for it in ROUTES if it.method in ("POST", "DELETE")}
    assert writing <= {*ASKS, *REFUSE}
    assert not ASKS.keys() & REFUSE.keys()
    assert {(it.method, it.path) for it in ROUTES} >= {*ASKS, *REFUSE}


@on_each_loop
async def test_the_sweep_sees_whole_answers() -> None:
    """Uncut, each of these requests is answered as it should be."""
    refuse = {(method, named(path)): status for (method, path), status in REFUSE.items()}
    async with Fleet() as fleet:
        (port,) = fleet.ports
        await fleet.behave(None, Cut(1000, How.RST))
        for number, case in enumerate(CASES, 1):
            method, path, body = case.values
            assert isinstance(method, str)
            assert isinstance(path, str)
            assert (await ask(port, method, path, body))[0] is Ending.COMPLETE
            status = (await finished(fleet, number)).status
            assert (path, status) == (path, refuse.get((method, path), 200))


def test_cut_is_at_the_act_named() -> None:
    """The sweep's own fault: act 0 is the first, and an answer that is shorter passes whole."""
    from tests.faults.acting import STREAM, bent

    for at in range(len(STREAM)):
        assert bent(Cut(at, How.RST), STREAM) == [*STREAM[:at], Hangup(How.RST)]
    assert bent(Cut(len(STREAM), How.RST), STREAM) == list(STREAM)
    assert STREAM[-1] == End()
