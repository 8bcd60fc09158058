"""What one request came to, as its client saw it.

Rules of this file:

1. Every wait is counted from the moment when the request was due, not from when it was sent: a
   server that holds up a client, and with it the next request, is not spared (no coordinated
   omission).
2. Times are in seconds since the play began.

It must not import anything of this package.
"""

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    session: int
    turn: int
    """From 0."""
    due: float
    """When its user wanted to ask."""
    sent: float | None
    """When we began to connect; None if it never came to that."""
    first: float | None = None
    """When the first piece of text came."""
    gaps: tuple[float, ...] = ()
    """Between each two pieces of text that came one after the other."""
    ended: float
    """When the answer was over, or given up."""
    pieces: int = 0
    """How many pieces of text came."""
    answered: int | None = None
    """Tokens of the answer, as the server tells at its end."""
    asked: int | None = None
    """Tokens of the prompt, as the server tells at the end."""
    status: int | None = None
    error: str | None = None
    """What kind of failure it was; None for an answer that is whole."""
    detail: str = ""

    @property
    def ttft(self) -> float | None:
        """Time to the first token; None if there was none."""
        return None if self.first is None else self.first - self.due

    @property
    def mean_gap(self) -> float | None:
        """Between its pieces; None if there were less than two."""
        return sum(self.gaps) / len(self.gaps) if self.gaps else None

    @property
    def end_to_end(self) -> float:
        """Until it was over."""
        return self.ended - self.due

    @property
    def late(self) -> float:
        """How long we ourselves held it up."""
        return (self.ended if self.sent is None else self.sent) - self.due


class Limits(msgspec.Struct, frozen=True):
    """What a user still calls good (engine model, 6.4)."""

    ttft: float = 2.0
    """Longest time to the first token, in seconds."""
    gap: float = 0.05
    """Longest mean gap between the pieces of an answer, in seconds."""

    def good(self, sample: Sample) -> bool:
        """Whether an answer is whole and came in time."""
        return (
            sample.error is None
            and sample.ttft is not None
            and sample.ttft <= self.ttft
            and (sample.mean_gap or 0.0) <= self.gap
        )
