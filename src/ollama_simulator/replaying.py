"""Answers with what was recorded.

Rules of this file:

1. A recorded answer is given as it came: its head, its pieces, its end, each at its time since the
   request was whole. The clock is the fleet's.
2. A reader that holds an answer up shifts what follows, instead of getting a burst.
3. A request that fits nothing is recorded as `Missed`, whatever is then done about it.

It must not import faults, the journal or anything above.
"""

import math
from collections.abc import AsyncGenerator

from ollama_simulator import records
from ollama_simulator.acts import Act, Hangup, Hold, How, Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.net.request import BadBody
from ollama_simulator.passing import Passing
from ollama_simulator.recording.entries import Exchange as Recorded
from ollama_simulator.recording.matching import VOLATILE, Playlist
from ollama_simulator.recording.reading import Tape
from ollama_simulator.relaying import unanswered

HELD_UP_S = 0.25
"""Seconds of lateness from which on a reader is taken for slow."""
TOGETHER_S = 0.001
"""Seconds between a head and a first piece that came together."""


class Replay:
    """What answers exchanges in place of the engine, from a recording."""

    def __init__(
        self,
        tape: Tape,
        *,
        speed: float = 1.0,
        otherwise: Handler | None = None,
        volatile: tuple[str, ...] = VOLATILE,
    ) -> None:
        """`speed` is how many times as fast as recorded; `inf` for at once. `otherwise` answers
        what was not recorded; without it that is refused."""
        self._playlist = Playlist(tape, volatile)
        self._speed = speed
        self._otherwise = otherwise

    def __call__(self, exchange: Exchange) -> Reply:
        return self._replayed(exchange)

    def rewind(self) -> None:
        """Begin anew with the answers of each request."""
        self._playlist.rewind()

    async def _replayed(self, exchange: Exchange) -> AsyncGenerator[Act, None]:
        request = exchange.request
        asked = (request.method, request.target)
        body = b""
        if self._playlist.knows(*asked):
            try:
                body = await exchange.whole()
            except BadBody:
                yield Hangup(How.FIN)
                return
        headers = tuple(request.headers)
        found = self._playlist.next(*asked, headers, body)
        if found is None:
            why = self._playlist.why_not(*asked, headers, body)
            exchange.see(records.Missed, detail=why)
            other = self._otherwise
            answer = other(exchange) if other is not None else _refused(exchange, why)
            async for act in exchange.stage(answer):
                yield act
            return
        exchange.see(records.Replayed, line=found.line)
        async for act in exchange.stage(self._given(exchange, found.exchange)):
            yield act

    async def _given(self, exchange: Exchange, recorded: Recorded) -> AsyncGenerator[Act, None]:
        exchange.request.reply_headers = ()
        time = _Time(exchange, recorded.request.seconds, self._speed)
        head = recorded.head
        if head is None:
            if not await time.comes(recorded.seconds):
                yield Hangup(How.FIN)
            elif recorded.ended == "left":
                yield Hold()
            else:
                for act in unanswered(exchange, recorded.ended, recorded.detail):
                    yield act
            return
        passing = Passing(exchange, head)
        pieces = recorded.pieces
        if not (pieces and pieces[0].seconds - head.seconds < TOGETHER_S):
            if not await time.comes(head.seconds):
                yield Hangup(How.FIN)
                return
            for act in passing.begin():
                yield act
        for piece in pieces:
            if not await time.comes(piece.seconds):
                yield Hangup(How.FIN)
                return
            for act in passing.tick():
                yield act
            await passing.paced()
            for act in passing.piece(piece.data or b""):
                yield act
        if not await time.comes(recorded.seconds):
            yield Hangup(How.FIN)
        elif recorded.ended == "left":
            # What would have come then, nobody knows.
            yield Hold()
        else:
            for act in passing.end(recorded.ended):
                yield act


async def _refused(exchange: Exchange, why: str) -> AsyncGenerator[Act, None]:
    """The answer to what was not recorded, in the words of the dialect."""
    await exchange.drain()
    for act in exchange.fail(501, f"no recorded answer fits: {why}"):
        yield act


class _Time:
    """When what was recorded is due."""

    def __init__(self, exchange: Exchange, asked: float, speed: float) -> None:
        self._exchange = exchange
        self._asked = asked
        self._speed = speed
        self._began = exchange.clock.now()

    async def comes(self, seconds: float) -> bool:
        """Wait for a moment of the recording. Returns False if the client left before."""
        if math.isinf(self._speed):
            return True
        clock = self._exchange.clock
        due = self._began + max(seconds - self._asked, 0.0) / self._speed
        late = clock.now() - due
        if late > HELD_UP_S:
            self._began += late
            return not self._exchange.request.gone.fired
        return await clock.sleep_until(due, self._exchange.request.gone)
