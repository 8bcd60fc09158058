"""How a runner is set up, and when that does for another request (3.5, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.shape import Shape, shape
from ollama_simulator.model import Layer, Model
from ollama_simulator.settings import Settings

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
    ("fields", "slots"),
    [
        ({}, 4),
        ({"capabilities": ("embedding",)}, 1),
        ({"family": "qwen3vlmoe"}, 1),
        ({"family": "mllama"}, 1),
        ({"family": "lfm2"}, 1),
        ({"family": "nemotron_h_moe"}, 1),
        ({"family": "qwen3"}, 4),
    ],
)
def test_slots(fields: dict[str, Any], slots: int) -> None:
    """As set, but one for embedding models and for some families (6.1)."""
    assert made({}, Settings(num_parallel=4), of=model(**fields)).slots == slots


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
    """Unless it is given."""
    large = model(context_length=0)
    assert made({"num_ctx": context}, of=large).num_batch == batch
    assert made({"num_ctx": context, "num_batch": 64}, of=large).num_batch == 64


@pytest.mark.parametrize(("context", "batch"), [(512, 512), (4096, 2048)])
def test_the_batch_of_an_embedding_model(context: int, batch: int) -> None:
    """As much as its context, up to 2,048."""
    embeds = model(capabilities=("embedding",))
    assert made({"num_ctx": context}, of=embeds).num_batch == batch


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


@pytest.mark.parametrize("kind", ["projector", "adapter"])
def test_other_attachments_reload(kind: str) -> None:
    """Models that share their weights may differ in these; other layers don't matter."""
    bare = made(of=model(layers=(Layer("template", "a" * 64, 1),)))
    more = made(of=model(layers=(Layer(kind, "b" * 64, 1),)))
    assert not bare.serves(more)
    assert not more.serves(bare)
    assert bare.serves(made())
