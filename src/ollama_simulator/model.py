"""What a client wants and what a server says, free of any dialect.

Rules of this file:

1. A `Job` is one wish; an `Event` is one thing said while granting it. Both are frozen.
2. Times are seconds, as floats, unless the name says otherwise.
3. A `Refusal` is a "no", before or during an answer; the dialect that was spoken words it.

It must not import anything of this package.
"""

from enum import Enum
from typing import Annotated

import msgspec


class Model(msgspec.Struct, frozen=True):
    """An installed model, with the fields that the control API's `/models` takes."""

    name: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    """Bytes on disk."""
    digest: str
    family: str
    parameter_size: str
    quantization_level: str


# --- jobs ---------------------------------------------------------------------------------


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


class Infer(msgspec.Struct, frozen=True):
    """Generate text. Without messages it only loads the model (or unloads it)."""

    model: str
    """The name as the client typed it."""
    messages: tuple[Message, ...]
    limit: int | None = None
    """The request's own limit of tokens; None leaves it to the server."""
    keep_alive: float | None = None
    """Seconds that the model stays loaded afterwards; `inf` for ever; None for the default."""
    uses_cache: bool = False
    """Whether the KV cache is read and written (in the seed: `/api/chat` only)."""


class Embed(msgspec.Struct, frozen=True):
    """Turn texts into vectors. Without inputs it only loads the model."""

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    keep_alive: float | None = None


class Show(msgspec.Struct, frozen=True):
    """Describe one installed model."""

    model: str


class ListModels(msgspec.Struct, frozen=True):
    """List the installed models, newest first."""


class ListLoaded(msgspec.Struct, frozen=True):
    """List the models in memory."""


class Nothing(msgspec.Struct, frozen=True):
    """Ask nothing of the engine: the codec knows the answer (liveness, version)."""


Job = Infer | Embed | Show | ListModels | ListLoaded | Nothing


# --- events -------------------------------------------------------------------------------


class Usage(msgspec.Struct, frozen=True):
    """What one answer cost (native specification, section 5.6)."""

    total_s: float
    load_s: float
    prompt_tokens: int
    """All tokens of the prompt, cached ones included."""
    prompt_s: float
    """Time spent on the uncached ones."""
    tokens: int
    """Tokens generated."""
    generation_s: float


class Token(msgspec.Struct, frozen=True):
    """One piece of generated text."""

    text: str


class Done(msgspec.Struct, frozen=True):
    """The end of a generation. `usage` is None for a mere load or unload."""

    reason: str
    """`stop`, `length`, `load` or `unload`."""
    usage: Usage | None


class Installed(msgspec.Struct, frozen=True):
    """A model with the time it was installed."""

    model: Model
    modified_ns: int
    """Wall time in nanoseconds since 1970."""


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory."""

    model: Model
    expires_ns: int | None
    """Wall time of its unloading; None for never."""
    vram: int
    """Bytes of GPU memory that it takes."""
    context: int
    """Length of its context, in tokens."""


class Embeddings(msgspec.Struct, frozen=True):
    """One vector for each input, each of length 1."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage


class Answer(msgspec.Struct, frozen=True):
    """A whole answer of one piece."""

    value: Installed | tuple[Installed, ...] | tuple[Loaded, ...] | Embeddings | None


Event = Token | Done | Answer


# --- refusals -----------------------------------------------------------------------------


class Origin(Enum):
    """Who said no. It decides content type, newline and framing of the error."""

    DECODE = "decode"
    """The request could not be read."""
    HANDLER = "handler"
    """The request is understood and not granted."""
    RUNNER = "runner"
    """The generation failed."""


class Refusal(Exception):
    """A "no" with an HTTP status and a message for the client."""

    def __init__(self, status: int, message: str, origin: Origin = Origin.HANDLER) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.origin = origin


class Abandoned(Refusal):
    """The client left, so the job was given up. What it reads if it only shut its sending
    side down is section 6.7 of the native specification."""


class ModelMissing(Exception):
    """The model is not installed. Each endpoint has words of its own for that."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model
