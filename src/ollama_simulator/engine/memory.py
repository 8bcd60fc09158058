"""What a server has in memory: its runners.

Source: native specification 4.5, 6.5 and 6.6.

Rules of this file:

1. A runner that is in use never expires. Expiry is worked out when somebody looks, and is told
   with the time at which it happened.
2. A runner that left memory changes nothing any more, whoever still uses it. What its slots held
   is lost.

It must not import anything but layer 0 and its own package.
"""

import math
from collections.abc import Callable

from ollama_simulator.clock import Clock
from ollama_simulator.engine.caching.tokens import Tokens
from ollama_simulator.engine.host import Host
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.shape import Shape
from ollama_simulator.engine.vram import Vram
from ollama_simulator.model import Loaded, Model
from ollama_simulator.records import Unloading
from ollama_simulator.settings import Settings

LONGEST_NS = 2**63 - 1
"""Go's longest duration, about 292 years: what "for ever" is."""

Unloaded = Callable[[str, Unloading, float], None]
"""Told when a model leaves memory: its name, why, and when."""


class Memory:
    """The runners of one server, by their weight files."""

    def __init__(self, clock: Clock, settings: Settings, unloaded: Unloaded, host: Host) -> None:
        self.departures = 0
        """How many runners have left so far."""
        self._clock = clock
        self._vram = Vram(settings)
        self._unloaded = unloaded
        self._host = host
        self._runners: dict[str, Runner] = {}
        self._turns = 0

    # --- looking ------------------------------------------------------------------------------

    @property
    def runners(self) -> tuple[Runner, ...]:
        """All runners, in the order in which they were loaded. Looking lets them expire."""
        self.expire()
        return tuple(self._runners.values())

    def expire(self) -> None:
        """Have those leave whose time is over."""
        now = self._clock.now()
        for runner in self._runners.values():
            if runner.expires <= now:
                break
        else:
            return
        due = [runner for runner in self._runners.values() if runner.expires <= now]
        for runner in sorted(due, key=lambda runner: runner.expires):
            self.drop(runner, "expired", runner.expires)

    def get(self, key: str) -> Runner | None:
        """The runner of a weight file."""
        self.expire()
        return self._runners.get(key)

    @property
    def latest(self) -> Runner | None:
        """The runner that was used last."""
        return max(self.runners, key=lambda runner: runner.turn, default=None)

    @property
    def next_expiry(self) -> float:
        """When the next runner goes by itself; `inf` for never."""
        return min((runner.expires for runner in self.runners), default=math.inf)

    def listed(self) -> list[Loaded]:
        """What `/api/ps` shows of the runners, in the order in which they were loaded."""
        return [self.shown(runner) for runner in self.runners]

    def shown(self, runner: Runner) -> Loaded:
        """What `/api/ps` shows of one runner."""
        expires = runner.expires_ns
        if expires is None:
            # It was never idle: the end moves on with the clock.
            expires = self._wall(runner.keep_alive)
        return Loaded(
            runner.model,
            expires,
            runner.room.vram,
            runner.shape.shown_context,
            runner.room.size,
        )

    # --- room for runners ---------------------------------------------------------------------

    @property
    def vram(self) -> int:
        """Bytes of GPU memory that are taken."""
        return sum(runner.room.vram for runner in self._runners.values())

    def fits(self, model: Model, shape: Shape) -> bool:
        """Whether one more may be loaded. If it is alone it may, whatever its size."""
        return not self._runners or self._vram.fits(model, shape, self.vram)

    def planned(self, model: Model, shape: Shape, keep_alive: float) -> Runner:
        """A runner with the room that there is for it now. It is not here yet."""
        fitted, host = self._vram.fitted(model, shape, self.vram), self._host
        cache, ticker = host.cache(model, fitted), host.ticker(model, fitted)
        runner = Runner(model, fitted, keep_alive, cache, ticker)
        runner.room = self._vram.room(model, runner.shape, self.vram)
        return runner

    # --- runners come, are used and go --------------------------------------------------------

    def add(self, runner: Runner) -> None:
        """Have a new runner, which somebody is about to use.

        One with the same weights is forgotten: the user put it there by hand meanwhile.
        """
        if (other := self._runners.get(runner.key)) is not None:
            self.drop(other, "replaced", self._clock.now())
        # What came by hand while it was loaded may have taken its room.
        room = self._vram.room(runner.model, runner.shape, self.vram)
        if room.vram < runner.room.vram or not runner.room.size:
            runner.room = room
        self._runners[runner.key] = runner

    def use(self, runner: Runner, keep_alive: float | None) -> None:
        """A request begins to use a runner. Its `keep_alive`, if it has one, stays (3.2)."""
        self._turns += 1
        runner.turn = self._turns
        runner.users += 1
        runner.expires = math.inf
        if keep_alive is not None:
            runner.keep_alive = keep_alive
            runner.why = "asked"

    def release(self, runner: Runner) -> None:
        """A request has ended."""
        self.expire()  # So that what is told is told in its order.
        runner.users -= 1
        if not runner.users and runner in self._runners.values():
            self._rest(runner)

    def condemn(self, runner: Runner, why: Unloading) -> None:
        """Have a runner go: now if it is idle, else after the last request that uses it."""
        runner.keep_alive = 0.0
        runner.why = why
        if not runner.users:
            self._rest(runner)

    def dismiss(self, runner: Runner) -> None:
        """The same on a client's wish, which `/api/ps` shows (4.5)."""
        runner.expires_ns = self._wall(0.0)
        self.condemn(runner, "asked")

    def drop(self, runner: Runner, why: Unloading, when: float) -> None:
        """Forget a runner, used or not, and its cache with it."""
        del self._runners[runner.key]
        self.departures += 1
        _leaves(runner)
        self._unloaded(runner.model.name, why, when)

    def clear(self) -> None:
        """Forget everything without a word: the state of a server that was just started."""
        self.departures += len(self._runners)
        for runner in self._runners.values():
            _leaves(runner)
        self._runners.clear()

    # --- what their slots remember ----------------------------------------------------------------

    @property
    def remembered(self) -> Tokens | None:
        """What the slot holds that was left last by a job that uses the cache; None for nothing.

        It is gone if its model has left memory.
        """
        for runner in sorted(self.runners, key=lambda runner: -runner.turn):
            if (latest := runner.cache.latest) is not None:
                tokens: Tokens = latest
                return tokens
        return None

    def forget(self) -> None:
        """Have every slot forget what it holds."""
        for runner in self.runners:
            runner.cache.clear()

    def _rest(self, runner: Runner) -> None:
        """Nobody uses it any more (6.6)."""
        now = self._clock.now()
        if runner.keep_alive <= 0:
            self.drop(runner, runner.why, now)
            return
        runner.expires = now + runner.keep_alive
        runner.expires_ns = self._wall(runner.keep_alive)

    def _wall(self, seconds: float) -> int:
        later = LONGEST_NS if math.isinf(seconds) else round(seconds * 1e9)
        return self._clock.wall_ns() + later


def _leaves(runner: Runner) -> None:
    runner.left = True
    runner.cache.clear()
