"""When the tokens of one answer were made, for the journal.

It must not import anything but layer 0.
"""

from bisect import bisect_left
from collections.abc import Sequence

from ollama_simulator import records
from ollama_simulator.records import See


class Meter:
    """Counts tokens, and the gaps between them."""

    __slots__ = ("_first", "_gaps", "_last", "_made", "_model", "_see", "_started")

    def __init__(self, see: See, model: str, started: float) -> None:
        """`started` is when the request came."""
        self._see = see
        self._model = model
        self._started = started
        self._made = 0
        self._first = self._last = 0.0
        self._gaps = [0] * (len(records.GAPS_S) + 1)

    def tokens(self, count: int, now: float) -> None:
        """So many tokens were made at once."""
        if self._made:
            self._gaps[bisect_left(records.GAPS_S, now - self._last)] += 1
        else:
            self._first = now
            self._see(records.FirstToken, model=self._model, seconds=now - self._started)
        self._last = now
        self._made += count

    def each(self, times: Sequence[float]) -> None:
        """One token was made at each of these moments; there is at least one."""
        self.tokens(1, times[0])
        gaps, last, more = self._gaps, self._last, len(times) - 1
        if times[-1] - last <= records.GAPS_S[0]:
            # All gaps behind that are of the smallest kind.
            gaps[0] += more
        else:
            for now in times[1:]:
                gaps[bisect_left(records.GAPS_S, now - last)] += 1
                last = now
        self._last = times[-1]
        self._made += more

    def done(self) -> None:
        """No more will come."""
        if self._made:
            self._see(
                records.Generated,
                model=self._model,
                tokens=self._made,
                seconds=self._last - self._first,
                gaps=tuple(self._gaps),
            )
