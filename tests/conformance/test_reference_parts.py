"""The parts of the reference balancer that stand by themselves."""

from __future__ import annotations

import pytest

from ollama_simulator.acts import Body, End, Head, How, Idle
from ollama_simulator.conformance.reference import rest
from ollama_simulator.conformance.reference.pool import Kept, Pool
from ollama_simulator.net.client import Broken, ResponseHead
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, TEXT, Service, say, serving, settle, until


async def _asked(kept: Kept, target: str) -> bytes:
    async with kept:
        await kept.ask("GET", target)
        await kept.head(5.0)
        return b"".join([data async for data in kept.body(5.0)])


async def _connections(service: Service) -> int:
    await settle()
    return len(service.said("connected"))


@on_each_loop
async def test_a_connection_is_used_again() -> None:
    """For one request after the other, each with its own answer."""
    pool = Pool()
    async with serving() as service:
        for target in ("/a", "/b", "/c"):
            kept = await pool.connect(HOST, service.port, 5.0)
            assert await _asked(kept, target) == f"GET {target} ".encode()
        assert await _connections(service) == 1
        assert kept.turn == 2
        kept.close()


@on_each_loop
async def test_two_at_once_are_two_connections() -> None:
    """Nobody shares one."""
    pool = Pool()
    async with serving() as service:
        first = await pool.connect(HOST, service.port, 5.0)
        second = await pool.connect(HOST, service.port, 5.0)
        assert await _asked(first, "/a") == b"GET /a "
        assert await _asked(second, "/b") == b"GET /b "
        assert await _connections(service) == 2
        first.close()
        second.close()


@pytest.mark.parametrize("how", How)
@on_each_loop
async def test_a_closed_connection_is_not_used_again(how: How) -> None:
    """The end is seen while nobody uses it."""
    pool = Pool()
    acts = (Head(200, TEXT), Body(b"ok", flush=False), End(Idle(how, 0.0)))
    async with serving(lambda _: say(*acts)) as service:
        first = await pool.connect(HOST, service.port, 5.0)
        assert await _asked(first, "/a") == b"ok"
        await until(lambda: not first.open)
        second = await pool.connect(HOST, service.port, 5.0)
        assert second is not first
        assert await _asked(second, "/b") == b"ok"
        await until(lambda: not second.open)


@on_each_loop
async def test_who_uses_a_closed_connection_learns_it_at_once() -> None:
    """A request on it fails, and is never answered by what is left of the one before."""
    pool = Pool()
    acts = (Head(200, TEXT), Body(b"ok", flush=False), End(Idle(How.FIN, 0.0)))
    async with serving(lambda _: say(*acts)) as service:
        kept = await pool.connect(HOST, service.port, 5.0)
        assert await _asked(kept, "/a") == b"ok"
        await until(lambda: not kept.open)
        kept.next_turn()
        with pytest.raises(Broken, match="closed while it was idle"):
            await _asked(kept, "/b")


@on_each_loop
async def test_a_connection_that_the_answer_ends_is_not_kept() -> None:
    """`Connection: close` is heard."""
    pool = Pool()
    acts = (Head(200, (*TEXT, ("Connection", "close"))), Body(b"ok", flush=False), End())
    async with serving(lambda _: say(*acts)) as service:
        first = await pool.connect(HOST, service.port, 5.0)
        assert await _asked(first, "/a") == b"ok"
        assert not first.open


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "2")], 2.0),
        ([("Retry-After", "0")], 0.0),
        ([("Retry-After", "Thu, 01 Jan 2026 00:00:10 GMT")], 10.0),
        ([("Retry-After", "Wed, 31 Dec 2025 00:00:00 GMT")], 0.0),
        ([("retry-after-ms", "1500")], 1.5),
        ([("Retry-After", "9"), ("Retry-After-Ms", "100")], 0.1),
        ([("Retry-After", "soon")], 0.0),
        ([], 0.0),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(
    headers: list[tuple[str, str]], seconds: float
) -> None:
    """In seconds, as a date, in milliseconds; what can't be read asks for nothing."""
    head = ResponseHead(429, tuple(headers))
    assert rest.seconds(head, 1_767_225_600.0) == seconds
