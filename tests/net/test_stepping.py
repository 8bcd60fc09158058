"""A flow that is performed: what is written, what is counted, and when it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ollama_simulator.acts import Body, End, Framing, Head, Stream
from ollama_simulator.clock import Clock, Handle, VirtualClock
from ollama_simulator.flow import UNFRAMED, Batch, Encode, EncodeAhead, Flow, Frame
from ollama_simulator.net.perform import Ended, Performer
from ollama_simulator.net.request import Body as RequestBody
from ollama_simulator.net.request import Request
from ollama_simulator.net.sink import PIECE, Pen
from ollama_simulator.wheel import Alarm
from tests.engine.driving import virtual
from tests.net.peers import say


class Seconds(Flow):
    """A piece each second."""

    def __init__(self, clock: Clock, pieces: Sequence[Any]) -> None:
        super().__init__()
        self.clock = clock
        self.pieces = list(pieces)
        self.written: list[float] = []
        self.disarmed = 0
        self.dues: Sequence[float] = ()
        """When each is due, if that is known ahead."""
        self.framed = UNFRAMED
        self._handle: Handle | None = None

    def arm(self, alarm: Alarm) -> None:
        self._handle = self.clock.alarm(self.clock.now() + 1, alarm)

    def disarm(self, alarm: Alarm) -> None:
        self.disarmed += 1
        if self._handle is not None:
            self._handle.cancel()

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        raise AssertionError("it was begun by who offered it")

    def frame(self, frame: Frame) -> None:
        self.framed = frame

    def batch(self) -> Batch | None:
        if not self.dues:
            return None
        before, behind = self.framed
        chunks = [piece.encode() for piece in self.pieces]
        return Batch([before[len(chunk)] + chunk + behind for chunk in chunks], self.dues)

    def wrote(self, times: list[float], *, blocked: bool) -> None:
        self.written += times[:-1] if blocked else times
        del self.pieces[: len(times)]
        self.dues = self.dues[len(times) :]
        self.over = not self.pieces

    def take(self) -> list[bytes]:
        return [letter.encode() for letter in self.pieces.pop(0)]

    def taken(self) -> None:
        self.written.append(self.clock.now())
        self.over = not self.pieces


class Sink:
    """Keeps what is written; may be unable to at once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.writes: list[bytes] = []
        self.shut_at = -1
        """The number of the write that can't be done at once."""
        self.shut = False
        self.keeps = False
        """Whether that one is taken, and on its way."""
        self.blunt = False
        """Whether it has no pen."""

    async def write(self, data: bytes) -> None:
        """Keep it, after ten seconds if something has to wait."""
        if self.shut:
            self.shut = False
            await self.clock.sleep_until(self.clock.now() + 10)
        if data:
            self.writes.append(data)

    def put(self, data: bytes) -> bytes | None:
        """Keep it, if that can be done at once."""
        if len(self.writes) == self.shut_at:
            self.shut = True
            if self.keeps:
                self.writes.append(data)
            return b"" if self.keeps else data
        self.writes.append(data)
        return None

    @property
    def pen(self) -> Pen | None:
        """What keeps it at once. It shuts with the sink."""
        return None if self.blunt else Shutting(self)


class Failing:
    """A transport of which a write may fail."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> None:
        """Keep it."""
        self._sink.writes.append(data)

    def is_closing(self) -> bool:
        """Whether the next write is the one that can't be done, and isn't kept."""
        sink = self._sink
        sink.shut = sink.shut or (len(sink.writes) == sink.shut_at and not sink.keeps)
        return sink.shut


class Shutting(Pen):
    """A pen that is open as long as a sink is."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink) -> None:
        super().__init__(Failing(sink))
        self._sink = sink

    @property
    def open(self) -> bool:
        sink = self._sink
        sink.shut = sink.shut or (len(sink.writes) == sink.shut_at + 1 and sink.keeps)
        return not sink.shut

    @open.setter
    def open(self, given: bool) -> None:
        """Only the sink shuts it."""


class Play:
    """A reply with a flow behind its first chunk."""

    def __init__(
        self, *pieces: Any, chunked: bool = True, dues: Sequence[float] = (), blunt: bool = False
    ) -> None:
        self.pieces = pieces
        self.dues = dues
        self.blunt = blunt
        self.version = "1.1" if chunked else "1.0"
        self.sink: Sink
        self.flow: Seconds
        self.performer: Performer
        self.at = 0.0
        self.looks: dict[float, list[tuple[int, int]]] = {}
        """When it is looked at what was done, and where that is kept."""

    def run(self, *, shut_at: int = -1, keeps: bool = False, leaves: float | None = None) -> Ended:
        """Perform it."""

        async def main(clock: VirtualClock) -> Ended:
            self.sink, self.flow = Sink(clock), Seconds(clock, self.pieces)
            self.sink.shut_at, self.sink.keeps = shut_at, keeps
            self.sink.blunt, self.flow.dues = self.blunt, self.dues
            body = RequestBody(None, lambda: None)
            body.end()
            request = Request(
                *("POST", "/", self.version, [], body),
                keep_alive=True,
                connection=1,
                abort=lambda: None,
            )
            if leaves is not None:
                asyncio.get_running_loop().call_later(leaves, request.gone.fire)
            performer = self.performer = Performer(request, self.sink, clock)
            for when, seen in self.looks.items():
                asyncio.get_running_loop().call_later(
                    when, lambda seen: seen.append((performer.ticks, performer.body_bytes)), seen
                )
            acts = (Head(200, framing=Framing.AUTO), Body(b"x"), Stream(self.flow), End())
            try:
                return await self.performer.run(say(*acts), request.gone)
            finally:
                self.at = clock.now()

        return virtual(main)


