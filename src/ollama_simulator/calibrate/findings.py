"""What was measured of a server, before anything is concluded from it.

Rules of this file:

1. All times are in seconds of the client's clock, but for those that a server alone can tell: how
   long it loaded, and how long it evaluated a prompt.

It must not import anything but its own package.
"""

import msgspec


class Prompted(msgspec.Struct, frozen=True):
    """What happened to a prompt of so many tokens took so many seconds."""

    tokens: int
    seconds: float


class Stream(msgspec.Struct, frozen=True):
    """Tokens that came one behind the other."""

    gap: float
    """Seconds between two of them."""
    slots: int
    """How many answers there were at a time."""
    contexts: float
    """Tokens of context of all of them, on average."""


class Interrupted(msgspec.Struct, frozen=True):
    """An answer beside which a prompt was read."""

    gap: float
    """Seconds between two of its tokens meanwhile."""
    context: float
    """Its own tokens of context, on average."""
    prompt: int
    """Tokens of the prompt."""


class Copied(msgspec.Struct, frozen=True):
    """KV state that was moved between a slot and the host's memory."""

    tokens: int
    asked: Prompted
    """The request that had to wait for it: its tokens, and the time before it was evaluated."""


class About(msgspec.Struct, frozen=True):
    """What a server says of itself and of the model."""

    version: str
    engine: str
    """`legacy` or `current`."""
    model: str
    size: int
    """Bytes of its file."""
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    """Tokens that it was trained for; 0 if that isn't told."""
    kv_bytes_per_token: int = 0
    """At 16 bits an element, by the shape of its attention; 0 if that isn't told."""
    thinks: bool = False


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured."""

    about: About
    context: int
    """Tokens of context of each slot."""
    cold_s: float
    warm_s: float
    """The first load, and one right behind it."""
    request_s: float
    """From the request to the evaluation of its prompt."""
    long_request: Prompted
    """The same with a long prompt."""
    short: Prompted
    long: Prompted
    shallow: Stream
    deep: Stream
    crowds: tuple[Stream, ...] = ()
    """Several answers at a time, as far as the server gives several at a time."""
    slots: int = 1
    """How many it gave at a time, when four were asked for."""
    interrupted: Interrupted | None = None
    remembers: bool = False
    """Whether a prompt was still there after another one."""
    repeated: Prompted
    """What was told of a prompt that was asked twice: all its tokens, and the time for the rest."""
    copied: Copied | None = None
    kv_bytes_per_token: int = 0
    """By the memory that the model takes with contexts of two sizes; 0 if that doesn't say."""
    unsteady: tuple[str, ...] = ()
    """What differed much from one time to the next."""
