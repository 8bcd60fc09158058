"""Recorded answers, given again: which, when, and what is done about those that are missing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import How
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet
from ollama_simulator.recording.entries import Content, Exchange, Head, Piece, Request
from ollama_simulator.recording.reading import read
from ollama_simulator.settings import Settings
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, until
from tests.recording.writing import written
from tests.test_relaying import REQUESTS, SAYS, Line, answer, get, post, timed, url, virtually

TEXT = ("Content-Type", "text/plain")


def stream(*pieces: tuple[float, str], asked: float = 0.0, **fields: Any) -> Exchange:
    """A chunked answer to `GET /x`, recorded with these pieces at these seconds."""
    made: dict[str, Any] = {
        "head": Head(status=200, headers=(TEXT,), framing="chunked", seconds=pieces[0][0]),
        "pieces": tuple(Piece(text=text, seconds=at) for at, text in pieces),
        "request": Request(method="GET", target="/x", seconds=asked),
        "ended": "complete",
        "seconds": pieces[-1][0],
    }
    return Exchange(server="s1", at="2026-01-01T00:00:00Z", **made | fields)


def whole(text: str, **request: Any) -> Exchange:
    """A whole answer, given at once, to a request."""
    size = ("Content-Length", str(len(text.encode())))
    return Exchange(
        server="s1",
        at="2026-01-01T00:00:00Z",
        request=Request(**{"method": "GET", "target": "/x"} | request),
        head=Head(status=200, headers=(TEXT, size), framing="content-length", seconds=0.0),
        pieces=(Piece(text=text, seconds=0.0),),
        ended="complete",
        seconds=0.0,
    )


def body(data: bytes) -> str:
    """The body of a whole answer."""
    return data.partition(b"\r\n\r\n")[2].decode()


def replayed(
    file: Path, *requests: bytes, behavior: Fault | None = None, **settings: Any
) -> list[list[Line]]:
    """What comes when, in seconds since each request was sent."""

    async def main(clock: VirtualClock) -> list[list[Line]]:
        told = Settings(replay=str(file), **settings)
        came: list[list[Line]] = []
        async with Fleet(clock=clock, settings=told) as fleet:
            await fleet.behave(None, behavior or Normal())
            for request in requests:
                began = clock.now()
                async with await Peer.connect(fleet.ports[0]) as peer:
                    await peer.send(request)
                    lines = await timed(peer, clock)
                came.append([(round(when - began, 6), data) for when, data in lines])
        return came

    found: list[list[Line]] = virtually(main)
    return found


# --- as it was ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in REQUESTS if not name.startswith("http-1.0")])
def test_what_is_replayed_is_what_was_recorded(name: str, tmp_path: Path) -> None:
    """Byte for byte, at the same times, without the other server."""
    file = tmp_path / "recording.jsonl"

    async def recorded(clock: VirtualClock) -> list[Line]:
        async with Fleet(clock=clock) as behind:
            told = Settings(upstream=url(behind), record=str(file))
            front = Fleet(clock=clock, settings=told)
            async with front, await Peer.connect(front.ports[0]) as peer:
                await peer.send(REQUESTS[name])
                return await timed(peer, clock)

    def joined(lines: list[Line]) -> dict[float, bytes]:
        """What came at each moment, however the kernel cut it."""
        out: dict[float, bytes] = {}
        for when, data in lines:
            out[when] = out.get(when, b"") + data
        return out

    expected = joined(virtually(recorded))
    (again,) = replayed(file, REQUESTS[name])
    found = joined(again)
    assert b"".join(found.values()) == b"".join(expected.values())
    assert list(found) == pytest.approx(list(expected), abs=2e-6)
    assert [len(data) for data in found.values()] == [len(data) for data in expected.values()]


@pytest.mark.parametrize(
    ("speed", "times"),
    [(1.0, [1.5, 2.5, 4.0, 4.25]), (0.5, [3.0, 5.0, 8.0, 8.5]), (2.0, [0.75, 1.25, 2.0, 2.125])],
)
def test_every_piece_has_its_time(speed: float, times: list[float], tmp_path: Path) -> None:
    """Since the request was whole, and divided by the speed; the head, the end, too."""
    recorded = stream((2.0, "a"), (3.0, "b"), (4.5, "c"), asked=0.5, seconds=4.75)
    file = written(tmp_path, recorded)
    ((first, *rest),) = replayed(file, get("/x"), replay_speed=speed)
    head, _, begin = first[1].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    came = [(first[0], begin), *rest] if begin else rest
    assert came == list(
        zip(times, [b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"], strict=True)
    )


def test_at_once(tmp_path: Path) -> None:
    """With infinite speed nothing is waited for."""
    file = written(tmp_path, stream((2.0, "a"), (3000.0, "b"), seconds=9000.0))
    (came,) = replayed(file, get("/x"), replay_speed=math.inf)
    assert {when for when, _ in came} == {0.0}
    assert b"".join(data for _, data in came).endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


def test_a_head_may_come_before_its_body(tmp_path: Path) -> None:
    head = Head(status=200, headers=(TEXT,), framing="chunked", seconds=1.0)
    ((first, *_, last),) = replayed(written(tmp_path, stream((5.0, "a"), head=head)), get("/x"))
    assert first[0] == 1.0
    assert first[1].endswith(b"\r\n\r\n")
    assert last[0] == 5.0


@pytest.mark.parametrize(
    ("ended", "how", "rest"),
    [("cut", How.FIN, b"1\r\na\r\n"), ("reset", How.RST, b"1\r\na\r\n")],
)
@on_each_loop
async def test_a_broken_answer_is_broken_again(
    ended: Any, how: How, rest: bytes, tmp_path: Path
) -> None:
    file = written(tmp_path, stream((0.0, "a"), ended=ended))
    async with Fleet(settings=Settings(replay=str(file))) as fleet:
        data, found = await answer(fleet.ports[0], get("/x"))
    assert data.endswith(rest)
    assert found is how


@on_each_loop
async def test_what_a_client_left_goes_on_in_silence(tmp_path: Path) -> None:
    """As far as it is known; then nobody can say what would have come."""
    file = written(tmp_path, stream((0.0, "a"), ended="left"))
    async with Fleet(settings=Settings(replay=str(file))) as fleet:
        async with await Peer.connect(fleet.ports[0]) as peer:
            await peer.send(get("/x"))
            assert (await peer.until(b"1\r\na\r\n")).startswith(b"HTTP/1.1 200")
            assert await peer.silent()
            peer.half_close()
            assert await peer.rest() == (b"", How.FIN)
        await until(lambda: bool(fleet.journal.where(records.Finished, outcome="left")))


def test_a_slow_reader_gets_no_burst(tmp_path: Path) -> None:
    """What was held up shifts the rest."""
    size = 12_000_000
    file = written(tmp_path, stream((0.0, "a" * size), (1.0, "b"), (2.0, "c"), (3.0, "d")))

    async def main(clock: VirtualClock) -> list[Line]:
        fleet = Fleet(clock=clock, settings=Settings(replay=str(file)))
        async with fleet, await Peer.connect(fleet.ports[0], rcvbuf=4096) as peer:
            await peer.send(get("/x"))
            await clock.sleep_until(10.0)
            return await timed(peer, clock)

    came = virtually(main)
    times = [when for word in (b"b", b"c", b"d") for when, data in came if b"1\r\n" + word in data]
    assert times[0] >= 10.0
    assert times[1:] == pytest.approx([times[0] + 1, times[0] + 2])


# --- which ----------------------------------------------------------------------------------


@on_each_loop
async def test_in_their_order_and_then_the_last(tmp_path: Path) -> None:
    """For each server; a reset begins anew."""
    file = written(tmp_path, whole("1"), whole("2"), whole("y", target="/y"), whole("3"))
    async with Fleet((0, 0), settings=Settings(replay=str(file))) as fleet:

        async def ask(port: int) -> str:
            return body((await answer(port, get("/x")))[0])

        first, second = fleet.ports
        assert [await ask(first) for _ in range(5)] == ["1", "2", "3", "3", "3"]
        assert await ask(second) == "1"
        await fleet.reset()
        assert await ask(first) == "1"
        lines = [record.line for record in fleet.journal.where(records.Replayed)]
        assert lines == [2, 3, 5, 5, 5, 2, 2]


def asking(text: str, **more: Any) -> dict[str, Any]:
    """The body of a chat."""
    return SAYS | {"messages": [{"role": "user", "content": text}]} | more


def chatted(text: str, said: str) -> Exchange:
    """A recorded chat."""
    asked = Content(text=json.dumps(asking(text), indent=2))
    return whole(said, method="POST", target="/api/chat", body=asked)


def test_a_miss_is_answered_by_the_engine(tmp_path: Path) -> None:
    """As if there were no recording; uploads, too, though they were read."""
    absent = "/api/blobs/sha256:" + "0" * 64
    upload = post(absent, b"\x00\xff" * 1000)
    file = written(
        tmp_path,
        chatted("hi", "recorded"),
        whole("no", method="POST", target=absent, body=Content(text="x")),
    )
    asked = [post("/api/chat", asking("hi")), post("/api/chat", asking("ho")), get("/api/tags")]

    async def main(clock: VirtualClock, **settings: Any) -> tuple[list[bytes], list[str]]:
        async with Fleet(clock=clock, settings=Settings(**settings)) as fleet:
            answers = [(await answer(fleet.ports[0], each))[0] for each in [*asked, upload]]
            return answers, [each.detail for each in fleet.journal.where(records.Missed)]

    (first, *others), missed = virtually(lambda clock: main(clock, replay=str(file)))
    (_, *expected), _ = virtually(main)
    assert body(first) == "recorded"
    # The first answer took no time of the engine, nor did it load the model.
    assert [each.split(b"\r\n")[0] for each in others] == [
        each.split(b"\r\n")[0] for each in expected
    ]
    assert body(others[-1]) == body(expected[-1])
    assert missed == [
        "POST /api/chat was recorded once; the nearest, in line 2, differs at "
        "`messages[0].content`",
        "GET /api/tags was not recorded; recorded were POST /api/blobs/sha256:"
        + "0" * 64
        + ", POST /api/chat",
        f"POST {absent} was recorded once; the nearest, in line 3, differs",
    ]


@pytest.mark.parametrize("target", ["/api/chat", "/v1/chat/completions"])
@on_each_loop
async def test_a_miss_is_refused(target: str, tmp_path: Path) -> None:
    """In the words of the dialect, with what comes nearest."""
    file = written(tmp_path, whole("x", method="POST", target=target, body=Content(text="{}")))
    told = Settings(replay=str(file), replay_miss="refuse")
    async with Fleet(settings=told) as fleet:
        data, _ = await answer(fleet.ports[0], post(target, {"model": "a"}))
    assert data.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    said = json.loads(body(data))["error"]
    assert (said if isinstance(said, str) else said["message"]) == (
        f"no recorded answer fits: POST {target} was recorded once; the nearest, in line 2, "
        "differs at `model`"
    )


@on_each_loop
async def test_a_miss_is_asked_of_another_server(tmp_path: Path) -> None:
    """And recorded, in the same file if one likes; it counts from the next start on."""
    file = written(tmp_path, whole("recorded"))
    async with Fleet() as behind:
        told = Settings(
            replay=str(file), replay_miss="relay", upstream=url(behind), record=str(file)
        )
        async with Fleet(settings=told) as fleet:
            assert body((await answer(fleet.ports[0], get("/x")))[0]) == "recorded"
            data, _ = await answer(fleet.ports[0], get("/api/version"))
        assert len(behind.journal.where(records.Asked)) == 1
    assert [each.exchange.request.target for each in read(file).exchanges] == ["/x", "/api/version"]
    async with Fleet(settings=Settings(replay=str(file), replay_miss="refuse")) as fleet:
        assert (await answer(fleet.ports[0], get("/api/version")))[0] == data


# --- faults ---------------------------------------------------------------------------------


@on_each_loop
async def test_faults_strike_replayed_answers(tmp_path: Path) -> None:
    """A chunk is a tick, as for the answers of another server."""
    file = written(tmp_path, stream((0.0, "a"), (0.0, "b"), (0.0, "c")))
    async with Fleet(settings=Settings(replay=str(file))) as fleet:
        await fleet.behave(None, FailMidStream(tokens_before_fail=2))
        data, how = await answer(fleet.ports[0], get("/x"))
        assert data.endswith(b"1\r\na\r\n1\r\nb\r\n")
        assert how is How.RST
        await fleet.behave(None, AbruptClose(bytes_before_close=1))
        data, how = await answer(fleet.ports[0], get("/x"))
        assert data.endswith(b"\r\n\r\n1\r\na\r\n")
        assert how is How.FIN
        assert len(fleet.journal.where(records.Struck)) == 2


def test_a_pace_holds_for_replayed_answers(tmp_path: Path) -> None:
    file = written(tmp_path, stream((0.0, "a"), (0.0, "b"), (9.0, "c"), (9.0, "d")))
    (came,) = replayed(file, get("/x"), behavior=Slow(tokens_per_sec=0.5, num_tokens=1))
    bodies = [
        when for when, data in came for word in (b"a", b"b", b"c", b"d") if b"1\r\n" + word in data
    ]
    assert bodies == [0.0, 2.0, 9.0, 9.0]
