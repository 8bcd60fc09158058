"""The runners in memory: how long they stay, what is shown of them, and the cache."""

from __future__ import annotations

import math

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.host import Host
from ollama_simulator.engine.memory import LONGEST_NS, Memory
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.shape import shape
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.engine.vram import OVERHEAD
from ollama_simulator.model import Loaded, Model
from ollama_simulator.settings import Settings
from tests.engine.driving import NAME, OTHER_MODEL

Unloaded = list[tuple[str, str, float]]


class Shelf:
    """A memory under a clock that is moved by hand, and what it says of models that leave."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = VirtualClock()
        self.unloaded: Unloaded = []
        told = self.unloaded
        host = Host(self.clock, self.settings, "")
        self.memory = Memory(self.clock, self.settings, lambda *said: told.append(said), host)

    def runner(self, model: Model = TEST_MODEL, keep_alive: float = 300.0) -> Runner:
        """A runner that is loaded and in use."""
        runner = self.memory.planned(model, shape(model, {}, None, self.settings), keep_alive)
        self.memory.add(runner)
        self.memory.use(runner, None)
        return runner

    def idle(self, model: Model = TEST_MODEL, keep_alive: float = 300.0) -> Runner:
        """A runner that was used and is idle."""
        runner = self.runner(model, keep_alive)
        self.memory.release(runner)
        return runner

    @property
    def expiries(self) -> list[float]:
        """The expiries that are shown, in seconds after the start."""
        return [
            ((entry.expires_ns or 0) - self.clock.EPOCH_NS) / 1e9 for entry in self.memory.listed()
        ]


def test_nothing_is_loaded_at_the_start() -> None:
    """An empty memory has and lists nothing."""
    shelf = Shelf()
    assert shelf.memory.runners == ()
    assert shelf.memory.get(TEST_MODEL.weight_file) is None
    assert shelf.memory.latest is None
    assert shelf.memory.listed() == []
    assert shelf.memory.next_expiry == math.inf


# --- how long they stay -------------------------------------------------------------------


def test_the_timer_starts_when_the_last_request_ends() -> None:
    """With the keep-alive in force, to the instant (6.6)."""
    shelf = Shelf()
    runner = shelf.runner()
    shelf.memory.use(runner, None)
    shelf.clock.advance(1000)
    shelf.memory.release(runner)
    shelf.clock.advance(1000)
    assert shelf.memory.runners == (runner,)
    shelf.memory.release(runner)
    assert shelf.memory.next_expiry == 2300.0
    shelf.clock.advance(299.5)
    assert shelf.memory.get(TEST_MODEL.weight_file) is runner
    shelf.clock.advance(0.5)
    assert shelf.memory.get(TEST_MODEL.weight_file) is None
    assert shelf.unloaded == [(NAME, "expired", 2300.0)]


def test_a_new_request_stops_the_timer() -> None:
    """It starts anew when that one ends."""
    shelf = Shelf()
    runner = shelf.idle()
    shelf.clock.advance(299)
    shelf.memory.use(runner, None)
    assert shelf.memory.next_expiry == math.inf
    shelf.clock.advance(1000)
    assert shelf.memory.runners == (runner,)
    shelf.memory.release(runner)
    assert shelf.memory.next_expiry == 1599.0


def test_expiry_has_its_own_time() -> None:
    """Who looks late learns when it really happened, in order, and once."""
    shelf = Shelf()
    shelf.idle(TEST_MODEL, 200.0)
    shelf.idle(OTHER_MODEL, 100.0)
    shelf.clock.advance(5000)
    assert shelf.memory.listed() == []
    assert shelf.memory.listed() == []
    assert shelf.unloaded == [("other:7b", "expired", 100.0), (NAME, "expired", 200.0)]
    assert shelf.memory.departures == 2


def test_who_left_before_is_told_before() -> None:
    """Even if nobody looked until a request ended."""
    shelf = Shelf()
    shelf.idle(OTHER_MODEL, 5.0)
    runner = shelf.runner(keep_alive=0.0)
    shelf.clock.advance(10)
    shelf.memory.release(runner)
    assert shelf.unloaded == [("other:7b", "expired", 5.0), (NAME, "asked", 10.0)]


def test_keep_alive_is_sticky() -> None:
    """A request without one leaves the former in force (3.2)."""
    shelf = Shelf()
    runner = shelf.idle()
    for said, expiry in ((5400.0, 5400.0), (None, 5400.0), (7.0, 7.0), (None, 7.0)):
        shelf.memory.use(runner, said)
        shelf.memory.release(runner)
        assert shelf.memory.next_expiry == expiry


@pytest.mark.parametrize("keep_alive", [0.0, -1.0, -(2**63) / 1e9])
def test_a_keep_alive_of_nothing_unloads_with_the_last_request(keep_alive: float) -> None:
    """Right then (6.6); one that overflowed is negative, and means the same (3.2)."""
    shelf = Shelf()
    runner = shelf.runner()
    shelf.memory.use(runner, keep_alive)
    shelf.memory.release(runner)
    assert shelf.unloaded == []
    shelf.memory.release(runner)
    assert shelf.memory.runners == ()
    assert shelf.unloaded == [(NAME, "asked", 0.0)]


def test_keep_alive_for_ever() -> None:
    """It never goes, and its end is shown 292 years after it went idle."""
    shelf = Shelf()
    runner = shelf.idle(keep_alive=math.inf)
    shelf.clock.advance(1e7)
    assert shelf.memory.runners == (runner,)
    (entry,) = shelf.memory.listed()
    assert entry.expires_ns == shelf.clock.EPOCH_NS + LONGEST_NS


def test_a_condemned_runner_goes_when_it_can() -> None:
    """An idle one at once, a busy one with its last request, each for the reason given."""
    shelf = Shelf()
    shelf.memory.condemn(shelf.idle(), "replaced")
    assert shelf.unloaded == [(NAME, "replaced", 0.0)]
    runner = shelf.runner(OTHER_MODEL)
    shelf.memory.condemn(runner, "reloaded")
    shelf.memory.use(runner, None)
    shelf.memory.release(runner)
    assert len(shelf.unloaded) == 1
    shelf.memory.release(runner)
    assert shelf.unloaded[1:] == [("other:7b", "reloaded", 0.0)]


@pytest.mark.parametrize(("keep_alive", "why"), [(3.0, "expired"), (0.0, "asked")])
def test_a_request_with_a_keep_alive_overrules_that(keep_alive: float, why: str) -> None:
    """What it says is in force, and why the runner goes is told accordingly (6.5)."""
    shelf = Shelf()
    runner = shelf.runner()
    shelf.memory.condemn(runner, "replaced")
    shelf.memory.use(runner, keep_alive)
    shelf.memory.release(runner)
    shelf.memory.release(runner)
    shelf.clock.advance(3)
    assert shelf.memory.runners == ()
    assert shelf.unloaded == [(NAME, why, keep_alive)]


def test_the_latest_is_the_one_that_was_used_last() -> None:
    """Whatever the order in which they were loaded."""
    shelf = Shelf()
    first, second = shelf.idle(TEST_MODEL), shelf.idle(OTHER_MODEL)
    assert shelf.memory.latest is second
    shelf.memory.use(first, None)
    assert shelf.memory.latest is first
    shelf.memory.drop(first, "asked", 0.0)
    assert shelf.memory.latest is second


def test_a_runner_takes_the_place_of_one_with_the_same_weights() -> None:
    """Somebody loaded it by hand meanwhile."""
    shelf = Shelf()
    first, second = shelf.idle(), shelf.runner()
    assert shelf.memory.runners == (second,)
    assert shelf.unloaded == [(NAME, "replaced", 0.0)]
    assert first is not second


def test_who_uses_a_runner_that_left_changes_nothing() -> None:
    """Its end is nobody's business, and it is known to have left."""
    shelf = Shelf()
    runner = shelf.runner()
    shelf.memory.drop(runner, "asked", 0.0)
    successor = shelf.runner()
    shelf.memory.release(runner)
    assert runner.left
    assert not successor.left
    assert shelf.memory.runners == (successor,)
    assert shelf.unloaded == [(NAME, "asked", 0.0)]


