"""A job in a slot: what it need not read, when its tokens are made, what it leaves behind.

Source: engine model, 1.3 to 1.5, 1.9 and 1.11.

Rules of this file:

1. A slot whose client left works on until the runner notices: that is wasted work, and the next
   job waits for it (1.11). Where iterations take no time it is free at once.
2. A slot is lost whose client left while a write to it was blocked: Ollama never takes it back
   (native specification, 6.7). Only another runner has it again.

It must not import anything but layer 0 and its own package.
"""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Interrupt
from ollama_simulator.engine.caching import overflow
from ollama_simulator.engine.caching.cache import Move
from ollama_simulator.engine.host import Host
from ollama_simulator.engine.plan import Work
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.ticker import Ticker
from ollama_simulator.records import See
from ollama_simulator.wheel import Alarm

POLL_S = 1.0
"""Seconds between two looks of the engine `current` at a client that gets no tokens yet."""


class Visit(msgspec.Struct, frozen=True):
    """What a job wants of its slot."""

    unread: int
    """Tokens of its prompt, whatever is cached."""
    prompt: Any = None
    """The same as `Tokens`, for a job that uses the KV cache; None for one that doesn't."""
    total: int | None = None
    """Tokens that it will generate; None if that isn't known before."""
    kept: int = 0
    """Tokens at the beginning that stay when the window is full."""
    turns: tuple[int, ...] = ()
    """Where messages of the user begin in the prompt, as far as the runner is told so."""


