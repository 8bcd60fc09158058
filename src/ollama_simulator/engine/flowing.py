"""The tokens of an answer as a flow.

Rules of this file:

1. Most of a token's cost is memory that nobody has looked at since the last one. So what a flow
   needs for each is in one place, and the text and the books of the answer are turned to once for
   several tokens.
2. Where only the pace counts, and a piece is its text and nothing else, it is known long before
   what is said and when. Then even the bytes are made for several tokens at a time.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ollama_simulator.clock import Clock, Handle
from ollama_simulator.engine.answer.generation import Run
from ollama_simulator.engine.answer.output import Output, Piece
from ollama_simulator.engine.answer.parsers.parsed import Unparsable
from ollama_simulator.engine.seat import Seat
from ollama_simulator.flow import UNFRAMED, Batch, Encode, EncodeAhead, Flow, Frame
from ollama_simulator.model import Quiet, Refusal
from ollama_simulator.wheel import Alarm

AHEAD = 64
"""Tokens whose text is made at a time."""
HURRIED = 128
"""The same where nothing paces them: then they are written together, before others have their turn,
in about half a millisecond."""


class Rest(Iterator[Output]):
    """What comes behind a flow: what was looked at already, and what nobody has looked at."""

    __slots__ = ("found", "outputs")

    def __init__(self, found: list[Output], outputs: Iterator[Output]) -> None:
        self.found = found
        """The next one is the last."""
        self.outputs = outputs

    def __next__(self) -> Output:
        return self.found.pop() if self.found else next(self.outputs)


class Flowing(Flow):
    """The tokens from here to the next output that is none."""

    __slots__ = (
        "_at",
        "_clock",
        "_due",
        "_encode",
        "_found",
        "_handle",
        "_last",
        "_meter",
        "_most",
        "_outputs",
        "_pieces",
        "_run",
        "_say",
        "_seat",
        "_words",
        "said",
        "wrong",
    )

    def __init__(self, run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> None:
        super().__init__()
        self._run = run
        self._seat = None if seat.timeless else seat
        self._clock = clock
        self._found: list[Output] = []
        """What was looked at and isn't said here."""
        self._outputs = outputs
        if isinstance(outputs, Rest):
            # However often a flow is left, the next one has no more to go through.
            self._found, self._outputs = outputs.found[::-1], outputs.outputs
        self._meter = run.meter
        self._say = run.lines.say
        self._handle: Handle | None = None
        self._pieces: list[Piece] = []
        """Those that were looked at last."""
        self._words: list[str] = []
        """What they tell."""
        self._encode: Encode
        self._at = 0
        """How many of them were said."""
        self._most = AHEAD
        """How many are looked at next, at most."""
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
        found, most = self._found, self._most
        found += islice(self._outputs, max(most - len(found), 0))
        next_ones = found[:most]
        # Mostly that is all of them. A list is made in less time than a loop takes.
        pieces = [each for each in next_ones if isinstance(each, Piece) and each.tokens == 1]
        if len(pieces) < len(next_ones):
            pieces = list(_leading(next_ones))
        self._pieces = pieces
        self._found = found[len(pieces) :]
        self._words = [piece.thinking + piece.text for piece in pieces]
        self.over = not pieces

    def settle(self) -> None:
        """Have it in the books of the answer what was said."""
        self._run.told(self._words[: self._at], self._last)
        del self._words[: self._at], self._pieces[: self._at]
        self._at = 0

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        self._encode = encode

    def frame(self, frame: Frame) -> None:
        """Nothing: pieces are taken one by one."""

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

    def taken(self) -> None:
        clock = self._clock
        clock.lateness.add(clock.now() - self._last)
        if self._at == len(self._pieces):
            self._look()

    def rest(self) -> Iterator[Output]:
        """What comes behind what was said, which is settled. Raises the `Refusal` that the answer
        failed with."""
        if self.wrong is not None:
            raise self.wrong
        return Rest([*self._pieces, *self._found][::-1], self._outputs)


def _leading(found: Iterable[Output]) -> Iterator[Piece]:
    """The pieces of one token up to the first output that is none."""
    for output in found:
        if not (isinstance(output, Piece) and output.tokens == 1):
            return
        yield output


class Paced(Flowing):
    """The same where it is known ahead what is said, and when."""

    __slots__ = ("_ahead", "_audible", "_blocked", "_dues", "_frame", "_lines", "_times")

    def __init__(self, run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> None:
        self._ahead: EncodeAhead | None = None
        self._frame = UNFRAMED
        self._lines: list[bytes] | None = None
        """That of each piece, even of one without a text; None if they can't be made ahead."""
        self._audible = False
        """Whether each piece has a text. Then the lines are in their frames."""
        self._dues: list[float] = []
        """When each piece is due."""
        self._times: list[float] = []
        """When those were handed to the kernel that were said."""
        self._blocked = False
        """Whether it had no room for the last one."""
        super().__init__(run, seat, clock, outputs)

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        super().begin(encode, ahead)
        self._ahead = ahead

    def frame(self, frame: Frame) -> None:
        self._frame = frame

    def _look(self) -> None:
        super()._look()
        self._prepare()

    def _prepare(self) -> None:
        if self._ahead is None:
            return
        words, clock = self._words, self._clock
        self._dues = dues = self._run.paces(len(words))
        self._audible = all(words)
        if dues and dues[-1] <= clock.now():
            # Nobody paces them: they are said as they are made.
            times = [clock.wall_ns()] * len(dues)
            self._most = HURRIED
        else:
            times = clock.wall_ns_at(dues)
            self._most = AHEAD
        frame = self._frame if self._audible else UNFRAMED
        self._lines = self._ahead(words, times, frame)

    def settle(self) -> None:
        if self._times:
            self._meter.each(self._times)
            written = self._times[:-1] if self._blocked else self._times
            self._clock.lateness.add_all(written, self._dues)
            self._last = self._dues[self._at - 1]
            self._times = []
        super().settle()

    def arm(self, alarm: Alarm) -> None:
        if not self._dues:
            self._prepare()
        if self._lines is None:
            super().arm(alarm)
        else:
            self._handle = self._clock.alarm(self._dues[self._at], alarm)

    def batch(self) -> Batch | None:
        if not self._dues:
            self._prepare()
        return Batch(self._lines, self._dues) if self._lines and self._audible else None

    def wrote(self, times: list[float], *, blocked: bool) -> None:
        self._at = len(times)
        self._times, self._blocked = times, blocked
        self.said = times[-1]
        if self._at == len(self._pieces) and not blocked:
            self._look()

    def take(self) -> Sequence[bytes]:
        if self._lines is None:
            return super().take()
        self.said = now = self._clock.now()
        self._times.append(now)
        self._blocked = True
        at = self._at
        self._at = at + 1
        return (self._lines[at],) if self._words[at] else ()

    def taken(self) -> None:
        if self._lines is None:
            super().taken()
            return
        self._times[-1] = self._clock.now()
        self._blocked = False
        if self._at == len(self._pieces):
            self._look()


def flowing(run: Run, seat: Seat, clock: Clock, outputs: Iterator[Output]) -> Flowing:
    """The flow of an answer from here on."""
    kind = Paced if seat.timeless and run.lines.plain else Flowing
    return kind(run, seat, clock, outputs)
