"""How a runner is set up, and which requests it can serve as it is.

Source: native specification 3.5 and 6.3.

Rules of this file:

1. A shape is worked out before anything is loaded, from the model, the request's options (those
   of its Modelfile below them, as `engine.options` reads them) and the server's settings.

It must not import anything but layer 0.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.model import Model
from ollama_simulator.settings import Settings

CONTEXT = 4096
"""Tokens of context, unless somebody says otherwise (below 23 GiB of VRAM)."""
LEAST_CONTEXT = 4
LEAST_CONTEXT_WITH_VISION = 2048
BATCH = 512
BATCHES = ((32768, 2048), (4096, 1024), (0, BATCH))
"""Contexts above the first take the second as their batch."""
EMBEDDING_BATCH = 2048
"""That of an embedding model, unless its context is shorter."""
ONE_SLOT = ("mllama", "qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h")
"""Families (these, and all whose names go on after them) that can't do two things at once."""


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
    """The same as `/api/ps` shows it."""
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

    def serves(self, wanted: "Shape") -> bool:
        """Whether a runner of this shape does for a request that wants the other one."""
        return (
            self.context == wanted.context
            and self._same_batch(wanted)
            and self._same_mmap(wanted)
            and (wanted.num_gpu < 0 or self.num_gpu == wanted.num_gpu)
            and self.kept == wanted.kept
        )

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


def shape(
    model: Model, options: Mapping[str, Any], shift: bool | None, settings: Settings
) -> Shape:
    """The shape that a request wants."""
    asked = options.get("num_ctx", settings.context_length or CONTEXT)
    asked = max(asked, LEAST_CONTEXT)
    if "vision" in model.capabilities:
        asked = max(asked, LEAST_CONTEXT_WITH_VISION)
    context = min(asked, model.context_length or asked)
    batch = options.get("num_batch")
    mmap: bool | None = options.get("use_mmap")
    gpus: int = options.get("num_gpu", -1)
    embeds = "completion" not in model.capabilities
    if batch is None and embeds:
        # Of what was asked for, before it is capped; and it counts as asked for.
        wish = options.get("num_ctx", settings.context_length or CONTEXT)
        batch = min(EMBEDDING_BATCH, wish) if wish > 0 else EMBEDDING_BATCH
    automatic = next(size for above, size in BATCHES if context > above)
    attached = (layer.digest for layer in model.layers if layer.kind in ("projector", "adapter"))
    return Shape(
        context=context,
        shown_context=asked if settings.wire == "0.13.5" else context,
        num_batch=automatic if batch is None else batch,
        asked_batch=batch,
        # Without a GPU nothing is mapped, unless somebody wants it.
        mmap=False if mmap is None and (gpus == 0 or not settings.gpu) else mmap,
        asked_mmap=mmap,
        num_gpu=gpus,
        kept=Kept(
            main_gpu=options.get("main_gpu"),
            num_thread=options.get("num_thread", 0),
            draft_num_predict=options.get("draft_num_predict", 0),
            shift=shift is not False,
            attached=tuple(attached),
        ),
        slots=1 if embeds or model.family.startswith(ONE_SLOT) else max(settings.num_parallel, 1),
    )
