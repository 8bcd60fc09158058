"""The iterations of one runner: who takes part in each, how long it takes, what it yields.

Source: engine model, 1.9 and 2.1.

Rules of this file:

1. An iteration carries one token for each slot that generates and, up to the batch's size, tokens
   of prompts. When it ends, every slot in it that generates has one more token, and a prompt that
   was read to its end yields its first.
2. Who comes or goes in the middle of an iteration counts from the next one on.
3. It knows no clock: whoever drives it tells the time, which never goes back.

It must not import anything but layer 0 and its own package.
"""

import math

from ollama_simulator.engine.filling import by_turns, greedy
from ollama_simulator.engine.jitter import Factors
from ollama_simulator.engine.plan import FOREVER, OUTBOX, Plan, Work
from ollama_simulator.engine.timing import Timing, positions


class Batch:
    """The batch of one runner."""

    def __init__(
        self,
        timing: Timing,
        size: int,
        *,
        factors: Factors | None = None,
        turn: int = 0,
        rotates: bool = False,
    ) -> None:
        """`size` in tokens. `turn` is where in the factors it begins. One that `rotates` gives
        another slot the first place in each iteration, and may leave out who comes last
        (engine `legacy`); else those that generate come first, then prompts by their slots."""
        self._timing = timing
        self._size = size
        self._factors = factors
        self._turn = turn
        self._rotates = rotates
        self._iterations = 0
        self.slowness = 1.0
        """How many times the time of its profile it takes."""
        self._works: list[Work] = []
        self._plan: Plan | None = None
        self._delay = 0.0
        """Seconds that the next iteration begins later."""

    @property
    def busy(self) -> bool:
        """Whether a job takes part."""
        return bool(self._works)

    # --- who comes and goes -----------------------------------------------------------------------

    def join(self, work: Work, now: float) -> None:
        """Take part from the next iteration on."""
        self.advance(now)
        self._works.append(work)
        self._works.sort(key=lambda each: each.slot)
        self._change(now)

    def leave(self, work: Work, at: float, now: float) -> None:
        """Take part no more, from the iteration on that begins at a moment or is the next then.

        That may be over: an iteration that began since is done without it.
        """
        self.advance(now)
        self._works.remove(work)
        plan = self._plan
        if plan is None:
            self._change(now)
            return
        number = plan.ended(now)
        while number and plan.end(number) > at:
            number -= 1
        self._cut(number + (plan.end(number) < at), now)

    def finish(self, work: Work, tokens: int, now: float) -> None:
        """The same for a job whose answer ends with this token: an iteration that began since
        that was made is done without it."""
        self.advance(now)
        self._works.remove(work)
        plan = self._plan
        if plan is not None and work in plan.generating and work.made <= tokens:
            self._cut(tokens - work.made, now)
        else:
            self._change(now)

    def read_again(self, work: Work, unread: int, now: float) -> None:
        """Have a job read so many tokens more, and then count its tokens anew."""
        self.advance(now)
        work.unread = unread
        work.made = work.taken = 0
        work.begun_at = work.read_at = math.inf if unread else now
        self._change(now)

    def want(self, work: Work, now: float) -> None:
        """The reader of a job waits for a token from now on."""
        if work.held and not work.paused:
            work.absent = True
            self.pause(now)
        work.waits = True
        work.held = work.absent = False
        if work.paused:
            work.paused = False
            self._change(now)

    def there(self, work: Work, token: int, now: float) -> bool:
        """Whether a token is made. If it is, it is given to who waits for it.

        Token 0 is the end of the prompt.
        """
        if self.unread(work, now):
            return False
        made = self.made(work, now)
        if made < token:
            return False
        work.waits = False
        work.taken = made
        return True

    def pause(self, now: float) -> None:
        """Pause who is ahead of a reader that has not asked since this was called last: from the
        iteration on in which it fell behind, which may be over."""
        self.advance(now)
        plan = self._plan
        if plan is None:
            return
        ended = plan.ended(now)
        for work in plan.generating:
            fell = max(work.taken + OUTBOX - work.made, 0)
            if work.waits or ended <= fell:
                continue
            if not work.absent:
                # It may be our own lateness: then it asks as soon as it has its turn.
                work.absent = True
                continue
            work.paused = True
            self._cut(fell, now)
            self.pause(now)
            return

    def slow(self, slowness: float, now: float) -> None:
        """Take so many times the time, from the next iteration on."""
        self.advance(now)
        self.slowness = slowness
        self._change(now)

    def delay(self, seconds: float, now: float) -> None:
        """Have all wait once, before the next iteration."""
        self.advance(now)
        self._delay += seconds
        self._change(now)

    # --- what it has come to ----------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Take note of the iterations that are over."""
        while (plan := self._plan) is not None and plan.over_at <= now:
            self._apply(plan, plan.count)
            self._compose(plan.over_at)

    def made(self, work: Work, now: float) -> int:
        """The tokens that a job has generated."""
        self.advance(now)
        plan = self._plan
        if plan is None or work.unread or work not in plan.generating:
            return work.made
        return work.made + plan.ended(now)

    def unread(self, work: Work, now: float) -> int:
        """Tokens of its prompt that are still to be evaluated."""
        self.advance(now)
        plan = self._plan
        if plan is None or not work.unread:
            return work.unread
        taken = next((tokens for each, tokens in plan.reading if each is work), 0)
        return work.unread - taken * plan.ended(now)

    def time_of(self, work: Work, token: int) -> float:
        """When a token was or will be made, as far as that is known; else when to ask again.

        `inf` if nothing goes on. Token 0 is the end of its prompt.
        """
        plan = self._plan
        if not work.unread and token <= work.made:
            return work.read_at if token == 0 else work.last_at
        if plan is None:
            return math.inf
        ahead = token - work.made
        if ahead < plan.count and not work.unread and work in plan.generating:
            return plan.end(ahead)
        return plan.over_at

    def boundary(self, now: float) -> float:
        """When the iteration in progress is over; now if there is none."""
        self.advance(now)
        plan = self._plan
        return now if plan is None else plan.end(plan.ended(now) + 1)

    # --- planning ---------------------------------------------------------------------------------

    def _change(self, now: float) -> None:
        """Plan anew after the iteration in progress."""
        plan = self._plan
        if plan is None:
            self._compose(now)
            return
        self._cut(plan.ended(now) + 1, now)

    def _cut(self, number: int, now: float) -> None:
        plan = self._plan
        assert plan is not None
        number = min(number, plan.count)
        if number <= plan.ended(now):
            self._apply(plan, number)
            self._compose(plan.end(number))
            self.advance(now)
            return
        if number < plan.count:
            plan.shorten(number)

    def _apply(self, plan: Plan, number: int) -> None:
        """So many iterations of a plan are over."""
        self._plan = None
        self._turn += number
        self._iterations += number
        if not number:
            return
        end = plan.end(number)
        for work in plan.generating:
            if not work.made:
                work.first_at = plan.end(1)
            work.made += number
            work.depth += number
            work.last_at = end
        for work, tokens in plan.reading:
            work.begun_at = min(work.begun_at, plan.start)
            work.unread -= tokens * number
            work.depth += tokens * number
            if not work.unread:
                work.made = 1
                work.read_at = work.first_at = work.last_at = end

    def _compose(self, start: float) -> None:
        """Plan the next iterations."""
        self._plan = None
        works = self._works
        if not works:
            return
        if self._rotates and len(works) > 1:
            first = self._iterations % len(works)
            works = [*works[first:], *works[:first]]
        able: list[Work] = []
        reading: list[Work] = []
        for work in works:
            if work.unread:
                reading.append(work)
            elif work.able:
                able.append(work)
        if not able and not reading:
            return
        if self._rotates and able and reading:
            able, takes = by_turns(works, self._size)
        else:
            takes = greedy(reading, max(self._size - len(able), 1)) if reading else []
        contexts = tokens = 0
        read = 0.0
        for work in able:
            work.make_room()
            contexts += work.depth
        for work, taken in takes:
            tokens += taken
            read += positions(taken, work.depth)
        count = self._repeats(able, takes, len(works))
        timing = self._timing
        base = timing.iteration(tokens, read, len(able), contexts)
        slope = timing.per_context * len(able) + timing.per_position * tokens * tokens
        slowness = self.slowness
        start += self._delay
        self._delay = 0.0
        self._plan = Plan(
            start, count, base * slowness, slope * slowness, able, takes, self._factors, self._turn
        )

    def _repeats(self, able: list[Work], takes: list[tuple[Work, int]], works: int) -> int:
        """How many iterations of this make-up follow each other."""
        if takes and ((self._rotates and works > 1) or len(takes) > 1):
            return 1
        count = FOREVER
        for work in able:
            count = min(count, work.room)
        for work, taken in takes:
            # The one that reads the last token yields one, so it is another make-up from there.
            count = min(count, max((work.unread - 1) // taken, 1))
        return count
