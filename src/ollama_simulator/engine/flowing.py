"""The tokens of an answer as a flow.

Rules of this file:

1. Most of a token's cost is memory that nobody has looked at since the last one. So what a flow
   needs for each is in one place, and the text and the books of the answer are turned to once for
   several tokens.
2. Where only the pace counts, and a piece is its text and nothing else, it is known long before
   what is said and when. Then even the bytes are made for several tokens at a time.

It must not import anything but layer 0 and its own package.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from ollama_simulator.clock import Clock, Handle
from ollama_simulator.engine.answer.generation import Run
from ollama_simulator.engine.answer.output import Output, Piece
from ollama_simulator.engine.answer.parsers.parsed import Unparsable
from ollama_simulator.engine.seat import Seat
from ollama_simulator.flow import Encode, EncodeAhead, Flow
from ollama_simulator.model import Quiet, Refusal
from ollama_simulator.wheel import Alarm

AHEAD = 64
"""Tokens whose text is made at a time."""


class Flowing(Flow):
    """The tokens from here to the next output that is none."""

    __slots__ = (
        "_at",
        "_behind",
        "_clock",
        "_due",
        "_encode",
        "_handle",
        "_last",
        "_meter",
        "_outputs",
        "_pieces",
        "_run",
        "_say",
        "_seat",
        "said",
        "wrong",
    )

    def __init__(self, run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> None:
        super().__init__()
        self._run = run
        self._seat = None if seat.timeless else seat
        self._clock = clock
        self._outputs = outputs
        self._meter = run.meter
        self._say = run.lines.say
        self._handle: Handle | None = None
        self._pieces: list[Piece] = []
        """Those that were looked at last."""
        self._encode: Encode
        self._at = 0
        """How many of them were said."""
        self._behind: list[Output] = []
        """What comes behind them, and is none."""
        self._due = 0.0
        """When the next one is due."""
        self._last = 0.0
        """When the last one was."""
        self.said = clock.now()
        """When the last token was said."""
        self.wrong: Refusal | None = None
        """Why the answer failed."""
        self._look()

    def _look(self) -> None:
        """See what comes next."""
        self.settle()
        if not self._behind:
            for output in islice(self._outputs, AHEAD):
                if not (isinstance(output, Piece) and output.tokens == 1):
                    self._behind.append(output)
                    break
                self._pieces.append(output)
        self.over = not self._pieces

    def settle(self) -> None:
        """Have it in the books of the answer what was said."""
        self._run.told(self._pieces[: self._at], self._last)
        del self._pieces[: self._at]
        self._at = 0

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        self._encode = encode

    def arm(self, alarm: Alarm) -> None:
        if self._seat is None:
            self._due = self._run.pace(self._at)
            self._handle = self._clock.alarm(self._due, alarm)
        else:
            self._seat.tell(self._run.count + self._at + 1, alarm)

    def disarm(self, alarm: Alarm) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._seat is not None:
            self._seat.tell_not(alarm)

    def take(self) -> Sequence[bytes]:
        piece = self._pieces[self._at]
        self._at += 1
        if self._seat is not None:
            made = self._seat.time_of(self._run.count + self._at)
            self._due = max(self._run.pace(self._at - 1), made)
        self._last = self._due
        self.said = now = self._clock.now()
        self._meter.tokens(1, now)
        try:
            event = self._say(piece)
        except Unparsable as error:
            self.wrong, self.over = self._run.unsayable(error), True
            return ()
        return () if isinstance(event, Quiet) else self._encode(event)

    def taken(self, alarm: Alarm) -> None:
        clock = self._clock
        clock.lateness.add(clock.now() - self._last)
        if self._at == len(self._pieces):
            self._look()
        if not self.over:
            self.arm(alarm)

    def rest(self) -> Iterator[Output]:
        """What comes behind what was said, which is settled. Raises the `Refusal` that the answer
        failed with."""
        if self.wrong is not None:
            raise self.wrong
        return chain(self._pieces, self._behind, self._outputs)


class Paced(Flowing):
    """The same where it is known ahead what is said, and when."""

    __slots__ = ("_ahead", "_audible", "_dues", "_lines", "_times", "_written")

    def __init__(self, run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> None:
        self._ahead: EncodeAhead | None = None
        self._lines: list[bytes] | None = None
        """That of each piece, even of one without a text; None if they can't be made ahead."""
        self._audible = False
        """Whether each piece has a text."""
        self._dues: list[float] = []
        """When each piece is due."""
        self._times: list[float] = []
        """When those were said that were said."""
        self._written: list[float] = []
        """When they were written."""
        super().__init__(run, seat, clock, outputs)

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        super().begin(encode, ahead)
        self._ahead = ahead
        self._prepare()

    def _look(self) -> None:
        super()._look()
        self._prepare()

    def _prepare(self) -> None:
        if self._ahead is None:
            return
        pieces, clock = self._pieces, self._clock
        self._dues = dues = self._run.paces(len(pieces))
        texts = [piece.text for piece in pieces]
        self._audible = all(texts)
        if dues and dues[-1] <= clock.now():
            # Nobody paces them: they are said as they are made.
            times = [clock.wall_ns()] * len(dues)
        else:
            times = clock.wall_ns_at(dues)
        self._lines = self._ahead(texts, times)

    def settle(self) -> None:
        if self._times:
            self._meter.each(self._times)
            self._clock.lateness.add_all(self._written, self._dues)
            self._last = self._dues[self._at - 1]
            self._times.clear()
            self._written.clear()
        super().settle()

    def arm(self, alarm: Alarm) -> None:
        if self._lines is None:
            super().arm(alarm)
        else:
            self._handle = self._clock.alarm(self._dues[self._at], alarm)

    def due(self) -> Sequence[bytes]:
        at, dues = self._at, self._dues
        if self._lines is None or at + 1 >= len(dues):
            return ()
        now = self._clock.now()
        if dues[at + 1] > now:
            return ()
        end = bisect_right(dues, now, at)
        return self._lines[at:end] if self._audible else ()

    def wrote(self, times: Sequence[float], alarm: Alarm, *, blocked: bool) -> None:
        self._at += len(times)
        self._times += times
        self._written += times[:-1] if blocked else times
        self.said = times[-1]
        if not blocked:
            self._on(alarm)

    def take(self) -> Sequence[bytes]:
        if self._lines is None:
            return super().take()
        self.said = now = self._clock.now()
        self._times.append(now)
        at = self._at
        self._at = at + 1
        return (self._lines[at],) if self._pieces[at].text else ()

    def taken(self, alarm: Alarm) -> None:
        if self._lines is None:
            super().taken(alarm)
            return
        self._written.append(self._clock.now())
        self._on(alarm)

    def _on(self, alarm: Alarm) -> None:
        """Go on with the next piece."""
        if self._at == len(self._pieces):
            self._look()
        if not self.over:
            self._handle = self._clock.alarm(self._dues[self._at], alarm)


def flowing(run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> Flowing:
    """The flow of an answer from here on."""
    kind = Paced if seat.timeless and run.lines.plain else Flowing
    return kind(run, seat, clock, outputs)
