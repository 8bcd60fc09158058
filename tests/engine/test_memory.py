"""The loaded model and its cache."""

from __future__ import annotations

import math

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.memory import CONTEXT, KEEP_ALIVE_S, Memory
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.model import Model
from tests.engine.driving import OTHER_MODEL

Unloaded = list[tuple[str, str, float]]


def made() -> tuple[Memory, VirtualClock, Unloaded]:
    """A memory, its clock, and what it says of models that leave."""
    clock = VirtualClock()
    unloaded: Unloaded = []
    return Memory(clock, lambda *said: unloaded.append(said)), clock, unloaded


def test_nothing_is_loaded_at_the_start() -> None:
    """An empty memory holds and lists nothing, and forgetting nothing is silent."""
    memory, _, unloaded = made()
    assert memory.loaded(busy=False) is None
    assert not memory.holds(TEST_MODEL, busy=False)
    assert memory.listed(busy=False) == ()
    memory.unload()
    memory.make_room()
    memory.unload_when_idle(busy=False)
    assert unloaded == []


def test_a_model_stays_for_five_minutes() -> None:
    """The default keep-alive is 300 s of idleness, to the instant."""
    memory, clock, unloaded = made()
    stay = memory.load(TEST_MODEL)
    clock.advance(100)
    memory.used(stay, last=True)
    clock.advance(KEEP_ALIVE_S - 0.001)
    assert memory.loaded(busy=False) == TEST_MODEL
    clock.advance(0.001)
    assert memory.loaded(busy=False) is None
    assert unloaded == [("test-model:latest", "expired", 400.0)]
    assert KEEP_ALIVE_S == 300


def test_expiry_has_its_own_time() -> None:
    """Who looks late learns when it really happened, once."""
    memory, clock, unloaded = made()
    memory.load(TEST_MODEL)
    clock.advance(5000)
    assert memory.listed(busy=False) == ()
    assert memory.listed(busy=False) == ()
    assert unloaded == [("test-model:latest", "expired", 300.0)]


def test_a_busy_model_never_expires() -> None:
    """While a job runs, time does not count; the end of the job starts it."""
    memory, clock, unloaded = made()
    stay = memory.load(TEST_MODEL)
    clock.advance(10_000)
    assert memory.loaded(busy=True) == TEST_MODEL
    memory.used(stay, last=True)
    clock.advance(299)
    assert memory.loaded(busy=False) == TEST_MODEL
    assert unloaded == []


def test_keep_alive_zero_unloads_at_once() -> None:
    """When the job ends the model goes, and its cache with it."""
    memory, _, unloaded = made()
    stay = memory.load(TEST_MODEL, 0.0)
    memory.remember(stay, ["a"])
    memory.used(stay, last=False)
    assert memory.cache == ["a"]
    memory.used(stay, last=True)
    assert memory.loaded(busy=False) is None
    assert memory.cache == []
    assert unloaded == [("test-model:latest", "asked", 0.0)]


def test_keep_alive_for_ever() -> None:
    """`inf` never expires and is listed without an expiry."""
    memory, clock, _ = made()
    memory.used(memory.load(TEST_MODEL, math.inf), last=True)
    clock.advance(1e7)
    assert memory.loaded(busy=False) == TEST_MODEL
    assert [entry.expires_ns for entry in memory.listed(busy=False)] == [None]


def test_keep_alive_is_sticky() -> None:
    """A request without one leaves the former in force (3.2)."""
    memory, clock, _ = made()
    memory.used(memory.load(TEST_MODEL, 5400.0), last=True)
    memory.used(memory.load(TEST_MODEL), last=True)
    clock.advance(5399)
    assert memory.loaded(busy=False) == TEST_MODEL
    clock.advance(1)
    assert memory.loaded(busy=False) is None


