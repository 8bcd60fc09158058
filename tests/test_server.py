"""One simulated server: behaviours, what it records, and what is in its memory meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ollama_simulator import records
from ollama_simulator.acts import Act, Body, Door, Head, How
from ollama_simulator.clock import WallClock
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.engine.text import pieces
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet
from ollama_simulator.journal import Journal
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported
from ollama_simulator.records import Asked, DoorMoved, Finished, Record
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, refused, settle

OTHER = Model("other:7b", 1, "d", "f", "1B", "F16")
FAST = Normal(tokens_per_sec=5000.0, prompt_eval_tokens_per_sec=1e9)
SLOW = Slow(tokens_per_sec=50.0, num_tokens=10_000)


class Server:
    """A fleet of one, and a client's shortest words for it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.port = fleet.ports[0]
        self.sim: SimServer = fleet.server(self.port)
        self.journal = fleet.journal

    def kinds(self, exchange: int | None = None) -> list[str]:
        """The records in order, by name, of one exchange or of all."""
        return [
            type(record).__name__
            for record in self.journal.records
            if exchange is None or record.exchange == exchange
        ]

    async def until(self, kind: type[Record], **fields: Any) -> Record:
        """Wait for a record."""
        found = await self.journal.wait_for(kind, 5, **fields)
        assert found is not None, f"no {kind.__name__} with {fields} in {self.kinds()}"
        return found

    async def connect(self) -> Peer:
        """A client."""
        return await Peer.connect(self.port)

    async def chat(self, peer: Peer, **fields: Any) -> None:
        """Send a chat."""
        await peer.send(post("/api/chat", **fields))

    async def whole(self, **fields: Any) -> tuple[int, Any]:
        """Ask for a whole chat on a connection of its own."""
        async with await self.connect() as peer:
            await self.chat(peer, stream=False, **fields)
            status, body = await peer.answer()
            return status, msgspec.json.decode(body)


def post(path: str, **fields: Any) -> bytes:
    """The bytes of a request."""
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}], **fields}
    data = msgspec.json.encode(body)
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(),
        len(data),
        data,
    )


