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
BATCHES = ((32768, 2048), (4096, 1024), (0, 512))
"""Contexts above the first take the second as their batch."""
ONE_SLOT = ("mllama", "qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h")
"""Families (these, and all whose names go on after them) that can't do two things at once."""


class Kept(msgspec.Struct, frozen=True):
    """What may not change without a reload, and is compared as it stands."""

    main_gpu: int | None
    use_mmap: bool | None
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
    batch_given: bool
    """Whether somebody asked for that batch."""
    num_gpu: int
    """-1 leaves it to the server."""
    kept: Kept
    slots: int

    def serves(self, wanted: "Shape") -> bool:
        """Whether a runner of this shape does for a request that wants the other one."""
        return (
            self.context == wanted.context
            and (not wanted.batch_given or self.num_batch == wanted.num_batch)
            and (wanted.num_gpu < 0 or self.num_gpu == wanted.num_gpu)
            and self.kept == wanted.kept
        )


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
    embeds = "completion" not in model.capabilities
    automatic = next(size for above, size in BATCHES if context > above)
    if embeds:
        automatic = min(2048, context)
    attached = (layer.digest for layer in model.layers if layer.kind in ("projector", "adapter"))
    return Shape(
        context=context,
        shown_context=asked if settings.wire == "0.13.5" else context,
        num_batch=automatic if batch is None else batch,
        batch_given=batch is not None,
        num_gpu=options.get("num_gpu", -1),
        kept=Kept(
            main_gpu=options.get("main_gpu"),
            use_mmap=options.get("use_mmap"),
            num_thread=options.get("num_thread", 0),
            draft_num_predict=options.get("draft_num_predict", 0),
            shift=shift is not False,
            attached=tuple(attached),
        ),
        slots=1 if embeds or model.family.startswith(ONE_SLOT) else max(settings.num_parallel, 1),
    )