def test_clear_is_silent() -> None:
    """The state of the start, without a record."""
    shelf = Shelf()
    runner = shelf.runner()
    runner.cache.keep(0, Words(["a"]))
    shelf.memory.clear()
    assert shelf.memory.runners == ()
    assert shelf.memory.remembered is None
    assert runner.left
    assert shelf.unloaded == []
    assert shelf.memory.departures == 1


# --- what is shown (4.5) ------------------------------------------------------------------


def test_listed() -> None:
    """Model, expiry in wall time, memory, context."""
    shelf = Shelf()
    shelf.clock.advance(50)
    shelf.idle()
    shelf.clock.advance(100)
    size = TEST_MODEL.size + OVERHEAD
    expires = shelf.clock.EPOCH_NS + 350_000_000_000
    assert shelf.memory.listed() == [Loaded(TEST_MODEL, expires, size, 4096, size)]


def test_the_size_may_be_given() -> None:
    """And without a GPU none of it is VRAM."""
    shelf = Shelf(Settings(gpu=False))
    shelf.idle(Model("m", 1, "d", "f", "1B", "Q4", memory_bytes=77))
    (entry,) = shelf.memory.listed()
    assert (entry.size, entry.vram) == (77, 0)


def test_the_expiry_of_a_first_use_moves() -> None:
    """A runner that was never idle shows now + keep-alive, on every call."""
    shelf = Shelf()
    runner = shelf.runner()
    seen = []
    for _ in range(3):
        seen += shelf.expiries
        shelf.clock.advance(10)
    assert seen == [300.0, 310.0, 320.0]
    shelf.memory.use(runner, 60.0)
    assert shelf.expiries == [90.0]