@asynccontextmanager
async def running(behavior: Fault = FAST) -> AsyncIterator[Server]:
    """A server. At the end every request must have ended exactly once, and no bug be recorded."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(behavior)
        yield server
        await settle()
    asked = [record.exchange for record in fleet.journal.where(Asked)]
    assert sorted(x for x in asked if x) == sorted(
        record.exchange or 0 for record in fleet.journal.where(Finished)
    )
    assert fleet.journal.where(records.Failed) == [] or behavior == Broken()
    assert server.sim.active == 0


# --- what is recorded ---------------------------------------------------------------------


@on_each_loop
async def test_the_records_of_one_chat() -> None:
    """In the order in which things happened, with their numbers."""
    async with running() as server:
        async with await server.connect() as peer:
            await server.chat(peer, stream=False, options={"num_predict": 4})
            status, body = await peer.answer()
            await server.until(Finished)
        await server.until(records.Closed)
        assert server.kinds() == [
            *("Behaved", "Opened", "Asked", "Received", "ModelLoaded", "Admitted"),
            *("Evaluated", "FirstToken", "Generated", "Released", "Finished", "Closed"),
        ]
        (asked,), (end,) = server.journal.where(Asked), server.journal.where(Finished)
        assert (asked.method, asked.target) == ("POST", "/api/chat")
        assert (asked.connection, asked.ordinal, asked.exchange, asked.server) == (1, 1, 1, "s1")
        assert (end.outcome, end.status, end.tokens) == ("complete", status, 4)
        assert end.body_bytes == len(body)
        (closed,) = server.journal.where(records.Closed)
        assert (closed.connection, closed.exchange) == (1, None)
        times = [record.t for record in server.journal.records]
        assert times == sorted(times)


@on_each_loop
async def test_ordinals_and_connections_count_up() -> None:
    """Requests of a server from 1, on whatever connection."""
    async with running() as server:
        async with await server.connect() as one, await server.connect() as two:
            for peer in (one, two, one):
                await peer.ask("/api/version")
                assert (await peer.answer())[0] == 200
        asked = server.journal.where(Asked)
        assert [(record.ordinal, record.connection) for record in asked] == [(1, 1), (2, 2), (3, 1)]


@on_each_loop
async def test_every_asked_has_one_finished() -> None:
    """Whatever clients and behaviours do; `running` looks at the end."""
    behaviors = [FAST, Hang(), HttpError(503, "x"), FailMidStream(2), AbruptClose(50)]
    leave = itertools.cycle(["read", "half close", "reset", "close"])
    async with running() as server:
        paths = ["/api/chat", "/nowhere", "/v1/messages"]
        for number, (behavior, path, stream) in enumerate(
            itertools.product(behaviors, paths, (True, False)), 1
        ):
            await server.sim.behave(behavior)
            async with await server.connect() as peer:
                await peer.send(post(path, stream=stream, max_tokens=5))
                await server.until(Asked, exchange=number)
                match next(leave):
                    case "read" if behavior != Hang():
                        with contextlib.suppress(ConnectionResetError):
                            await peer.receive()
                    case "half close":
                        peer.half_close()
                        with contextlib.suppress(ConnectionResetError):
                            if await peer.silent():
                                server.sim.cancel()  # It was early, and is never answered.
                            await peer.rest()
                    case "reset":
                        peer.reset()
        async with await server.connect() as peer:
            await peer.send(b"nonsense\r\n\r\n")
            await peer.rest()
        server.sim.cancel()
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200
        outcomes = {record.outcome for record in server.journal.where(Finished)}
        assert outcomes >= {"complete", "left", "rst", "fin"}
        assert len(server.journal.where(Asked)) == 31  # nonsense is no request


@pytest.mark.parametrize(
    ("behavior", "outcome", "status"),
    [
        (FAST, "complete", 200),
        (HttpError(418, "x"), "complete", 418),
        (FailMidStream(2, 5000.0), "rst", 200),
        (FailMidStream(0), "rst", None),
        (AbruptClose(10), "fin", 200),
    ],
)
@on_each_loop
async def test_outcomes(behavior: Fault, outcome: str, status: int | None) -> None:
    """How the answer ended, and whether a status line was sent."""
    async with running(behavior) as server, await server.connect() as peer:
        await server.chat(peer)
        await server.until(Finished)
        (end,) = server.journal.where(Finished)
        assert (end.outcome, end.status) == (outcome, status)


@on_each_loop
async def test_a_client_that_leaves() -> None:
    """`Left` says how and after how many tokens; `Finished` that it was the client."""
    async with running(SLOW) as server:
        for how in How:
            async with await server.connect() as peer:
                await server.chat(peer)
                await peer.until(b'"done":false}\n\r\n')
                if how is How.FIN:
                    peer.half_close()
                    data, end = await peer.rest()
                    assert data.endswith(b'context canceled"}\n\r\n0\r\n\r\n')
                    assert end is How.FIN
                else:
                    peer.reset()
            await server.until(Finished, exchange=1 if how is How.FIN else 2)
        lefts = server.journal.where(records.Left)
        assert [record.how for record in lefts] == [How.FIN, How.RST]
        assert all(record.tokens >= 1 for record in lefts)
        assert [r.outcome for r in server.journal.where(Finished)] == ["left", "left"]


@on_each_loop
async def test_a_request_is_asked_before_it_is_left() -> None:
    """Two in a row and a half-close: the second is asked when its client has left.

    It is never answered: who left before it was scheduled is passed over (6.7).
    """
    async with running(SLOW) as server, await server.connect() as peer:
        await peer.send(post("/api/chat", stream=False) + post("/api/chat", stream=False))
        await server.until(records.Admitted, exchange=1)
        peer.half_close()
        await server.until(records.Received, exchange=2)
        assert server.kinds(exchange=2)[0] == "Asked"
        await settle()
        assert server.journal.where(Finished, exchange=2) == []


@pytest.mark.parametrize("loaded", [False, True])
@on_each_loop
async def test_who_half_closes_at_once_is_never_answered(loaded: bool) -> None:
    """The request is over when its connection is (6.7); the next one is served."""
    async with running() as server:
        if loaded:
            await server.whole()
        async with await server.connect() as peer:
            await server.chat(peer)
            peer.half_close()
            assert await peer.silent()
            assert (await server.whole())[0] == 200
            assert server.sim.cancel() == 1


class Broken(Fault, frozen=True):
    """A fault with a bug."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Fail after the first byte."""
        yield Head(200)
        yield Body(b"began")
        raise ZeroDivisionError("a bug")


