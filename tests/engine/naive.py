"""What `engine.batch` says, said again in the simplest way: one iteration after the other."""

from __future__ import annotations

from ollama_simulator.engine.plan import Work
from ollama_simulator.engine.timing import Timing


class Naive:
    """A batch that plans nothing ahead. Its time never goes back."""

    def __init__(self, timing: Timing, size: int, *, rotates: bool = False) -> None:
        self.timing = timing
        self.size = size
        self.rotates = rotates
        self.works: list[Work] = []
        self.slowness = 1.0
        self.delayed = 0.0
        self.start = 0.0
        self.end: float | None = None
        """Of the iteration in progress."""
        self.able: list[Work] = []
        self.takes: list[tuple[Work, int]] = []
        self.number = 0
        """How many iterations are over."""
        self.most = 0
        """Tokens of the largest one."""

    def advance(self, now: float) -> None:
        """Do what is over by now."""
        while self.end is not None and self.end <= now:
            end = self.end
            for work in self.able:
                work.first_at = min(work.first_at, end)
                work.made += 1
                work.depth += 1
                work.last_at = end
            for work, tokens in self.takes:
                work.begun_at = min(work.begun_at, self.start)
                work.unread -= tokens
                work.depth += tokens
                if not work.unread:
                    work.made = 1
                    work.read_at = work.first_at = work.last_at = end
            self.number += 1
            self.begin(end)

    def begin(self, at: float) -> None:
        """Make up the next iteration."""
        self.end = None
        self.able, self.takes = [], []
        works = sorted(self.works, key=lambda work: work.slot)
        if not any(work.unread or work.able for work in works):
            return
        if self.rotates:
            first = self.number % len(works)
            works = works[first:] + works[:first]
        room = self.size
        if not self.rotates:
            room = max(room - sum(work.able for work in works), 1)
        for work in works:
            if work.unread and room > 0:
                taken = min(work.unread, room)
                self.takes.append((work, taken))
                room -= taken
            elif work.able and (room > 0 or not self.rotates):
                work.make_room()
                self.able.append(work)
                room -= self.rotates
        self.start = at + self.delayed
        self.delayed = 0.0
        self.most = max(self.most, len(self.able) + sum(taken for _, taken in self.takes))
        self.end = self.start + self.seconds * self.slowness

    @property
    def seconds(self) -> float:
        """What the iteration takes, by the formula."""
        timing = self.timing
        seconds = timing.step
        for work, tokens in self.takes:
            seconds += tokens * timing.per_token
            seconds += timing.per_position * sum(range(work.depth, work.depth + tokens))
        seconds += timing.per_context * sum(work.depth for work in self.able)
        if len(self.able) > 1:
            seconds += timing.crowd * (len(self.able) - 1) ** timing.crowd_power
        return seconds

    def join(self, work: Work, now: float) -> None:
        self.advance(now)
        self.works.append(work)
        self.changed(now)

    def leave(self, work: Work, now: float) -> None:
        """An iteration that begins just now, or has not begun, is made up without it."""
        self.advance(now)
        self.works.remove(work)
        if self.end is not None and self.start >= now:
            self.begin(self.start)
        self.changed(now)

    def finish(self, work: Work, tokens: int, now: float) -> None:
        """An iteration in progress that would make a token more is made up without it."""
        self.advance(now)
        self.works.remove(work)
        if work in self.able and work.made == tokens:
            self.begin(self.start)
        self.changed(now)

    def slow(self, slowness: float, now: float) -> None:
        self.advance(now)
        self.slowness = slowness

    def delay(self, seconds: float, now: float) -> None:
        self.advance(now)
        self.delayed += seconds

    def changed(self, now: float) -> None:
        """Begin, if nothing was in progress."""
        if self.end is None:
            self.begin(now)
