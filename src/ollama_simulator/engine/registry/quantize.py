"""Weight files that are written anew: checked, or in another quantisation.

Source: native specification 4.13.

Rules of this file:

1. The new file is as large as its quantisation makes it, and its digest follows from the old one.
2. A line of progress every 60 ms, at a rate of our own: short files show none.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator

import msgspec

from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.engine.registry.gguf import FILE_TYPES
from ollama_simulator.engine.registry.new_file import Made
from ollama_simulator.engine.registry.pull import TICK_S
from ollama_simulator.engine.registry.remote import failed
from ollama_simulator.model import Layer, Progress
from ollama_simulator.settings import Profile

DIGEST = "0" * 19
"""What stands for a digest while a file is written."""
BYTES_PER_SECOND = 1_000_000_000
PLAIN: dict[Profile, tuple[str, ...]] = {"0.33": ("F16", "BF16", "F32"), "0.13.5": ("F16", "F32")}
"""What can be quantised."""
"""What can be quantised."""

_BITS = {"F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q4_K_M": 4.9, "Q4_K_S": 4.6}
"""Bits for each parameter."""
_NAMES = {name: name for name in _BITS} | {"Q4_K": "Q4_K_M"}
_OFFERED = "F32, F16, Q4_K_S, Q4_K_M, Q8_0"
_NUMBERS = {name: number for number, name in FILE_TYPES.items()}


def wanted(wire: Profile, made: Made, asked: str) -> str | None:
    """The quantisation that a weight file needs, or None. Raises `Refusal`."""
    if not asked:
        return None
    want = _NAMES.get(asked)
    if want is None:
        raise failed(f"unsupported quantization type {asked} - supported types are {_OFFERED}")
    has = made.file_type
    if has not in PLAIN[wire]:
        *most, last = PLAIN[wire]
        raise failed(f"quantization is only supported for {', '.join(most)} and {last} models")
    return want if has != want else None


def quantised(made: Made, want: str) -> Made:
    """A weight file in another quantisation."""
    assert made.head is not None
    layer = made.layer
    size = int(layer.size * _BITS[want] / _BITS[made.file_type])
    digest = sha256(f"{layer.digest} as {want}")
    values = {**made.head.values, "general.file_type": _NUMBERS[want]}
    head = msgspec.structs.replace(made.head, values=values)
    return Made(Layer(layer.kind, digest, size), head=head)


def steps(doing: str, size: int) -> Iterator[Progress]:
    """What is told while a file of this size is written, a line for each 60 ms."""
    step = int(BYTES_PER_SECOND * TICK_S)
    for done in range(step, size, step):
        yield Progress(doing, DIGEST, size, done)