@on_each_loop
async def test_a_bug_of_ours_is_recorded() -> None:
    """As `Failed`; the client is reset, and the server goes on."""
    async with running(Broken()) as server:
        async with await server.connect() as peer:
            await server.chat(peer)
            data, how = await peer.rest()
            assert data.endswith(b"began\r\n")
            assert how is How.RST
        (failed,) = server.journal.where(records.Failed)
        assert (failed.error, failed.exchange) == ("ZeroDivisionError: a bug", 1)
        assert [record.outcome for record in server.journal.where(Finished)] == ["error"]
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200


# --- behaviours ---------------------------------------------------------------------------


@on_each_loop
async def test_a_request_keeps_its_behaviour() -> None:
    """The one in force when its head was read; the next has the new one."""
    async with (
        running(Normal(tokens_per_sec=500.0, num_tokens=20)) as server,
        await server.connect() as peer,
    ):
        await server.chat(peer)
        await peer.until(b'"done":false}\n\r\n')
        await server.sim.behave(HttpError(503, "down"))
        assert (await server.whole()) == (503, {"error": "down"})
        await peer.until(b'"done":true')


@on_each_loop
async def test_a_request_that_waits_behind_another_has_the_behaviour_of_its_turn() -> None:
    """Pipelined: it is read when its turn comes."""
    async with (
        running(Normal(tokens_per_sec=200.0, num_tokens=10)) as server,
        await server.connect() as peer,
    ):
        await peer.send(post("/api/chat", stream=False) + post("/api/chat", stream=False))
        await server.until(Asked)
        await server.sim.behave(HttpError(503, "down"))
        assert [(await peer.answer())[0], (await peer.answer())[0]] == [200, 503]


@on_each_loop
async def test_doors_follow_the_behaviour() -> None:
    """Each move is recorded once, in its order; staying where it is is not."""
    behaviors = [ConnectionRefused(), ConnectionRefused(), Frozen(), Hang(), FAST]
    async with running() as server:
        for behavior in behaviors:
            await server.sim.behave(behavior)
            assert server.sim.listener.door is behavior.door
            assert server.sim.accepting is (behavior.door is Door.OPEN)
            assert await refused(server.port) is (behavior.door is Door.SHUT)
            await settle()
        moved = [record.door for record in server.journal.where(DoorMoved)]
        assert moved == [Door.SHUT, Door.FROZEN, Door.OPEN]
        behaved = [record.behavior for record in server.journal.where(records.Behaved)]
        assert behaved[1:] == [type(behavior).__name__ for behavior in behaviors]


@pytest.mark.parametrize("last", [ConnectionRefused(), Frozen(), FAST])
@on_each_loop
async def test_of_several_behaviours_at_once_the_last_stands(last: Fault) -> None:
    """Door and answers agree, however the moves interleave."""
    several = [ConnectionRefused(), Frozen(), FAST, ConnectionRefused()]
    async with running() as server:
        for count in range(len(several) + 1):
            await asyncio.gather(*map(server.sim.behave, (*several[:count], last)))
            assert server.sim.behavior == last
            assert server.sim.listener.door is last.door
            assert await refused(server.port) is (last.door is Door.SHUT)
            await settle()
            await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200


