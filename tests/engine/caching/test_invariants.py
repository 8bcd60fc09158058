"""What holds for every engine's cache, whatever comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.caching.cache import Place, PromptCache
from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.rewinding import ANYWHERE, NOWHERE, Rewinding
from ollama_simulator.engine.caching.seed import SeedCache
from tests.engine.caching.runs import Stretches

MIB = 1024 * 1024
WINDOW = Rewinding("window", 30, 40)
Made = Callable[[int], PromptCache[Stretches]]


def current(rewinding: Rewinding) -> Made:
    return lambda slots: CurrentCache(
        slots, ram_mib=1, bytes_per_token=4096, rewinding=rewinding, batch=16
    )


def legacy(rewinding: Rewinding, *, multiuser: bool) -> Made:
    return lambda slots: LegacyCache(slots, rewinding=rewinding, multiuser=multiuser)


ENGINES: dict[str, Made] = {
    **{f"current {way.to}": current(way) for way in (ANYWHERE, NOWHERE, WINDOW)},
    **{f"legacy {way.to}": legacy(way, multiuser=False) for way in (ANYWHERE, NOWHERE, WINDOW)},
    **{f"multiuser {way.to}": legacy(way, multiuser=True) for way in (ANYWHERE, NOWHERE, WINDOW)},
}

RUNS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([1, 7, 60])), min_size=1, max_size=4
).map(lambda parts: Stretches(tuple(parts)))
JOBS = st.lists(st.tuples(RUNS, RUNS, st.floats(0, 1), st.integers(0, 9)), max_size=12)
Jobs = list[tuple[Stretches, Stretches, float, int]]


def played(made: PromptCache[Stretches], slots: int, jobs: Jobs) -> list[Place]:
    """What became of these jobs. Some end early, and some only when others have begun."""
    places = []
    running: dict[int, Stretches] = {}
    for prompt, answer, part, number in jobs:
        idle = [slot for slot in range(slots) if slot not in running]
        before = {slot: [*(made.holds(slot) or ())] for slot in range(slots)}
        place = made.take(prompt, idle)
        places.append(place)
        assert place.slot in idle
        assert 0 <= place.cached < len(prompt)
        assert [*(made.holds(place.slot) or ())] == [*prompt][: place.cached]
        others = set(range(slots)) - {place.slot}
        assert all([*(made.holds(slot) or ())] == before[slot] for slot in others)
        whole = prompt.plus(answer)
        running[place.slot] = whole.first(max(place.cached, round(part * len(whole))))
        if len(running) == slots or number % 2:
            slot = sorted(running)[number % len(running)]
            made.keep(slot, tokens := running.pop(slot))
            assert [*(made.latest or ())] == [*tokens]
        if isinstance(made, CurrentCache):
            assert 0 <= made.ram <= MIB
    return places


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=60)  # for each of nine engines
@given(st.integers(1, 3), JOBS)
def test_slots(engine: str, slots: int, jobs: Jobs) -> None:
    """A prompt finds no more than its beginning, one token is evaluated, others lose nothing, and
    the same jobs go the same way again."""
    made = ENGINES[engine](slots)
    first = played(made, slots, jobs)
    made.clear()
    assert played(made, slots, jobs) == first
    assert played(ENGINES[engine](slots), slots, jobs) == first


@given(JOBS)
def test_nothing_is_cached_that_cannot_be(jobs: Jobs) -> None:
    """What can't be rewound never does better than what can, with one slot and no memory."""
    for prompt, answer, part, _ in jobs:
        for other, _, _, _ in jobs:
            found = []
            for way in (ANYWHERE, WINDOW, NOWHERE):
                made = CurrentCache[Stretches](1, ram_mib=0, rewinding=way, batch=16)
                cached = made.take(prompt, [0]).cached
                whole = prompt.plus(answer)
                made.keep(0, whole.first(max(cached, round(part * len(whole)))))
                found.append(made.take(other, [0]).cached)
            assert found[0] == max(found)


@given(JOBS)
def test_the_seed(jobs: Jobs) -> None:
    """The one engine that has whole prompts cached."""
    share = SeedCache[Stretches]().share()
    held: list[tuple[int, int]] = []
    for prompt, answer, _, _ in jobs:
        cached = share.take(prompt, [0]).cached
        assert held[:cached] == [*prompt][:cached]
        assert held[cached : cached + 1] != [*prompt][cached : cached + 1] or cached == len(prompt)
        whole = prompt.plus(answer)
        share.keep(0, whole)
        held = [*whole]