def test_each_chunk_is_one_write_at_its_moment() -> None:
    """A piece may have several chunks, or none."""
    play = Play("a", "bc", "", "d")
    play.run()
    assert play.sink.writes[1:] == [
        *(b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n", b"1\r\nd\r\n"),
        b"0\r\n\r\n",
    ]
    assert play.flow.written == [1.0, 2.0, 3.0, 4.0]
    assert (play.performer.ticks, play.performer.body_bytes) == (4, 5)
    assert play.flow.disarmed == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_what_is_due_together_is_written_together(chunked: bool) -> None:
    """A chunk in each write."""
    play = Play("a", "bc", "d", dues=[1.0] * 3, chunked=chunked)
    play.run()
    assert play.flow.written == [1.0, 1.0, 1.0]
    last = [b"1\r\na\r\n", b"2\r\nbc\r\n", b"1\r\nd\r\n", b"0\r\n\r\n"]
    assert play.sink.writes[1:] == (last if chunked else [b"a", b"bc", b"d"])
    assert (play.performer.ticks, play.performer.body_bytes) == (3, 5)


@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_due_together_ends_where_it_has_to_wait(keeps: bool) -> None:
    """Nothing behind that is written, or counted."""
    play = Play(*"abcde", dues=[1.0] * 5)
    play.run(shut_at=3, keeps=keeps)
    assert b"".join(play.sink.writes[1:]).replace(b"\r\n", b" ") == b"1 a 1 b 1 c 0  "
    assert play.flow.pieces == ["d", "e"]
    assert play.flow.written == [1.0, 1.0]
    assert (play.performer.ticks, play.performer.body_bytes) == (3, 4)
    assert play.at == 11.0


def test_what_is_known_ahead_is_written_when_it_is_due() -> None:
    """Each at its moment, those of one moment together. What was counted is known at any time."""
    play = Play("a", "bc", "d", "efg", dues=[1.0, 3.0, 3.0, 4.0])
    seen: list[tuple[int, int]] = []
    play.looks = {2.0: seen, 3.5: seen, 5.0: seen}
    play.run()
    assert play.flow.written == [1.0, 3.0, 3.0, 4.0]
    assert seen == [(1, 2), (3, 5)]
    assert (play.performer.ticks, play.performer.body_bytes) == (4, 8)


@pytest.mark.parametrize("leaves", [2.0, 3.5])
def test_what_was_written_of_a_batch_is_told_when_the_client_leaves(leaves: float) -> None:
    """Exactly that, and nothing is written behind it."""
    play = Play(*"abcd", dues=[1.0, 3.0, 3.0, 4.0])
    play.run(leaves=leaves)
    written = [1.0] if leaves == 2.0 else [1.0, 3.0, 3.0]
    assert play.flow.written == written
    assert play.at == leaves
    assert play.performer.ticks == len(written)
    assert len(play.sink.writes) == 1 + len(written) + 1


def test_what_can_not_be_written_in_one_piece_is_waited_for() -> None:
    """A freeze stops within it."""
    play = Play("a", "b" * PIECE, "c", dues=[1.0] * 3)
    play.run()
    assert play.flow.written == [1.0]
    assert b"".join(play.sink.writes).endswith(b"b\r\n0\r\n\r\n")
    assert play.flow.pieces == ["c"]


def test_a_sink_without_a_pen() -> None:
    """What is due first is waited for, when it is due."""
    play = Play("a", "b", dues=[1.0, 1.0], blunt=True)
    play.run()
    assert play.sink.writes[1:] == [b"1\r\na\r\n", b"0\r\n\r\n"]
    assert play.flow.written == []
    assert (play.performer.ticks, play.at) == (1, 1.0)


def test_without_chunks() -> None:
    """HTTP/1.0 knows none."""
    play = Play("a", "b", chunked=False)
    play.run()
    assert play.sink.writes[1:] == [b"a", b"b"]


@pytest.mark.parametrize("keeps", [True, False])
def test_what_can_not_be_written_at_once_is_waited_for(keeps: bool) -> None:
    """The flow ends there, without a further piece, and nothing is lost or written twice."""
    play = Play("a", "bcd", "e")
    play.run(shut_at=3, keeps=keeps)
    assert b"".join(play.sink.writes[1:]).replace(b"\r\n", b" ") == b"1 a 1 b 1 c 1 d 0  "
    assert play.flow.written == [1.0]
    assert play.flow.pieces == ["e"]
    assert play.at == 12.0


def test_a_client_that_leaves_ends_the_flow() -> None:
    """Nothing is written after that, and no alarm is left."""
    play = Play(*"abcdef")
    play.run(leaves=2.5)
    assert play.sink.writes[1:] == [b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"]
    assert play.at == 2.5
    assert play.flow.disarmed == 1


def test_an_error_is_an_error_of_the_reply() -> None:
    """It reaches whoever performs."""
    play = Play("a", 7)
    with pytest.raises(TypeError):
        play.run()
    assert play.flow.disarmed == 1