def test_the_expiry_of_a_later_use_is_stale() -> None:
    """It holds what it was when the runner last went idle, even in the past."""
    shelf = Shelf()
    runner = shelf.idle()
    shelf.clock.advance(100)
    shelf.memory.use(runner, 60.0)
    shelf.clock.advance(1000)
    assert shelf.expiries == [300.0]
    shelf.memory.release(runner)
    assert shelf.expiries == [1160.0]


@pytest.mark.parametrize("was_idle", [False, True])
def test_the_expiry_of_a_busy_runner_that_was_dismissed(was_idle: bool) -> None:
    """It is the moment of that request."""
    shelf = Shelf()
    runner = shelf.idle() if was_idle else shelf.runner()
    if was_idle:
        shelf.memory.use(runner, None)
    shelf.clock.advance(20)
    shelf.memory.dismiss(runner)
    shelf.clock.advance(20)
    assert shelf.expiries == [20.0]
    shelf.memory.release(runner)
    assert shelf.memory.listed() == []
    assert shelf.unloaded == [(NAME, "asked", 40.0)]


def test_a_crashed_runner_is_listed() -> None:
    """Until somebody wants it, or its timer."""
    shelf = Shelf()
    shelf.idle().crashed = True
    assert shelf.expiries == [300.0]
    shelf.clock.advance(300)
    assert shelf.expiries == []


# --- what slots remember ------------------------------------------------------------------


def test_what_is_remembered_is_lost_with_its_model() -> None:
    """And with no other one."""
    shelf = Shelf()
    owner, other = shelf.idle(TEST_MODEL, 100.0), shelf.idle(OTHER_MODEL, 50.0)
    owner.cache.keep(0, Words(["a"]))
    shelf.clock.advance(50)
    assert shelf.memory.remembered == Words(["a"])
    assert shelf.unloaded == [(other.model.name, "expired", 50.0)]
    shelf.clock.advance(50)
    assert shelf.memory.remembered is None


def test_the_last_one_that_was_used_is_remembered_first() -> None:
    """Where every runner has a memory of its own."""
    shelf = Shelf()
    first, second = shelf.runner(TEST_MODEL), shelf.runner(OTHER_MODEL)
    for runner in (first, second):
        runner.cache = LegacyCache(1)
        runner.cache.keep(0, Words([runner.model.name]))
    assert shelf.memory.remembered == Words([OTHER_MODEL.name])
    shelf.memory.use(first, None)
    assert shelf.memory.remembered == Words([NAME])
    shelf.memory.forget()
    assert shelf.memory.remembered is None
    assert shelf.memory.runners == (first, second)
