"""A file of a model in the making.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine.registry.gguf import Head
from ollama_simulator.engine.registry.layers import Part
from ollama_simulator.model import Layer, Model


class Made(msgspec.Struct, frozen=True):
    """A layer, and what is known of it."""

    layer: Layer
    source: str = ""
    """The model, or the uploaded file, that it was taken from."""
    head: Head | None = None
    """What a weight file says of itself."""
    fresh: bool = False
    """Whether it was uploaded, so that it is checked first."""
    owner: Model | None = None
    """An installed model that has it, if it was uploaded."""
    existed: bool = True
    """Whether the server had it before."""

    @property
    def part(self) -> Part:
        """What the manifest says of it."""
        return Part(self.layer, self.source)

    @property
    def file_type(self) -> str:
        """How a weight file is quantised."""
        return self.head.file_type if self.head is not None else "unknown"

    @property
    def status(self) -> str:
        """What the client reads of it."""
        doing = "using existing" if self.existed else "creating new"
        return f"{doing} layer sha256:{self.layer.digest}"
