"""Requests that only look: answered where their bytes come in, and not told from others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest

from ollama_simulator import records
from ollama_simulator.acts import How
from ollama_simulator.clock import WallClock
from ollama_simulator.faults.fail_health import FailHealth
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet
from ollama_simulator.limits import Limits
from ollama_simulator.model import Model
from ollama_simulator.net.sink import PIECE
from ollama_simulator.records import Asked, Finished
from ollama_simulator.rules import MOST_KEPT
from ollama_simulator.server import SimServer
from ollama_simulator.settings import PROFILES, Profile, Settings
from ollama_simulator.wire.routes import ROUTES
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, settle

LOOKS = [(route.method, route.path) for route in ROUTES if route.codec.looks]
MANY = tuple(Model(f"other:{number}", 1, "d", "f", "1B", "F16") for number in range(300))


class Looking:
    """A server, one client, and how it was answered."""

    def __init__(self, fleet: Fleet, peer: Peer) -> None:
        self.fleet = fleet
        self.peer = peer
        self.server: SimServer = fleet.server(fleet.ports[0])
        self.ordinary = 0
        """Requests that were answered in the ordinary way."""
        answer = self.server.answer

        def counted(request: Any) -> Any:
            self.ordinary += 1
            return answer(request)

        self.server.answer = counted  # type: ignore[method-assign]

    async def ask(self, head: bytes, *, pieces: int = 1) -> bytes:
        """Send a head in so many pieces. Returns the answer without its date."""
        size = -(-len(head) // pieces)
        for start in range(0, len(head), size):
            await self.peer.send(head[start : start + size])
            await settle()
        answer = await self.peer.until(b"\r\n\r\n")
        found = re.search(rb"Content-Length: (\d+)", answer)
        if found and not head.startswith(b"HEAD"):
            answer += await self.peer.read(int(found[1]))
        return re.sub(rb"Date: [^\r]*", b"Date: -", answer)

    def told(self, since: int) -> list[dict[str, Any]]:
        """The records from there on, without times and numbers."""
        found = msgspec.to_builtins(self.fleet.journal.records[since:])
        return [
            {
                name: value
                for name, value in record.items()
                if name not in ("t", "exchange", "ordinal")
            }
            for record in found
        ]

    @contextmanager
    def at_once(self, expected: int) -> Iterator[None]:
        """Of the requests in here, all but so many are answered in the ordinary way."""
        asked = len(self.fleet.journal.where(Asked))
        ordinary = self.ordinary
        yield
        asked = len(self.fleet.journal.where(Asked)) - asked
        assert asked - (self.ordinary - ordinary) == expected


@asynccontextmanager
async def looking(settings: Settings | None = None) -> AsyncIterator[Looking]:
    """A server that nobody bends, and a client."""
    async with Fleet(settings=settings, clock=WallClock()) as fleet:
        async with await Peer.connect(fleet.ports[0]) as peer:
            await settle()
            yield Looking(fleet, peer)
        await settle()
    asked = [record.exchange for record in fleet.journal.where(Asked)]
    assert asked == [record.exchange for record in fleet.journal.where(Finished)]
    assert fleet.journal.where(records.Failed) == []


def head(method: str = "GET", path: str = "/api/tags", more: str = "") -> bytes:
    """The bytes of a request."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n{more}\r\n".encode()