@pytest.mark.parametrize("error", [PortTaken(98, "port 1 is taken"), Unsupported()])
@on_each_loop
async def test_a_behaviour_that_can_not_be_had(error: Exception) -> None:
    """Nothing changes, and the reason comes out."""
    async with running() as server:
        before = server.kinds()
        with pytest.MonkeyPatch.context() as patch:
            behavior: Fault = ConnectTimeout()
            patch.setattr(kernel, "CAN_BE_DEAF", False)
            if isinstance(error, PortTaken):
                behavior = ConnectionRefused()

                async def taken(door: Door) -> None:
                    raise error

                patch.setattr(server.sim.listener, "move", taken)
            with pytest.raises(type(error)):
                await server.sim.behave(behavior)
        assert server.sim.behavior == FAST
        assert server.kinds() == before
        assert (await server.whole())[0] == 200


# --- cancelling ---------------------------------------------------------------------------


@on_each_loop
async def test_cancel_resets_what_runs() -> None:
    """The one that generates and those that wait; idle connections stay; the slot is free."""
    async with running(SLOW) as server:
        async with await server.connect() as idle:
            await idle.ask("/api/version")
            await idle.answer()
            peers = [await server.connect() for _ in range(3)]
            for number, peer in enumerate(peers, 2):
                await server.chat(peer)
                await server.until(Asked, exchange=number)
            await peers[0].receive()
            assert server.sim.active == 3
            assert server.sim.cancel() == 3
            for peer in peers:
                assert (await peer.rest())[1] is How.RST
                peer.sock.close()
            await server.until(Finished, exchange=4)
            assert server.sim.active == 0
            assert server.sim.cancel() == 0
            outcomes = [record.outcome for record in server.journal.where(Finished)]
            assert outcomes == ["complete", *["cancelled"] * 3]
            await server.sim.behave(FAST)
            await idle.ask("/api/version")
            assert (await idle.answer())[0] == 200
        assert (await server.whole())[0] == 200


# --- memory -------------------------------------------------------------------------------


@on_each_loop
async def test_loaded_model_and_cache_are_shown() -> None:
    """Nothing at the start; after a chat its model, and the tokens of prompt and answer."""
    async with running() as server:
        assert (server.sim.loaded_model, server.sim.cached_tokens) == (None, [])
        await server.whole(options={"num_predict": 2})
        assert server.sim.loaded_model == "test-model:latest"
        assert server.sim.cached_tokens[:3] == ["<|user|>", "hi", "<|assistant|>"]
        assert len(server.sim.cached_tokens) == 5


@on_each_loop
async def test_loading_by_hand() -> None:
    """An installed model by any spelling, one that isn't installed as typed, and none."""
    async with running() as server:
        server.sim.load("TEST-model")
        assert server.sim.loaded_model == "test-model:latest"
        await server.whole()
        (loaded,) = server.journal.where(records.ModelLoaded)
        assert (loaded.exchange, loaded.seconds, loaded.slots) == (None, 0.0, 1)
        server.sim.load("nowhere:1b")
        assert (server.sim.loaded_model, server.sim.cached_tokens) == ("nowhere:1b", [])
        server.sim.load(None)
        assert server.sim.loaded_model is None
        server.sim.load(None)
        unloaded = [(r.model, r.why) for r in server.journal.where(records.ModelUnloaded)]
        assert unloaded == [("test-model:latest", "replaced"), ("nowhere:1b", "asked")]


@on_each_loop
async def test_reset_returns_to_the_start() -> None:
    """Models, memory, cache, behaviour and door."""
    async with running() as server:
        server.sim.store.replace([OTHER])
        server.sim.load("other:7b")
        assert server.sim.scheduler.pages.held == OTHER.size
        (runner,) = server.sim.memory.runners
        runner.cache.keep(0, Words(["a"]))
        await server.sim.behave(ConnectionRefused())
        await server.sim.reset()
        assert server.sim.scheduler.pages.held == 0
        assert server.sim.store.names == [TEST_MODEL.name]
        assert (server.sim.loaded_model, server.sim.cached_tokens) == (None, [])
        assert server.sim.behavior == Normal()
        assert server.sim.accepting
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200


