"""The journal over the control API: a part of it, and all of it as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.control import events
from ollama_simulator.control.pulse import Pulse
from ollama_simulator.fleet import Fleet
from ollama_simulator.journal import Filter, Journal
from tests.control.api import Api, controlled
from tests.net.loops import on_each_loop
from tests.net.peers import Peer

Event = tuple[int, str, Any]


def made(number: int, server: str = "s1") -> records.Record:
    """Some record."""
    return records.Behaved(t=float(number), server=server, behavior=str(number))


def read(text: str) -> list[Event]:
    """The events in a stream: id, name and data."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


@asynccontextmanager
async def streamed(api: Api, query: str = "", **headers: str) -> AsyncIterator[Any]:
    """A stream; calling it waits for so many events."""
    async with api.client.stream("GET", f"/journal/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines, text = answer.aiter_text(), ""

        async def take(count: int) -> list[Event]:
            nonlocal text
            while len(found := read(text)) < count:
                text += await anext(lines)
            return found

        assert (await anext(lines)).startswith("retry: ")
        yield take


# --- a part -------------------------------------------------------------------------------


@on_each_loop
async def test_pages() -> None:
    """Page by page it is what the journal has, and nothing twice."""
    async with controlled() as api:
        for name in ("s1", "s2", "s3"):
            await api.ask(name)
        _, whole = await api("GET", "/journal")
        assert len(whole["records"]) == whole["next"] == len(api.fleet.journal.records) > 10
        first = whole["records"][0]
        assert (first["kind"], first["server"], first["exchange"]) == ("Opened", "s1", None)
        assert list(first)[:4] == ["kind", "t", "server", "exchange"]
        found, since = [], 0
        while True:
            _, page = await api("GET", f"/journal?since={since}&limit=4")
            if not page["records"]:
                break
            found += page["records"]
            since = page["next"]
        assert (found, since) == (whole["records"], whole["next"])
        _, beyond = await api("GET", "/journal?since=1000000")
        assert beyond == {"records": [], "next": whole["next"], "dropped": 0}


@on_each_loop
async def test_filters() -> None:
    async with controlled() as api:
        for name in ("s1", "s2", "s1"):
            await api.ask(name)
        for query, expected in [
            ("kind=Asked", [("Asked", "s1", 1), ("Asked", "s2", 2), ("Asked", "s1", 3)]),
            ("kind=Asked&server=s2", [("Asked", "s2", 2)]),
            (
                "kind=Asked,Finished&exchange=1,2&server=s1",
                [("Asked", "s1", 1), ("Finished", "s1", 1)],
            ),
            ("server=s3", []),
            ("kind=Asked&limit=1", [("Asked", "s1", 1)]),
        ]:
            _, page = await api("GET", f"/journal?{query}")
            told = [(each["kind"], each["server"], each["exchange"]) for each in page["records"]]
            assert told == expected


@on_each_loop
async def test_a_server_that_was_never_there() -> None:
    """It is refused, unlike one that has left."""
    async with controlled() as api:
        added = (await api("POST", "/servers"))[1]["name"]
        await api("DELETE", f"/servers/{added}")
        status, page = await api("GET", f"/journal?server={added}&kind=ServerRemoved")
        assert (status, len(page["records"])) == (200, 1)
        for path in ("/journal?server=s1,s77", "/journal/stream?server=s77"):
            told = await api.problem(400, "BadQuery", "GET", path)
            words = "there is no server 's77'; there are s1, s2, s3, s4"
            assert told["errors"] == [{"detail": words, "parameter": "server"}]


@on_each_loop
async def test_by_nonce() -> None:
    """All that happened to the requests that carried it, wherever."""
    async with controlled() as api:
        for name, word in (
            ("s1", "nonce-aaaaaaaa"),
            ("s2", "nonce-bbbbbbbb"),
            ("s3", "nonce-aaaaaaaa"),
        ):
            port = api.fleet.named(name).listener.port
            body = {
                "model": "test-model",
                "prompt": word,
                "stream": False,
                "options": {"num_predict": 1},
            }
            await api.client.post(f"http://127.0.0.1:{port}/api/generate", json=body)
        _, page = await api("GET", "/journal?nonce=nonce-aaaaaaaa&kind=Asked")
        assert [each["server"] for each in page["records"]] == ["s1", "s3"]
        _, page = await api("GET", "/journal?nonce=nonce-aaaaaaaa&exchange=3&kind=Asked,Finished")
        assert [each["kind"] for each in page["records"]] == ["Asked", "Finished"]
        assert (await api("GET", "/journal?nonce=nonce-cccccccc"))[1]["records"] == []


@on_each_loop
async def test_what_was_dropped() -> None:
    """It is told, and indices stay what they were."""
    async with controlled(Fleet([0], records=4)) as api:
        journal = api.fleet.journal
        for number in range(11):
            journal.add(made(number))
        _, page = await api("GET", "/journal?since=2")
        assert page["dropped"] == journal.dropped > 4
        assert [each["behavior"] for each in page["records"]] == [
            str(number) for number in range(journal.dropped, 11)
        ]
        assert page["next"] == 11
        _, page = await api("GET", "/journal?since=10")
        assert [each["behavior"] for each in page["records"]] == ["10"]


# --- as it comes --------------------------------------------------------------------------


@on_each_loop
async def test_a_stream_tells_what_happens() -> None:
    """From now on, in order, with the index and the very record that the page has."""
    async with controlled() as api:
        await api.ask("s1")
        before = api.fleet.journal.total
        async with streamed(api) as take:
            await api.ask("s2")
            await api.ask("s2")
            count = api.fleet.journal.total - before
            found = await take(count)
        _, page = await api("GET", f"/journal?since={before}&limit={count}")
        assert [data for _, _, data in found] == page["records"]
        assert [number for number, _, _ in found] == list(range(before, before + count))
        assert all(data["kind"] == name for _, name, data in found)


@on_each_loop
async def test_a_stream_from_a_place_with_filters() -> None:
    async with controlled() as api:
        for name in ("s1", "s2", "s3"):
            await api.ask(name)
        async with streamed(api, "?since=0&kind=Asked&server=s1,s3") as take:
            assert [data["server"] for _, _, data in await take(2)] == ["s1", "s3"]
            await api.ask("s2")
            await api.ask("s1")
            found = await take(3)
            assert (found[2][1], found[2][2]["server"]) == ("Asked", "s1")


@on_each_loop
async def test_a_stream_goes_on_where_it_ended() -> None:
    """`Last-Event-ID` wins over `since`; one of another run means the beginning."""
    async with controlled() as api:
        for number in range(5):
            api.fleet.journal.add(made(number))
        for last, expected in [
            ("2", [3, 4]),
            ("4", []),
            ("99", [0, 1, 2, 3, 4]),
            ("9" * 18, [0, 1, 2, 3, 4]),
            ("9" * 5000, [1, 2, 3, 4]),
            ("x", [1, 2, 3, 4]),
        ]:
            async with streamed(api, "?since=1", **{"Last-Event-ID": last}) as take:
                api.fleet.journal.add(made(9))
                found = await take(len(expected) + 1)
                assert [number for number, _, _ in found][: len(expected)] == expected
            del api.fleet.journal.records[5:]


@on_each_loop
async def test_a_slow_reader_is_told_what_it_missed() -> None:
    """It reads nothing while more happens than is kept; nothing is held for it meanwhile."""
    async with controlled(Fleet([0], records=100)) as api:
        journal = api.fleet.journal
        async with await Peer.connect(api.port, rcvbuf=4096) as peer:
            await peer.ask("/journal/stream?since=0")
            await peer.until(b"retry: 1000\n\n")
            sent = 0
            # Until nothing goes out any more, and then some.
            while journal.dropped < 20_000:
                for _ in range(100):
                    journal.add(made(sent))
                    sent += 1
                await asyncio.sleep(0)
            journal.add(made(-1))
            text = await peer.until(b'"behavior":"-1"}')
        found = read(text.decode("utf-8", "ignore"))
        gaps = [(number, data) for number, name, data in found if name == "Dropped"]
        assert gaps
        for number, data in gaps:
            assert data["next"] == number + 1
        missed = sum(data["missed"] for _, data in gaps)
        told = [number for number, name, _ in found if name == "Behaved"]
        assert missed + len(told) == sent + 1
        assert told == sorted(set(told))


@on_each_loop
async def test_a_stream_of_what_is_gone_begins_with_that() -> None:
    async with controlled(Fleet([0], records=4)) as api:
        for number in range(11):
            api.fleet.journal.add(made(number))
        dropped = api.fleet.journal.dropped
        async with streamed(api, "?since=2") as take:
            (number, name, data), (following, _, _) = (await take(2))[:2]
        assert (number, name, following) == (dropped - 1, "Dropped", dropped)
        assert data == {"kind": "Dropped", "missed": dropped - 2, "next": dropped}


@on_each_loop
async def test_heartbeats() -> None:
    """Comments while nothing comes, and again after what came."""
    journal = Journal()
    told = events.events(Pulse(journal), Filter(kinds=frozenset({"Behaved"})), 0, 0.01)
    assert (await anext(told)).startswith(b"retry")
    assert [await anext(told) for _ in range(3)] == [b":\n\n"] * 3
    journal.add(made(1))
    assert b"Behaved" in await anext(told)
    assert await anext(told) == b":\n\n"
    await told.aclose()  # type: ignore[attr-defined]


@on_each_loop
async def test_streams_end_with_the_fleet(caplog: pytest.LogCaptureFixture) -> None:
    """With the last chunk, soon and without a complaint, those included that nobody reads."""
    async with controlled() as api:
        journal = api.fleet.journal
        long = "x" * 10_000  # more in all than the kernel holds for somebody who doesn't read
        for number in range(2_000):
            journal.add(records.Behaved(t=float(number), server="s1", behavior=long))
        reader = await Peer.connect(api.port)
        stalled = await Peer.connect(api.port, rcvbuf=4096)
        await reader.ask("/journal/stream")
        await reader.until(b"retry: 1000\n\n")
        await stalled.ask("/journal/stream?since=0")
        await stalled.until(b"retry: 1000\n\n")
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    assert [record.getMessage() for record in caplog.records] == []
    text, how = await reader.rest()
    assert text.endswith(b"0\r\n\r\n")
    assert how.value == "fin"
    async with reader, stalled:
        pass


@on_each_loop
async def test_a_client_that_leaves_is_forgotten() -> None:
    """Nobody listens to the journal any more, and nothing is told on standard error."""
    async with controlled() as api:
        peers = [await Peer.connect(api.port) for _ in range(3)]
        for peer in peers:
            await peer.ask("/journal/stream?kind=Left")
            await peer.until(b"retry: 1000\n\n")
        await _until(lambda: bool(api.fleet.journal.heard))
        peers[0].half_close()
        peers[1].reset()
        async with peers[0], peers[1], peers[2]:
            pass
        await _until(lambda: not api.fleet.journal.heard)


async def _until(happened: Any) -> None:
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it didn't happen")


# --- what waiting costs -------------------------------------------------------------------


@on_each_loop
async def test_who_waits_for_other_records_is_not_woken() -> None:
    """However much happens; and one look serves all that want the same."""
    journal = Journal()
    pulse, looks = Pulse(journal), 0
    page = journal.page

    def counted(since: int, limit: int, wanted: Filter) -> Any:
        nonlocal looks
        looks += 1
        return page(since, limit, wanted)

    journal.page = counted  # type: ignore[method-assign]
    wanted = Filter(servers=frozenset({"s9"}))
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(pulse.more(wanted, 10)) for _ in range(1000)]
        await asyncio.sleep(0)
        for number in range(1000):
            journal.add(made(number))
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
        assert looks < 20
        journal.add(made(0, "s9"))
    assert all(each.result() for each in waiting)
    assert not journal.heard


@on_each_loop
async def test_records_of_one_burst_are_one_look() -> None:
    journal = Journal()
    pulse = Pulse(journal)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(pulse.more(Filter(), 10))
        await asyncio.sleep(0)
        for number in range(100):
            journal.add(made(number))
    assert waiting.result()
    assert not await pulse.more(Filter(), 0.01)
    pulse.close()
    assert not await pulse.more(Filter(), 10)