@pytest.mark.parametrize("wire", PROFILES)
@on_each_loop
async def test_the_same_is_said_and_recorded(wire: Profile) -> None:
    """As of a request that is answered in the ordinary way, because it comes in pieces."""
    assert {path for _, path in LOOKS} == {"/", "/api/version", "/api/tags", "/v1/models"}
    heads = [head(method, path) for method, path in LOOKS]
    heads += [head(more="Origin: http://localhost\r\n"), head(path="/v1/models?a=b")]
    heads.append(b"GET /api/version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    async with looking(Settings(wire=wire, keep_bodies=10)) as here:
        for each in heads:
            since = here.fleet.journal.total
            with here.at_once(0):
                in_pieces = await here.ask(each, pieces=2)
            told = here.told(since)
            assert await here.ask(each) == in_pieces
            since = here.fleet.journal.total
            with here.at_once(1):
                assert await here.ask(each) == in_pieces
            assert here.told(since) == told


@on_each_loop
async def test_what_was_found_last_is_not_what_is_there() -> None:
    """A model that comes or goes is seen at once; so is another second."""
    async with looking() as here:
        await here.ask(head())
        with here.at_once(2):
            assert b"test-model" in await here.ask(head())
            here.fleet.install(None, MANY[:1])
            assert b"other:0" in await here.ask(head())
        store = here.server.store
        store.install(MANY[1])
        assert b"other:1" in await here.ask(head())
        store.remove("other:1")
        assert b"other:1" not in await here.ask(head())


def test_the_date_goes_on() -> None:
    """An answer that is kept has the date of its moment."""

    class Hands(WallClock):
        """Time of day as it is set."""

        second = 0

        def wall_ns(self) -> int:
            return 1_767_225_600_000_000_000 + self.second * 10**9

    async def main() -> None:
        clock = Hands()
        async with Fleet(clock=clock) as fleet, await Peer.connect(fleet.ports[0]) as peer:
            for clock.second in (0, 0, 0, 1, 1, 62, 61):
                await peer.send(head(path="/api/version"))
                answer = await peer.until(b"}")
                minute, second = divmod(clock.second, 60)
                assert f" 00:0{minute}:0{second} GMT".encode() in answer

    asyncio.run(main())


@pytest.mark.parametrize("behavior", [HttpError(status_code=500, message="no"), FailHealth()])
@on_each_loop
async def test_a_fault_is_never_passed_by(behavior: Fault) -> None:
    """Whether a server behaves so, or has a rule, of which the request is none's business."""
    async with looking() as here:
        await here.ask(head())
        for _ in range(2):
            with here.at_once(1):
                await here.ask(head())
            await here.fleet.behave(None, behavior)
            with here.at_once(0):
                assert b" 50" in (await here.ask(head())).partition(b"\r\n")[0]
            await here.fleet.behave(None, Normal())
            number = await here.fleet.inject("all", Rule(fault=behavior, path="/api/t*"))
            await here.ask(head(path="/api/version"))
            with here.at_once(1):
                assert b" 50" in (await here.ask(head())).partition(b"\r\n")[0]
                assert b" 200 " in await here.ask(head(path="/api/version"))
            await here.fleet.heal("all", number)
        await here.fleet.behave(None, Slow(tokens_per_sec=1.0, num_tokens=5))
        with here.at_once(1):
            await here.ask(head())


@on_each_loop
async def test_rules_strike_the_same_requests_either_way() -> None:
    """Rules that let a request pass count it, and chance depends on its number alone."""
    rules = (
        Rule(fault=HttpError(status_code=501, message="no"), every=5, skip=2, path="/api/t*"),
        Rule(fault=HttpError(status_code=502, message="no"), probability=0.3, limit=4),
        Rule(fault=HttpError(status_code=503, message="no"), probability=0.2, method="GET"),
        Rule(fault=HttpError(status_code=504, message="no"), until=1e-9),
        Rule(fault=HttpError(status_code=505, message="no"), header={"x-a": "c"}),
    )
    found: list[tuple[list[bytes], list[tuple[int, int]]]] = []
    for pieces in (1, 2):
        async with looking() as here:
            for path in ("/api/tags", "/api/version"):
                await here.ask(head(path=path))
            for rule in rules:
                await here.fleet.inject("all", rule)
            here.ordinary = 0
            statuses = []
            for number in range(30):
                path = "/api/version" if number % 3 else "/api/tags"
                statuses.append((await here.ask(head(path=path), pieces=pieces)).split()[1])
            assert here.ordinary == 30 - (statuses.count(b"200") if pieces == 1 else 0)
            counts = [(each.counts.matched, each.counts.chosen) for each in here.server.rules]
            found.append((statuses, counts))
    assert found[0] == found[1]
    statuses, counts = found[0]
    assert {b"200", b"501", b"502", b"503"} == {*statuses}
    assert [chosen for _, chosen in counts] == [
        *(statuses.count(b"%d" % status) for status in (501, 502, 503, 504, 505)),
    ]


@on_each_loop
async def test_one_that_is_struck_holds_no_other_up() -> None:
    """What comes in the same moment has its own number, and its own chance."""
    async with looking() as here, await Peer.connect(here.fleet.ports[0]) as other:
        await here.ask(head())
        rule = Rule(fault=HttpError(status_code=500, message="no"), limit=1)
        await here.fleet.inject("all", rule)
        with here.at_once(1):
            for peer in (here.peer, other):
                await peer.send(head())
            assert [(await peer.answer())[0] for peer in (here.peer, other)] == [500, 200]
        assert sorted(each.ordinal for each in here.fleet.journal.where(Asked)) == [1, 2, 3]


@on_each_loop
async def test_rules_that_come_and_go_are_asked_on_a_connection_that_stays() -> None:
    """What is kept of a head is kept of these rules alone, and of few heads."""
    fault = HttpError(status_code=503, message="no")
    async with looking() as here:

        async def status(path: str = "/api/tags") -> bytes:
            await here.ask(head(path=path))
            return (await here.ask(head(path=path))).split()[1]

        await here.fleet.inject("all", Rule(fault=fault, path="/nope"))
        assert await status() == b"200"
        number = await here.fleet.inject("all", Rule(fault=fault, path="/api/tags"))
        assert await status() == b"503"
        assert await status("/api/version") == b"200"
        await here.fleet.heal("all", number)
        assert await status() == b"200"
        for number in range(3 * MOST_KEPT):
            assert await status(f"/api/version?{number}") == b"200"
        assert len(here.server._rules._fitting) <= MOST_KEPT + 1


@pytest.mark.parametrize("outer", [True, False])
@on_each_loop
async def test_a_rule_that_is_not_in_force_strikes_nobody(outer: bool) -> None:
    """By itself or inside another one; nor does it count those that fit."""
    late = Rule(fault=HttpError(status_code=501, message="no"), since=1000.0)
    over = Rule(fault=HttpError(status_code=502, message="no"), until=1e-9)
    async with looking() as here:
        if outer:
            await here.fleet.inject("all", Rule(fault=Slow(tokens_per_sec=100.0, num_tokens=1)))
        for rule in (late, over):
            await here.fleet.inject("all", rule)
        for _ in range(3):
            assert b" 200 " in await here.ask(head())
        matched = [each.counts.matched for each in here.server.rules]
        assert matched == [3] * outer + [0, 0]


@on_each_loop
async def test_nothing_is_kept_of_one_that_was_struck_and_never_answered() -> None:
    """As when its connection is reset before its task is woken."""
    async with looking() as here:
        await here.ask(head())
        await here.fleet.inject("all", Rule(fault=HttpError(status_code=500, message="no")))
        server = here.server
        number = here.fleet.journal.where(records.Opened)[-1].connection
        asked = next(each for each in server.listener._connections if each.number == number)
        asked.data_received(head())
        assert list(server._decided) == [number]
        asked.retire()
        asked.abort()
        assert await here.fleet.journal.wait_for(records.Closed, 5)
        assert server._decided == {}


@on_each_loop
async def test_what_a_rule_has_to_read() -> None:
    """Whoever wants to know more than a head is asked in the ordinary way."""
    async with looking() as here:
        fault = HttpError(status_code=500, message="no")
        for rule in (Rule(fault=fault, model="llama*"), Rule(fault=fault, contains="why")):
            number = await here.fleet.inject("all", rule)
            await here.ask(head())
            with here.at_once(0):
                assert b" 200 " in await here.ask(head())
            assert [each.counts.matched for each in here.server.rules] == [0]
            await here.fleet.heal("all", number)
            with here.at_once(1):
                await here.ask(head())


@on_each_loop
async def test_what_is_not_answered_at_once() -> None:
    """What asks for more, or ends its connection behind the answer."""
    barred = head(more="X-Simulator-Fault: HttpError\r\n")
    async with looking(Settings(fault_header=True)) as here:
        with here.at_once(0):
            for each in (barred, barred, head(path="/api/ps"), head(path="/api/ps")):
                await here.ask(each)
            await here.ask(head(path="/none"))
            await here.ask(head(path="/none"))
        await here.ask(head())
        here.fleet.install(None, MANY)
        with here.at_once(0):
            # So much is not written in one go.
            await here.peer.send(head())
            await here.peer.until(b"0\r\n\r\n")
            await here.peer.send(head(more="Connection: close\r\n"))
            await here.peer.rest()


@on_each_loop
async def test_what_comes_behind_is_answered_in_order() -> None:
    """Several at once, halves, and one while another is answered."""
    async with looking() as here:
        for _ in range(2):
            await here.peer.send(head() + head(path="/api/version") + head()[:20])
            answers = await here.peer.until(b'{"version":"0.33.0-rc2"}')
            assert answers.count(b"HTTP/1.1 200 OK") == 2
            await here.peer.send(head()[20:])
            assert b"test-model" in await here.peer.until(b"]}]}")
        chat = b'{"model": "test-model", "prompt": "hi", "stream": false}'
        asks = b"POST /api/generate HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: %d\r\n\r\n%b"
        await here.peer.send(asks % (len(chat), chat))
        await settle()
        with here.at_once(0):
            await here.peer.send(head())
            await settle()
            answers = await here.peer.until(b"]}]}")
        assert answers.index(b"eval_count") < answers.index(b"capabilities")


@on_each_loop
async def test_a_client_that_does_not_read() -> None:
    """Its requests are over when the kernel has the answers, or when it has left."""
    long = tuple(Model(f"{number:0100}:x", 1, "d", "f", "1B", "F16") for number in range(90))
    asks = head(path="/v1/models")
    async with looking() as here:
        here.fleet.install(None, long)
        journal = here.fleet.journal

        async def blocked() -> int | None:
            """Ask until the kernel has no room for the answer. Returns that request's number."""
            while len(journal.where(Asked)) == len(journal.where(Finished)):
                await here.peer.send(asks)
                await settle()
            return journal.where(Asked)[-1].exchange

        await here.peer.send(asks)
        assert 15_000 < len(await here.peer.until(b"0\r\n\r\n")) < PIECE
        with here.at_once(1):
            await here.peer.send(asks)
            await here.peer.until(b"0\r\n\r\n")
        waiting = await blocked()
        await here.peer.send(asks)
        await settle()
        assert not journal.where(Finished, exchange=waiting)
        while not journal.where(Finished, exchange=waiting):
            await here.peer.receive()
        assert journal.where(Finished, exchange=waiting, outcome="complete")
        waiting = await blocked()
        here.peer.reset()
        assert await journal.wait_for(Finished, 5, exchange=waiting, outcome="left")


@pytest.mark.parametrize("pieces", [1, 2], ids=["at once", "in the ordinary way"])
@pytest.mark.parametrize("end", ["reset", "half_close", "cancel"])
@on_each_loop
async def test_an_answer_that_the_kernel_does_not_take(end: str, pieces: int) -> None:
    """It is a request in progress, which can be cancelled; and its client is seen leaving."""
    long = tuple(Model(f"{number:0100}:x", 1, "d", "f", "1B", "F16") for number in range(90))
    asks = head(path="/v1/models")
    async with looking() as here:
        here.fleet.install(None, long)
        journal = here.fleet.journal
        await here.ask(asks)
        with here.at_once(0 if pieces == 2 else 1):
            await here.ask(asks, pieces=pieces)
        assert here.server.active == 0
        while not here.server.active:
            for piece in (asks,) if pieces == 1 else (asks[:9], asks[9:]):
                await here.peer.send(piece)
                await settle()
        assert here.server.active == 1
        assert len(here.server.held) == 2 - pieces
        since = journal.total
        if end == "cancel":
            assert here.server.cancel() == 1
        else:
            getattr(here.peer, end)()
            assert await journal.wait_for(records.Left, 5)
            await here.fleet.reset()
        assert await journal.wait_for(records.Closed, 5)
        assert here.server.active == 0
        told = [
            (
                type(record).__name__,
                getattr(record, "how", None) or getattr(record, "outcome", None),
            )
            for record in journal.records[since:]
            if not isinstance(record, records.Behaved)
        ]
        assert (
            told
            == {
                "reset": [("Left", How.RST), ("Finished", "left"), ("Closed", How.RST)],
                "half_close": [("Left", How.FIN), ("Finished", "cancelled"), ("Closed", How.RST)],
                "cancel": [("Finished", "cancelled"), ("Closed", How.RST)],
            }[end]
        )
        left = journal.where(records.Left)
        assert [record.tokens for record in left] == [1] * len(left)


@on_each_loop
async def test_limits_hold_behind_what_was_answered_at_once() -> None:
    """Also where that was the first request of a connection."""
    large = head(more=f"X-Long: {'x' * 400}\r\n")
    async with looking(Settings(limits=Limits(head_bytes=400))) as here:
        await here.ask(head())
        with here.at_once(1):
            async with await Peer.connect(here.fleet.ports[0]) as other:
                await settle()
                await other.send(head())
                await other.until(b"]}]}")
                await other.send(large)
                assert (await other.until(b"\r\n")).split()[1] == b"431"
