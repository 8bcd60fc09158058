"""How a runner is set up, and when that does for another request (3.5, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ollama_simulator.engine.options import KINDS
from ollama_simulator.engine.shape import SHAPING, Shape, Shapes, shape, smaller
from ollama_simulator.model import Layer, Model
from ollama_simulator.settings import PROFILES, Settings
from tests.engine.cards import GIB, card

Options = dict[str, Any]


def model(family: str = "llama", **fields: Any) -> Model:
    """A model trained for 8,192 tokens."""
    fields = {"context_length": 8192, **fields}
    return Model("m", 1, "d", family, "7B", "Q4", **fields)


def made(
    options: Options | None = None,
    settings: Settings | None = None,
    *,
    shift: bool | None = None,
    of: Model | None = None,
) -> Shape:
    """The shape that a request wants."""
    return shape(of or model(), options or {}, shift, settings or Settings())


@pytest.mark.parametrize(
    ("options", "settings", "context"),
    [
        ({}, Settings(), 4096),
        ({}, Settings(context_length=6000), 6000),
        ({}, Settings(context_length=100_000), 8192),
        ({"num_ctx": 2048}, Settings(context_length=6000), 2048),
        ({"num_ctx": 100_000}, Settings(), 8192),
        ({"num_ctx": 4}, Settings(), 4),
        ({"num_ctx": 0}, Settings(), 4),
        ({"num_ctx": -5}, Settings(), 4),
    ],
)
def test_context(options: Options, settings: Settings, context: int) -> None:
    """Asked, else set, else 4096; at least 4, at most what the model was trained for."""
    assert made(options, settings).context == context
    assert made(options, settings).shown_context == context


def test_the_context_of_a_model_without_a_known_length() -> None:
    """It is not capped."""
    assert made({"num_ctx": 100_000}, of=model(context_length=0)).context == 100_000


def test_a_model_that_sees_has_2048_at_least() -> None:
    """Unless it was trained for less."""
    sees = model(capabilities=("completion", "vision"))
    assert made({"num_ctx": 16}, of=sees).context == 2048
    assert made({"num_ctx": 3000}, of=sees).context == 3000


def test_the_old_profile_shows_the_context_that_was_asked_for() -> None:
    """0.13.5 does not show the cap (11)."""
    old = made({"num_ctx": 100_000}, Settings(wire="0.13.5"))
    assert (old.context, old.shown_context) == (8192, 100_000)


@pytest.mark.parametrize(
    ("vram", "settings", "context"),
    [
        (47 * GIB, {}, 262_144),
        (47 * GIB - 1, {}, 32_768),
        (23 * GIB, {}, 32_768),
        (23 * GIB - 1, {}, 4096),
        (0, {}, 4096),
        (48 * GIB, {"gpu_overhead": 2 * GIB}, 32_768),
        (99 * GIB, {"context_length": 6000}, 6000),
        (99 * GIB, {"wire": "0.13.5"}, 4096),
        (99 * GIB, {"gpu": False}, 4096),
        (99 * GIB, {"profile": card(99 * GIB, gpus=0)}, 4096),
    ],
)
def test_the_context_follows_the_memory_of_the_gpu(
    vram: int, settings: dict[str, Any], context: int
) -> None:
    """If nobody says otherwise, and at most what the model was trained for (1.2)."""
    here = Settings(**{"profile": card(vram), **settings})
    assert made({}, here, of=model(context_length=0)).context == context
    assert made({}, here).context == min(context, 8192)
    assert made({"num_ctx": 5000}, here).context == 5000


def test_a_context_that_nobody_asked_for_may_shrink() -> None:
    """If memory is short: to the next smaller one, which then serves who asks for none."""
    here = Settings(profile=card(99 * GIB))
    large = model(context_length=0)
    whole = made({}, here, of=large)
    half = smaller(whole, large, here)
    assert half is not None
    assert (half.context, half.shown_context, half.num_batch) == (32_768, 32_768, 1024)
    assert half.serves(whole)
    assert not half.serves(made({"num_ctx": 262_144}, here, of=large))
    least = smaller(half, large, here)
    assert least is not None
    assert (least.context, least.num_batch) == (4096, 512)
    assert smaller(least, large, here) is None
    medium = smaller(made({}, here, of=model(context_length=16_384)), large, here)
    assert medium is not None
    assert medium.context == 4096
    assert smaller(made({"num_ctx": 100_000}, here, of=large), large, here) is None
    said = Settings(profile=card(99 * GIB), context_length=100_000)
    assert smaller(made({}, said, of=large), large, said) is None
    assert smaller(made({"num_batch": 64}, here, of=large), large, here) == replace(
        half, num_batch=64, asked_batch=64
    )


@pytest.mark.parametrize(
    ("fields", "slots", "of_old"),
    [
        ({}, 4, 4),
        ({"capabilities": ("embedding",)}, 1, 1),
        ({"family": "qwen3vlmoe"}, 1, 1),
        ({"family": "mllama"}, 1, 1),
        ({"family": "qwen35moe"}, 1, 4),
        ({"family": "qwen3next"}, 1, 4),
        ({"family": "lfm2"}, 1, 4),
        ({"family": "nemotron_h_moe"}, 1, 4),
        ({"family": "qwen3"}, 4, 4),
        ({"family": "qwen3moe"}, 4, 4),
    ],
)
def test_slots(fields: dict[str, Any], slots: int, of_old: int) -> None:
    """As set, but one for embedding models and for some families (6.1), which were fewer."""
    of = model(**fields)
    assert made({}, Settings(num_parallel=4), of=of).slots == slots
    assert made({}, Settings(num_parallel=4, wire="0.13.5"), of=of).slots == of_old


def test_there_is_one_slot_at_least() -> None:
    """Whatever was set."""
    assert made({}, Settings(num_parallel=0)).slots == 1


@pytest.mark.parametrize(
    ("before", "after", "serves"),
    [
        ({}, {}, True),
        ({}, {"temperature": 1.0, "num_predict": 3, "seed": 1, "stop": ["x"], "num_keep": 1}, True),
        ({}, {"num_ctx": 2048}, False),
        ({"num_ctx": 2048}, {}, False),
        ({"num_ctx": 2048}, {"num_ctx": 2048}, True),
        ({"num_ctx": 10_000}, {"num_ctx": 20_000}, True),
        ({}, {"num_ctx": 4096}, True),
        ({"num_ctx": 4096}, {}, True),
        ({}, {"num_batch": 128}, False),
        ({}, {"num_batch": 512}, True),
        ({"num_batch": 128}, {}, False),
        ({"num_batch": 512}, {}, True),
        ({"num_ctx": 8000}, {"num_ctx": 8000, "num_batch": 1024}, True),
        ({"num_ctx": 8000, "num_batch": 1024}, {"num_ctx": 8000}, False),
        ({"num_batch": 128}, {"num_batch": 128}, True),
        ({}, {"num_gpu": 3}, False),
        ({"num_gpu": 3}, {}, True),
        ({"num_gpu": 3}, {"num_gpu": -1}, True),
        ({"num_gpu": 3}, {"num_gpu": 3}, True),
        ({"num_gpu": 3}, {"num_gpu": 0}, False),
        ({}, {"main_gpu": 0}, False),
        ({"main_gpu": 0}, {}, False),
        ({}, {"use_mmap": True}, False),
        ({"use_mmap": False}, {"use_mmap": True}, False),
        ({}, {"num_thread": 4}, False),
        ({}, {"num_thread": 0}, True),
        ({"num_thread": 4}, {}, False),
        ({}, {"draft_num_predict": 2}, False),
    ],
)
def test_which_options_reload(before: Options, after: Options, serves: bool) -> None:
    """The column of 3.5, and the exceptions of 6.3."""
    assert made(before).serves(made(after)) is serves


@pytest.mark.parametrize(
    ("before", "after", "serves"),
    [
        ({}, {"use_mmap": False}, True),
        ({}, {"use_mmap": True}, False),
        ({"use_mmap": False}, {}, False),
        ({"use_mmap": False}, {"use_mmap": False}, True),
        ({"use_mmap": True}, {}, False),
    ],
)
def test_nothing_is_mapped_without_a_gpu(before: Options, after: Options, serves: bool) -> None:
    """So who asks for that gets what is there; but who asked for it does not share it."""
    none = Settings(gpu=False)
    assert made(before, none).serves(made(after, none)) is serves
    no_layers = {"num_gpu": 0}
    assert made({**before, **no_layers}).serves(made({**after, **no_layers})) is serves


@pytest.mark.parametrize(
    ("before", "after", "serves"),
    [
        ({}, {"num_batch": 2048}, True),
        ({"num_batch": 512}, {}, False),
        ({}, {"num_batch": 512}, False),
        ({"num_ctx": 100_000}, {"num_ctx": 8192}, True),
        ({"num_ctx": 4}, {"num_ctx": 3}, False),
    ],
)
def test_which_batch_reloads_an_embedder(before: Options, after: Options, serves: bool) -> None:
    """It always counts as asked for, and follows the context that was asked for."""
    embeds = model(capabilities=("embedding",))
    assert made(before, of=embeds).serves(made(after, of=embeds)) is serves


@pytest.mark.parametrize(
    ("context", "batch"), [(4096, 512), (4097, 1024), (32768, 1024), (32769, 2048)]
)
def test_the_batch_follows_the_context(context: int, batch: int) -> None:
    """That of all slots, unless it is given. Of old, and to old engines, it was all the same."""
    large = model(context_length=0)
    assert made({"num_ctx": context}, of=large).num_batch == batch
    for old in (Settings(wire="0.13.5"), Settings(engine="legacy")):
        assert made({"num_ctx": context}, old, of=large).num_batch == 512
    four = Settings(num_parallel=4)
    assert made({"num_ctx": context // 4}, four, of=large).num_batch <= batch
    assert made({"num_ctx": context // 4 + 1}, four, of=large).num_batch >= batch
    assert made({"num_ctx": context, "num_batch": 64}, of=large).num_batch == 64


def test_a_machine_that_was_measured_has_the_batch_of_then() -> None:
    """If a request does not say another one."""
    for wire in PROFILES:
        here = Settings(profile=card(0, batch=256), wire=wire)
        assert made({"num_ctx": 8000}, here).num_batch == 256
        assert made({"num_batch": 64}, here).num_batch == 64


@pytest.mark.parametrize(("context", "batch"), [(512, 512), (4096, 2048)])
def test_the_batch_of_an_embedding_model(context: int, batch: int) -> None:
    """As much as its context, up to 2,048; of old that of all others."""
    embeds = model(capabilities=("embedding",))
    assert made({"num_ctx": context}, of=embeds).num_batch == batch
    old = made({"num_ctx": context}, Settings(wire="0.13.5"), of=embeds)
    assert (old.num_batch, old.asked_batch) == (512, None)


def test_the_old_version_compares_what_was_asked_for() -> None:
    """0.33 compares what comes of it."""
    old = Settings(wire="0.13.5")
    more, most = ({"num_ctx": number} for number in (10_000, 20_000))
    assert made(more).serves(made(most))
    assert not made(more, old).serves(made(most, old))
    assert made(more, old).serves(made(more, old))


@pytest.mark.parametrize(
    ("before", "after", "serves"),
    [
        (None, None, True),
        (None, True, True),
        (None, False, False),
        (False, None, False),
        (False, False, True),
    ],
)
def test_shift_reloads(before: bool | None, after: bool | None, serves: bool) -> None:
    """It is on unless a request switches it off."""
    assert made(shift=before).serves(made(shift=after)) is serves


@pytest.mark.parametrize("name", KINDS)
def test_what_a_shape_depends_on(name: str) -> None:
    """What is kept of a model without options is no other request's."""
    value: Any = {"boolean": True, "array": ["x"]}.get(KINDS[name], 3)
    asked, one = {name: value}, model()
    assert (made(asked) != made()) is (name in SHAPING)
    shapes = Shapes(Settings())
    for options in ({}, asked, {}):
        assert shapes.wanted(one, options, None) == made(options)


@pytest.mark.parametrize("kind", ["projector", "adapter"])
def test_other_attachments_reload(kind: str) -> None:
    """Models that share their weights may differ in these; other layers don't matter."""
    bare = made(of=model(layers=(Layer("template", "a" * 64, 1),)))
    more = made(of=model(layers=(Layer(kind, "b" * 64, 1),)))
    assert not bare.serves(more)
    assert not more.serves(bare)
    assert bare.serves(made())