@on_each_loop
async def test_a_machine_has_the_model_that_it_was_measured_with() -> None:
    """Beside the test model, unless it is told what is installed."""
    rtx = Settings(profile="rtx-5090-qwen3-32b")
    async with Fleet([0, 0], settings=[rtx, replace(rtx, installed_models=(OTHER,))]) as fleet:
        first, second = (fleet.server(port) for port in fleet.ports)
        assert sorted(first.store.names) == ["qwen3:32b", TEST_MODEL.name]
        assert second.store.names == [OTHER.name]
        await first.reset()
        assert sorted(first.store.names) == ["qwen3:32b", TEST_MODEL.name]


@on_each_loop
async def test_a_machine_has_the_models_that_have_profiles_of_their_own() -> None:
    """Under their names: a profile that stands in for that of another model brings none."""
    own = {
        "GPT-OSS:20b": "m2-ultra-gpt-oss-20b",
        "gpt-oss:120b": "m2-ultra-gpt-oss-120b",
        "qwen3:8b": "m2-ultra-llama3-8b",
        "any:1b": "seed",
    }
    mac = Settings(profile="m2-ultra-gpt-oss-120b", model_profiles=own)
    async with Fleet(settings=[mac, replace(mac, profile="seed")], ports=[0, 0]) as fleet:
        first, second = (fleet.server(port) for port in fleet.ports)
        assert first.store.names == [TEST_MODEL.name, "gpt-oss:120b", "gpt-oss:20b"]
        assert second.store.names == [TEST_MODEL.name, "gpt-oss:20b", "gpt-oss:120b"]


@on_each_loop
async def test_running_requests_go_on_over_a_reset() -> None:
    """They keep what they have."""
    async with (
        running(Normal(tokens_per_sec=300.0, num_tokens=15)) as server,
        await server.connect() as peer,
    ):
        await server.chat(peer)
        await peer.until(b'"done":false}\n\r\n')
        await server.sim.reset()
        assert (await peer.until(b"0\r\n\r\n")).count(b'"done":true') == 1
        assert server.journal.where(Finished)[0].tokens == 15


@pytest.mark.parametrize("meanwhile", ["reset", "load another", "unload"])
@on_each_loop
async def test_the_cache_belongs_to_the_loaded_model(meanwhile: str) -> None:
    """What was evaluated for a model that left memory meanwhile is nobody's (engine.memory, 1)."""
    async with running(SLOW) as server:
        server.sim.store.replace([TEST_MODEL, OTHER])
        async with await server.connect() as peer:
            await server.chat(peer)
            await peer.until(b'"done":false}\n\r\n')
            match meanwhile:
                case "reset":
                    await server.sim.reset()
                case "load another":
                    server.sim.load("other:7b")
                case "unload":
                    server.sim.load(None)
            assert server.journal.where(Finished) == []
            peer.half_close()
            await peer.rest()
        assert server.sim.cached_tokens == []


@on_each_loop
async def test_clocks_and_numbers_come_from_the_fleet() -> None:
    """A server of its own: it records by the clock given and counts by the numbers given."""
    journal, clock = Journal(), WallClock()
    numbers = iter([7, 8])
    server = SimServer(
        "s9",
        clock=clock,
        seed=1,
        journal=journal,
        number=lambda: next(numbers),
        settings=Settings(),
    )
    before = clock.now()
    server.see(records.Behaved, behavior="x")
    (record,) = journal.records
    assert record.server == "s9"
    assert before <= record.t <= clock.now()
    assert next(numbers) == 7


@on_each_loop
async def test_an_unpaced_stream_to_a_client_that_reads_late() -> None:
    """It stops where the kernel has no room, and goes on there: no line is lost, or said twice."""
    count = 30_000
    unpaced = Normal(tokens_per_sec=1e9, prompt_eval_tokens_per_sec=1e9)
    async with running(unpaced) as server, await server.connect() as peer:
        await server.chat(peer, options={"num_predict": count})
        made = -1
        while made != (made := server.sim.tokens) or not made:
            await settle()
        assert 0 < made < count
        answer = await peer.until(b"0\r\n\r\n")
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"{")]
    said = "".join(msgspec.json.decode(line)["message"]["content"] for line in lines)
    assert said == "".join(pieces(0, "test-model:latest", ["<|user|>", "hi"], count))
    (finished,) = server.journal.where(Finished)
    assert finished.tokens == count
