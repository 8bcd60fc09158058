"""How much memory a model takes, and whether there is room for it (engine model 1.2, 1.9, 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.shape import Shape, shape
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.engine.vram import OVERHEAD, Room, Vram, kv_bytes_per_token, needs
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings
from tests.engine.cards import GIB, MIB, card

RTX = "rtx-5090-qwen3-32b"
QWEN = Model("qwen3:32b", 20_200_000_000, "d", "qwen3", "32.8B", "Q4_K_M", context_length=40_960)


def model(size: int = GIB, **fields: Any) -> Model:
    """A model of this size that takes 1 KiB of cache for a token."""
    return Model("m", size, "d", "llama", "1B", "Q4", **{"kv_bytes_per_token": 1024, **fields})


def made(of: Model, settings: Settings, **options: Any) -> Shape:
    """The shape that a request with these options wants."""
    return shape(of, options, None, settings)


@pytest.mark.parametrize(("context", "seen"), [(4096, 21_579_390_080), (32_768, 29_148_011_648)])
def test_the_memory_that_was_measured(context: int, seen: int) -> None:
    """What `/api/ps` of the real machine showed, within a hundredth (2.5)."""
    settings = Settings(profile=RTX, wire="0.13.5")
    room = Vram(settings).room(QWEN, made(QWEN, settings, num_ctx=context), 0)
    assert room.size == room.vram == pytest.approx(seen, rel=0.01)


def test_a_machine_without_numbers_adds_a_lump() -> None:
    """As the seed does, whatever the context is."""
    for context in (4096, 100_000):
        wanted = made(TEST_MODEL, Settings(), num_ctx=context)
        assert Vram(Settings()).room(TEST_MODEL, wanted, 10**15) == Room(
            TEST_MODEL.size + OVERHEAD, TEST_MODEL.size + OVERHEAD
        )


def test_what_it_consists_of() -> None:
    """Weights, a cache for each token of each slot, a fixed part for each slot, work space."""
    settings = Settings(profile=card(graph=7 * MIB), num_parallel=3)
    of = model(kv_fixed_bytes=5 * MIB)
    cache = 3 * 4096 * 1024
    assert needs(settings, of, made(of, settings)) == GIB + cache + 15 * MIB + 7 * MIB
    assert needs(settings, model(memory_bytes=17), made(of, settings)) == 17


@pytest.mark.parametrize(("kind", "each"), [("f16", 1024), ("q8_0", 544), ("q4_0", 288)])
def test_a_quantised_cache_takes_less(kind: Any, each: int) -> None:
    settings = Settings(profile=card(), kv_cache_type=kind)
    assert kv_bytes_per_token(settings, model()) == each
    assert needs(settings, model(), made(model(), settings)) == GIB + 4096 * each


def test_the_cache_of_a_model_is_its_own_or_that_of_the_profile() -> None:
    """That of the profile that is meant for it; a model that only embeds has none."""
    settings = Settings(profile=RTX, model_profiles={"other": card()})
    bare = model(kv_bytes_per_token=0)
    assert kv_bytes_per_token(settings, bare) == 262_144
    assert kv_bytes_per_token(settings, model()) == 1024
    other = Model("other", 1, "d", "llama", "1B", "Q4")
    assert kv_bytes_per_token(settings, other) == 0
    embeds = model(kv_bytes_per_token=0, capabilities=("embedding",))
    assert kv_bytes_per_token(settings, embeds) == 0


@pytest.mark.parametrize(("wire", "margin"), [("0.33", 1024 * MIB), ("0.13.5", 457 * MIB)])
def test_what_does_not_fit_is_not_on_the_gpu(wire: Any, margin: int) -> None:
    """A margin stays free."""
    settings = Settings(profile=card(), wire=wire)
    vram = Vram(settings)
    most = 10 * GIB - margin
    for size, there in ((most, most), (most + 1, most), (50 * GIB, most)):
        of = model(size, kv_bytes_per_token=0, memory_bytes=size)
        assert vram.room(of, made(of, settings), 0) == Room(size, there)
    of = model(memory_bytes=2 * GIB)
    assert vram.room(of, made(of, settings), 10 * GIB) == Room(2 * GIB, 0)


def test_each_gpu_keeps_its_margin() -> None:
    settings = Settings(profile=card(gpus=2))
    of = model(memory_bytes=50 * GIB)
    assert Vram(settings).room(of, made(of, settings), 0).vram == 8 * GIB


def test_what_is_reserved_is_not_there() -> None:
    """`OLLAMA_GPU_OVERHEAD`."""
    settings = Settings(profile=card(), gpu_overhead=4 * GIB)
    assert Vram(settings).budget == 6 * GIB
    of = model(memory_bytes=9 * GIB)
    assert Vram(settings).room(of, made(of, settings), 0).vram == 5 * GIB
    assert Vram(Settings(profile=card(), gpu_overhead=99 * GIB)).budget == 0


@pytest.mark.parametrize(
    ("settings", "options"),
    [({"gpu": False}, {}), ({"profile": card(gpus=0)}, {}), ({}, {"num_gpu": 0})],
)
def test_nothing_is_on_the_gpu(settings: dict[str, Any], options: dict[str, Any]) -> None:
    """And so there is always room."""
    here = Settings(**{"profile": card(), **settings})
    of = model(memory_bytes=50 * GIB)
    wanted = made(of, here, **options)
    assert Vram(here).room(of, wanted, 0) == Room(50 * GIB, 0)
    assert Vram(here).fits(of, wanted, 10 * GIB)


@pytest.mark.parametrize(
    ("size", "used", "fits"),
    [
        (8 * GIB - 4 * MIB, 0, True),
        (8 * GIB - 4 * MIB + 1, 0, False),
        (4 * GIB - 4 * MIB, 5 * GIB, True),
        (4 * GIB - 4 * MIB + 1, 5 * GIB, False),
        (1, 10 * GIB, False),
    ],
)
def test_a_further_model_may_take_four_fifths_of_what_is_free(
    size: int, used: int, fits: bool
) -> None:
    """It is predicted to take its file and its cache of 4 MiB, at 16 bits, and nothing else."""
    for kind in ("f16", "q4_0"):
        settings = Settings(profile=card(graph=9 * GIB), kv_cache_type=kind)
        assert Vram(settings).fits(model(size), made(model(size), settings), used) is fits


def test_a_larger_batch_counts_in_the_prediction() -> None:
    """2 GiB, or 768 MiB; not for a model that only embeds."""
    for batch, extra in ((2048, 2048 * MIB), (1024, 768 * MIB), (512, 0)):
        settings = Settings(profile=card(batch=batch))
        for more, fits in ((0, True), (1, False)):
            of = model(8 * GIB - extra + more, kv_bytes_per_token=0)
            assert Vram(settings).fits(of, made(of, settings), 0) is fits
    of = model(8 * GIB, kv_bytes_per_token=0, capabilities=("embedding",))
    assert Vram(settings).fits(of, made(of, Settings(profile=card())), 0)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_of_old_a_further_model_had_to_fit_as_it_is(more: int, fits: bool) -> None:
    """All of it, with the margin and no more."""
    settings = Settings(profile=card(), wire="0.13.5")
    of = model(memory_bytes=5 * GIB - 457 * MIB + more)
    assert Vram(settings).fits(of, made(of, settings), 5 * GIB) is fits


@pytest.mark.parametrize(
    ("size", "batch"),
    [
        (6 * GIB, 2048),
        # Above 60 % there is no room for the largest, above 75 % none for the next.
        (6 * GIB + 1, 1024),
        (7 * GIB + 256 * MIB, 1024),
        (7 * GIB + 256 * MIB + 1, 512),
        (20 * GIB, 512),
    ],
)
def test_the_batch_is_the_largest_that_there_is_room_for(size: int, batch: int) -> None:
    """If nobody says how large it is to be."""
    settings = Settings(profile=card())
    of = model(size, kv_bytes_per_token=0)
    wanted = made(of, settings, num_ctx=100_000)
    assert wanted.num_batch == 2048
    assert Vram(settings).fitted(of, wanted, 0).num_batch == batch
    said = made(of, settings, num_ctx=100_000, num_batch=2048)
    assert Vram(settings).fitted(of, said, 0) == said
    measured = Settings(profile=card(batch=333))
    assert Vram(measured).fitted(of, made(of, measured), 0).num_batch == 333


def test_a_small_context_needs_no_large_batch() -> None:
    settings = Settings(profile=card())
    assert Vram(settings).fitted(model(1), made(model(1), settings), 0).num_batch == 512


def test_a_profile_may_know_its_memory_and_nothing_of_models() -> None:
    """Then they take what the seed's take."""
    settings = Settings(profile=card())
    assert needs(settings, TEST_MODEL, made(TEST_MODEL, settings)) == TEST_MODEL.size + OVERHEAD