@pytest.mark.parametrize("leave", ["expire", "replace", "unload", "clear"])
def test_a_fresh_load_has_the_default_keep_alive(leave: str) -> None:
    """What was sticky leaves with the model."""
    memory, clock, _ = made()
    memory.used(memory.load(OTHER_MODEL, 20.0), last=True)
    match leave:
        case "expire":
            clock.advance(20)
            assert memory.loaded(busy=False) is None
        case "unload":
            memory.unload()
        case "clear":
            memory.clear()
    memory.load(TEST_MODEL)
    clock.advance(299)
    assert memory.loaded(busy=False) == TEST_MODEL
    clock.advance(1)
    assert memory.loaded(busy=False) is None


def test_listed_shows_expiry_and_size() -> None:
    """What `/api/ps` needs: the wall time of expiry, VRAM above the size, the context."""
    memory, clock, _ = made()
    memory.load(TEST_MODEL)
    clock.advance(100)
    (entry,) = memory.listed(busy=False)
    assert entry.model == TEST_MODEL
    assert entry.expires_ns == clock.EPOCH_NS + 300_000_000_000
    assert entry.vram > TEST_MODEL.size
    assert entry.context == CONTEXT == 4096


def test_listed_while_busy_counts_from_now() -> None:
    """A busy model's expiry moves on with the clock."""
    memory, clock, _ = made()
    memory.load(TEST_MODEL)
    clock.advance(1000)
    (entry,) = memory.listed(busy=True)
    assert entry.expires_ns == clock.EPOCH_NS + 1_300_000_000_000


def test_loading_another_model_replaces() -> None:
    """There is room for one; the cache goes with its model."""
    memory, clock, unloaded = made()
    memory.load(TEST_MODEL)
    memory.cache[:] = ["a", "b"]
    clock.advance(7)
    memory.load(OTHER_MODEL)
    assert memory.loaded(busy=False) == OTHER_MODEL
    assert memory.cache == []
    assert unloaded == [("test-model:latest", "replaced", 7.0)]


def test_loading_the_same_model_keeps_the_cache() -> None:
    """By whatever spelling, it is the same model; loading it again starts its time anew."""
    memory, clock, unloaded = made()
    memory.load(TEST_MODEL)
    memory.cache[:] = ["a"]
    clock.advance(200)
    again = Model("Test-Model", 1, "", "", "", "")
    assert memory.holds(again, busy=False)
    memory.load(again)
    clock.advance(200)
    assert memory.loaded(busy=False) == again
    assert memory.cache == ["a"]
    assert unloaded == []


def test_make_room_forgets_for_another() -> None:
    """The reason is told."""
    memory, _, unloaded = made()
    memory.load(TEST_MODEL)
    memory.make_room()
    assert memory.loaded(busy=False) is None
    assert unloaded == [("test-model:latest", "replaced", 0.0)]


def test_unload_when_idle() -> None:
    """An idle model goes at once, a busy one when its job ends."""
    memory, _, unloaded = made()
    stay = memory.load(TEST_MODEL)
    memory.unload_when_idle(busy=True)
    assert memory.loaded(busy=True) == TEST_MODEL
    memory.used(stay, last=True)
    assert memory.loaded(busy=False) is None
    memory.load(OTHER_MODEL)
    memory.unload_when_idle(busy=False)
    assert memory.loaded(busy=False) is None
    assert [why for _, why, _ in unloaded] == ["asked", "asked"]


def test_clear_is_silent() -> None:
    """The state of the start, without a record."""
    memory, _, unloaded = made()
    memory.load(TEST_MODEL)
    memory.cache[:] = ["a"]
    memory.clear()
    assert memory.loaded(busy=False) is None
    assert memory.cache == []
    assert unloaded == []


@pytest.mark.parametrize(
    ("cache", "prompt", "count"),
    [
        ([], ["a"], 0),
        (["a"], [], 0),
        (["a", "b"], ["a", "b"], 2),
        (["a", "b", "c"], ["a", "b"], 2),
        (["a"], ["a", "b"], 1),
        (["a", "x", "c"], ["a", "b", "c"], 1),
        (["x", "b"], ["a", "b"], 0),
    ],
)
def test_match_is_the_longest_common_prefix(
    cache: list[str], prompt: list[str], count: int
) -> None:
    """Only what both begin with counts."""
    memory, _, _ = made()
    memory.cache[:] = cache
    assert memory.match(prompt) == count
