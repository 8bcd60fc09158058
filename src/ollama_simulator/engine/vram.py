"""How much memory a loaded model takes, how much of that is on the GPU, and whether it fits.

Source: engine model 1.2, 1.9 and 2.5; native specification 4.5 and 6.5.

Rules of this file:

1. What a model is predicted to take and what it takes are two numbers, as in Ollama: its
   prediction knows the file and a KV cache of 16 bits, and nothing of the work space.
2. A machine whose profile says nothing of its memory has room for everything.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from ollama_simulator.engine.shape import BATCH, Shape
from ollama_simulator.model import Model
from ollama_simulator.settings import KvType, Profile, Settings

OVERHEAD = 671_088_640
"""Bytes that a loaded model takes beyond its file where nothing else is known. Synthetic."""
STORED: Mapping[KvType, tuple[int, int]] = {"f16": (1, 1), "q8_0": (17, 32), "q4_0": (9, 32)}
"""What part of the memory of `f16` a KV cache takes."""
MARGIN: Mapping[Profile, int] = {"0.33": 1024 * 2**20, "0.13.5": 457 * 2**20}
"""Bytes of VRAM that stay free on each GPU when layers are placed."""
HEADROOM = 80
"""Per cent of the free VRAM that a further model may be predicted to take."""
BATCHES = ((2048, 2 * 2**30, 60), (1024, 768 * 2**20, 75))
"""From this batch on: bytes that it adds to the prediction, and the per cent of the free VRAM that
the rest of the model may take for it to be chosen."""


class Room(msgspec.Struct, frozen=True):
    """What a runner takes."""

    size: int
    """Bytes of memory in all."""
    vram: int
    """Bytes of them on the GPU; the layers that don't fit there are computed by the CPU."""


def kv_bytes_per_token(settings: Settings, model: Model) -> float:
    """Bytes of KV cache for a token of context, as it is stored."""
    times, of = STORED[settings.kv_cache_type]
    return _kv16(settings, model) * times / of


def needs(settings: Settings, model: Model, shape: Shape) -> int:
    """Bytes that a model takes in memory: weights, KV cache, work space."""
    if model.memory_bytes:
        return model.memory_bytes
    tokens = shape.context * shape.slots
    work = settings.hardware_for(model.name).memory.graph_bytes
    work += round(kv_bytes_per_token(settings, model) * tokens)
    work += model.kv_fixed_bytes * shape.slots
    return model.size + (work or OVERHEAD)


def _kv16(settings: Settings, model: Model) -> int:
    if model.kv_bytes_per_token or "completion" not in model.capabilities:
        return model.kv_bytes_per_token
    return settings.hardware_for(model.name).model.kv_bytes_per_token


class Vram:
    """The memory of one server's GPUs. `used` is what the loaded models take of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        there = settings.hardware.memory.vram_bytes if settings.on_gpu else 0
        self.budget = max(there - settings.gpu_overhead, 0)
        """Bytes that models may take, if that is limited."""
        self.limited = there > 0

    def room(self, model: Model, shape: Shape, used: int) -> Room:
        """What a model would take if it were loaded now. What doesn't fit is not on the GPU."""
        size = needs(self._settings, model, shape)
        if not self._settings.on_gpu or shape.num_gpu == 0:
            return Room(size, 0)
        if not self.limited:
            return Room(size, size)
        margin = MARGIN[self._settings.wire] * self._settings.hardware.memory.gpus
        most = self.budget - used - margin
        return Room(size, max(0, min(size, most)))

    def fits(self, model: Model, shape: Shape, used: int) -> bool:
        """Whether a model is loaded beside those that are there."""
        if not self.limited or shape.num_gpu == 0:
            return True
        if self._settings.wire == "0.13.5":
            room = self.room(model, shape, used)
            return room.vram == room.size
        extra = _surcharge(self.fitted(model, shape, used).num_batch) if _talks(model) else 0
        return self._predicted(model, shape) + extra <= self._share(used, HEADROOM)

    def fitted(self, model: Model, shape: Shape, used: int) -> Shape:
        """The shape with the batch that there is room for, if nobody said how large it is to be."""
        said = shape.asked_batch is not None or self._settings.hardware_for(model.name).batch.n
        if said or not self.limited or shape.num_batch <= BATCH:
            return shape
        predicted = self._predicted(model, shape)
        for batch, extra, percent in BATCHES:
            most = min(self._share(used, percent), self._share(used, HEADROOM) - extra)
            if batch <= shape.num_batch and predicted <= most:
                return replace(shape, num_batch=batch)
        return replace(shape, num_batch=BATCH)

    def _predicted(self, model: Model, shape: Shape) -> int:
        cache = _kv16(self._settings, model) * shape.context * shape.slots
        return model.memory_bytes or model.size + cache

    def _share(self, used: int, percent: int) -> int:
        return max(self.budget - used, 0) * percent // 100


def _talks(model: Model) -> bool:
    return "completion" in model.capabilities


def _surcharge(batch: int) -> int:
    return next((extra for least, extra, _ in BATCHES if batch >= least), 0)