class Seat:
    """A job's use of a slot."""

    def __init__(
        self, host: Host, runner: Runner, name: str, visit: Visit, gone: Interrupt, see: See
    ) -> None:
        """One of the runner's slots must have been taken. The job takes part in the batch."""
        self._host = host
        self._runner = runner
        self._ticker = runner.ticker
        self.timeless = runner.ticker is None
        """Whether the machine takes no time, so that only the pace counts."""
        self._name = name
        self._visit = visit
        self._gone = gone
        self._see = see
        self._since = host.clock.now()
        self._tokens: int | None = None
        """How long the answer was; None before it ended well."""
        self._reply: Any = None
        self._unread = 0
        self.cached = 0
        """Tokens of the prompt that need not be read."""
        idle = runner.slots.idle
        moves: tuple[Move, ...] = ()
        if visit.prompt is None:
            # The one that was left last: what it holds is least likely to be missed.
            self.slot = idle[-1]
        else:
            place = runner.cache.take(visit.prompt, idle, visit.turns)
            self.slot, self.cached, moves = place.slot, place.cached, place.moves
        idle.remove(self.slot)
        self._work = Work(
            self.slot,
            visit.unread - self.cached,
            self.cached,
            total=visit.total,
            window=runner.context - (host.settings.engine == "current"),
            kept=visit.kept,
        )
        if not self._work.unread:
            self._work.begun_at = self._work.read_at = self._since
        if moves:
            self._copy(moves)
        if self._ticker is not None:
            self._ticker.join(self._work)

    def _copy(self, moves: Iterable[Move]) -> None:
        copy_bps = self._host.settings.hardware_for(self._name).cache.copy_Bps
        for move in moves:
            seconds = move.size / copy_bps
            self._see(
                records.CacheMoved,
                model=self._name,
                how=move.how,
                tokens=move.tokens,
                size=move.size,
                seconds=seconds,
            )
            if self._ticker is not None:
                self._ticker.delay(seconds)

    # --- while it goes on -------------------------------------------------------------------------

    async def made(self, token: int) -> bool:
        """Wait until a token is generated, counted from 1, or until the prompt is read (0).

        Returns False if the client left first.
        """
        if self._ticker is None:
            return not self._gone.fired
        return await self._ticker.until(self._work, token, self._gone)

    @property
    def first_at(self) -> float:
        """When the first token was made; `inf` before, or if the machine takes no time."""
        return self._work.first_at

    def tell(self, token: int, alarm: Alarm) -> None:
        """Call an alarm when a token is generated. Not for a machine that takes no time."""
        assert self._ticker is not None
        self._ticker.tell(self._work, token, alarm)

    def tell_not(self, alarm: Alarm) -> None:
        """Don't call it after all."""
        if self._ticker is not None:
            self._ticker.tell_not(alarm)

    def time_of(self, token: int) -> float:
        """When that was; `-inf` if the machine takes no time."""
        if self._ticker is None:
            return -math.inf
        return self._ticker.batch.time_of(self._work, token)

    def stalled(self) -> None:
        """The reader was held up: what was made meanwhile may have been too much for it."""
        self._work.held = True

    @property
    def reading_s(self) -> float:
        """Seconds that the machine read its prompt, without what it copied or read of others
        before; 0 if it takes no time."""
        work = self._work
        return 0.0 if self._ticker is None else work.read_at - work.begun_at

    def read_again(self, tokens: int) -> None:
        """Have so many tokens read, and then the tokens of the answer counted anew."""
        self._tokens = None
        if self._ticker is not None:
            self._ticker.read_again(self._work, tokens)

    def read_another(self, tokens: int) -> None:
        """Have a text of so many tokens read, which doesn't follow the one before."""
        self._work.depth = 0
        self.read_again(tokens)

    @property
    def unread(self) -> int:
        """Tokens of the prompt that are still to be read; 0 if the machine takes no time."""
        if self._ticker is None:
            return 0
        return self._ticker.batch.unread(self._work, self._host.clock.now())

    def end(self, tokens: int) -> None:
        """The answer is over with its `tokens`-th token."""
        self._tokens = tokens

    def keep(self, reply: Any, unread: int = 0) -> None:
        """What the slot will hold behind the prompt: these tokens, and of the prompt all but the
        `unread` last ones, if the machine takes no time and so can't tell."""
        self._reply = reply
        self._unread = unread

    # --- the end ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """The job is over, one way or another."""
        if self._ticker is not None and self._tokens is None and not self._gone.in_write:
            self._linger(self._ticker)
            return
        self._keep()
        if self._ticker is not None:
            self._ticker.finish(self._work, self._tokens or 0)
        if not self._gone.in_write:
            self._free(0, 0)

    def _linger(self, ticker: Ticker) -> None:
        """Work on until the runner notices that nobody listens."""
        batch, work, now = ticker.batch, self._work, self._host.clock.now()
        made, unread = batch.made(work, now), batch.unread(work, now)

        freed = Interrupt()

        def free(at: float) -> None:
            if freed.fired:
                return
            freed.fire()
            ticker.leave(work, at)
            then = self._host.clock.now()
            in_vain = max(batch.made(work, then) - made, 0), unread - batch.unread(work, then)
            self._keep()
            self._free(*in_vain)

        engine = self._host.settings.engine
        if engine == "seed" or self._runner.crashed:
            free(now)
            return
        if not unread:
            ticker.at_boundary(now, free)
            return
        # It notices when it tries to send the first token.
        ticker.when_read(work, free)
        if engine == "current":
            looks = math.floor((now - self._since) / POLL_S) + 1
            ticker.at_boundary(self._since + looks * POLL_S, free)

    def _free(self, wasted_tokens: int, wasted_prompt: int) -> None:
        self._runner.slots.idle.append(self.slot)
        self._runner.slots.give()
        self._see(
            records.Released,
            model=self._name,
            slot=self.slot,
            wasted_tokens=wasted_tokens,
            wasted_prompt=wasted_prompt,
        )

    def _keep(self) -> None:
        prompt, runner = self._visit.prompt, self._runner
        if prompt is None or runner.left:
            return
        unread = self._unread if self._ticker is None else self.unread
        read = prompt.first(self._visit.unread - unread)
        tokens = read if unread or self._reply is None else read.plus(self._reply)
        engine = self._host.settings.engine
        if engine != "seed":
            tokens = overflow.held(engine, tokens, runner.context, self._visit.kept)
        runner.cache.keep(self.slot, tokens)
