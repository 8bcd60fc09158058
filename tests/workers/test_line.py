"""Messages over a connection, and who may connect."""

from __future__ import annotations

import asyncio

import pytest

from ollama_simulator import records
from ollama_simulator.journal import Journal
from ollama_simulator.ports import HOST
from ollama_simulator.workers.door import FIRST_MOST, Door
from ollama_simulator.workers.line import Hungup, Line
from ollama_simulator.workers.messages import (
    Batch,
    Counters,
    End,
    Fetch,
    FromWorker,
    Hello,
    ToWorker,
    Wish,
)
from ollama_simulator.workers.outbox import Outbox
from tests.net.loops import on_each_loop


def told(t: float) -> records.Record:
    """Some record."""
    return records.Behaved(t=t, server="s1", behavior="Hang")


async def connected(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Somebody who knows where to knock."""
    with door.expecting() as (words, _):
        port = int(words.split()[0])
    return await asyncio.open_connection(HOST, port)


@on_each_loop
async def test_messages_arrive_as_they_were() -> None:
    async with Door() as door:
        with door.expecting() as (words, coming):
            port, key = words.decode().split()
            other = Line(*await asyncio.open_connection(HOST, int(port)), ToWorker)
            other.tell(Hello(key))
            line = await coming
            assert line is not None
            wish = Wish(1, "GET", "/x", b"/x", b"", ((b"a", b"b"),), b"\xff", Counters(1, 2))
            for message in (wish, Fetch(True, 7), End()):
                line.tell(message)
                assert await other.receive() == message
            batch = Batch(7, 1.5, 0, [told(float(number)) for number in range(50_000)])
            other.tell(batch)
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(other.drain())
                assert await line.receive() == batch
                await sending
            await other.close()
            with pytest.raises(Hungup):
                await line.receive()
            await line.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        (FIRST_MOST + 1).to_bytes(4, "big"),
        b"\0\0\0\1\xc1",
        b"\0\0\0\x08\x92\xa5Hello\x01",
        b"\0\0\0\x0b\x92\xa5Hello\xa3key",
        b"",
    ],
)
def test_nobody_comes_in_without_a_key(sent: bytes) -> None:
    """Who says anything else is hung up on, and the one who is expected still comes."""

    async def main() -> None:
        async with Door() as door:
            with door.expecting() as (words, coming):
                port, key = words.decode().split()
                reader, writer = await asyncio.open_connection(HOST, int(port))
                writer.write(sent)
                if not sent:
                    writer.write_eof()
                async with asyncio.timeout(10):
                    assert await reader.read() == b""
                writer.close()
                assert not coming.done()
                right = Line(*await asyncio.open_connection(HOST, int(port)), ToWorker)
                right.tell(Hello(key))
                async with asyncio.timeout(10):
                    line = await coming
                assert line is not None
                twice = Line(*await asyncio.open_connection(HOST, int(port)), ToWorker)
                twice.tell(Hello(key))
                with pytest.raises(Hungup):
                    await twice.receive()
                for each in (right, line, twice):
                    await each.close()

    asyncio.run(main())


def test_a_key_is_good_for_one_start() -> None:
    async def main() -> None:
        async with Door() as door:
            with door.expecting() as (words, _):
                port, key = words.decode().split()
            with door.expecting() as (other, coming):
                assert other.split()[1].decode() != key
                late = Line(*await asyncio.open_connection(HOST, int(port)), ToWorker)
                late.tell(Hello(key))
                with pytest.raises(Hungup):
                    await late.receive()
                assert not coming.done()
                await late.close()

    asyncio.run(main())


def test_what_is_fetched() -> None:
    """Each record once; one word when there is something; the oldest are lost if nobody comes."""
    words: list[str] = []
    outbox = Outbox(4, lambda: words.append("stirred"))
    assert outbox.take() == (0, [])
    for number in range(3):
        outbox.add(told(float(number)))
    assert words == ["stirred"]
    assert [record.t for record in outbox.take()[1]] == [0, 1, 2]
    assert outbox.take() == (0, [])
    for number in range(20):
        outbox.add(told(float(number)))
    assert words == ["stirred"] * 2
    lost, found = outbox.take()
    assert lost > 0
    assert lost + len(found) == 20
    assert found[-1].t == 19
    assert len(found) <= 4 + Journal(4)._limit // 4  # type: ignore[operator]


def test_what_comes_and_goes_is_told_apart() -> None:
    """No message to a worker is one from a worker."""
    ours = {kind.__name__ for kind in ToWorker.__args__}
    assert ours.isdisjoint(kind.__name__ for kind in FromWorker.__args__)
