"""How a runner is set up, and which requests it can serve as it is.

Source: native specification 3.5 and 6.3; engine model 1.2 and 1.9.

Rules of this file:

1. A shape is worked out before anything is loaded, from the model, the request's options (those
   of its Modelfile below them, as `engine.options` reads them) and the server's settings.

It must not import anything but layer 0.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ollama_simulator.model import Model
from ollama_simulator.settings import Profile, Settings

CONTEXT = 4096
"""Tokens of context, unless somebody says otherwise."""
CONTEXTS = ((47 * 2**30, 262_144), (23 * 2**30, 32_768))
"""With so many bytes of VRAM 0.33 takes the second instead."""
LEAST_CONTEXT = 4
LEAST_CONTEXT_WITH_VISION = 2048
BATCH = 512
BATCHES = ((32768, 2048), (4096, 1024), (0, BATCH))
"""Contexts of all slots above the first take the second as their batch."""
EMBEDDING_BATCH = 2048
"""That of an embedding model, unless its context is shorter."""
OLD_ONE_SLOT = frozenset("mllama qwen3vl qwen3vlmoe".split())
ONE_SLOT: Mapping[Profile, frozenset[str]] = {
    "0.13.5": OLD_ONE_SLOT,
    "0.33": OLD_ONE_SLOT.union(
        "qwen35 qwen35moe qwen3next lfm2 lfm2moe".split(),
        "nemotron_h nemotron_h_moe nemotron_h_omni".split(),
    ),
}
"""Families that can't do two things at once."""

SHAPING = frozenset(
    "num_ctx use_mmap num_gpu num_batch main_gpu num_thread draft_num_predict".split()
)
"""The options that a shape depends on."""
REMEMBERED = 64
"""Models whose shape is worked out once."""


class Kept(msgspec.Struct, frozen=True):
    """What may not change without a reload, and is compared as it stands."""

    main_gpu: int | None
    num_thread: int
    draft_num_predict: int
    shift: bool
    attached: tuple[str, ...]
    """Digests of projectors and adapters."""


class Shape(msgspec.Struct, frozen=True):
    """How a runner is set up, or has to be."""

    context: int
    """Tokens of context for each slot, capped."""
    shown_context: int
    """The same as `/api/ps` shows it and requests are compared with it: the old version shows
    what was asked for."""
    num_batch: int
    asked_batch: int | None
    """The batch that a request compares; None leaves it to the server."""
    mmap: bool | None
    """Whether its file is mapped; None where the server leaves that to the runner."""
    asked_mmap: bool | None
    num_gpu: int
    """-1 leaves it to the server."""
    kept: Kept
    slots: int
    automatic: bool = False
    """Whether the context follows from the VRAM, so that less may do if memory is short."""

    def serves(self, wanted: "Shape") -> bool:
        """Whether a runner of this shape does for a request that wants the other one."""
        return (
            self._same_context(wanted)
            and self._same_batch(wanted)
            and self._same_mmap(wanted)
            and (wanted.num_gpu < 0 or self.num_gpu == wanted.num_gpu)
            and self.kept == wanted.kept
        )

    def _same_context(self, wanted: "Shape") -> bool:
        both = self.automatic and wanted.automatic
        return both or self.shown_context == wanted.shown_context

    def _same_batch(self, wanted: "Shape") -> bool:
        if self.asked_batch is None and wanted.asked_batch is None:
            return True
        # What a request leaves open stands for the default, whatever the server makes of it.
        asked = BATCH if wanted.asked_batch is None else wanted.asked_batch
        return self.num_batch == asked

    def _same_mmap(self, wanted: "Shape") -> bool:
        if wanted.asked_mmap is None:
            return self.asked_mmap is None
        return self.mmap == wanted.asked_mmap


def default_context(settings: Settings) -> int:
    """Tokens of context where neither the request nor the model says how many."""
    if settings.context_length:
        return settings.context_length
    vram = settings.hardware.memory.vram_bytes - settings.gpu_overhead if settings.on_gpu else 0
    tiers = () if settings.wire == "0.13.5" else CONTEXTS
    return next((tokens for least, tokens in tiers if vram >= least), CONTEXT)


def shape(
    model: Model, options: Mapping[str, Any], shift: bool | None, settings: Settings
) -> Shape:
    """The shape that a request wants."""
    old = settings.wire == "0.13.5"
    wish: int = options.get("num_ctx", default_context(settings))
    asked = max(wish, LEAST_CONTEXT)
    if "vision" in model.capabilities:
        asked = max(asked, LEAST_CONTEXT_WITH_VISION)
    context = min(asked, model.context_length or asked)
    mmap: bool | None = options.get("use_mmap")
    gpus: int = options.get("num_gpu", -1)
    embeds = "completion" not in model.capabilities
    alone = embeds or model.family in ONE_SLOT[settings.wire]
    slots = 1 if alone else max(settings.num_parallel, 1)
    batch = options.get("num_batch")
    if batch is None and embeds and not old:
        # Of what was asked for, before it is capped; and it counts as asked for.
        batch = min(EMBEDDING_BATCH, wish) if wish > 0 else EMBEDDING_BATCH
    attached = (layer.digest for layer in model.layers if layer.kind in ("projector", "adapter"))
    return Shape(
        context=context,
        shown_context=asked if old else context,
        num_batch=_batch(model, context * slots, settings) if batch is None else batch,
        asked_batch=batch,
        # Without a GPU nothing is mapped, unless somebody wants it.
        mmap=False if mmap is None and (gpus == 0 or not settings.on_gpu) else mmap,
        asked_mmap=mmap,
        num_gpu=gpus,
        kept=Kept(
            main_gpu=options.get("main_gpu"),
            num_thread=options.get("num_thread", 0),
            draft_num_predict=options.get("draft_num_predict", 0),
            shift=shift is not False,
            attached=tuple(attached),
        ),
        slots=slots,
        automatic=not (old or settings.context_length or "num_ctx" in options),
    )


class Shapes:
    """The shapes that requests to one server want."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plain: dict[int, tuple[Model, Shape]] = {}
        """Those of models that nobody wants anything special of, as most requests don't."""

    def wanted(self, model: Model, options: Mapping[str, Any], shift: bool | None) -> Shape:
        """The shape that a request wants."""
        if shift is not None or not SHAPING.isdisjoint(options):
            return shape(model, options, shift, self._settings)
        known = self._plain.get(id(model))
        if known is None:
            if len(self._plain) >= REMEMBERED:
                self._plain.clear()
            known = self._plain[id(model)] = (model, shape(model, {}, None, self._settings))
        return known[1]


def _batch(model: Model, context: int, settings: Settings) -> int:
    """The batch that is taken unless a request says how large it is to be."""
    if measured := settings.hardware_for(model.name).batch.n:
        return measured
    if settings.wire == "0.13.5" or settings.engine == "legacy":
        return BATCH
    return next(size for above, size in BATCHES if context > above)


def smaller(tried: Shape, model: Model, settings: Settings) -> Shape | None:
    """What is tried when memory was short for a context that nobody asked for; None for nothing."""
    context = next((tokens for tokens in (CONTEXTS[1][1], CONTEXT) if tokens < tried.context), None)
    if context is None or not tried.automatic:
        return None
    batch = tried.asked_batch
    if batch is None:
        batch = _batch(model, context * tried.slots, settings)
    return replace(tried, context=context, shown_context=context, num_batch=batch)
