"""What can be arranged on a server before, and while, a recorded request is made.

It must not import anything of this package.
"""

import msgspec


class Loaded(msgspec.Struct, frozen=True):
    """A model is in memory and idle."""

    model: str
    keep_alive: str | None = None
    """As JSON; None for the server's default."""
    num_ctx: int | None = None


class Busy(msgspec.Struct, frozen=True):
    """Another client's generation is going on."""

    model: str
    was_idle: bool = False
    """Whether the model was idle before, after its load."""


class Loading(msgspec.Struct, frozen=True):
    """Another client's request has just begun to load a model."""

    model: str


class Waiting(msgspec.Struct, frozen=True):
    """Another client's request waits in the queue."""

    model: str


class Crowd(msgspec.Struct, frozen=True):
    """Others ask for the same just before."""

    others: int
    every_ms: float


class Crashed(msgspec.Struct, frozen=True):
    """The runner of a model died while it was idle."""

    model: str


class Left(msgspec.Struct, frozen=True):
    """Another client left while its answer was being made."""

    model: str
    bytes_asked: int = 0
    """Length of an answer of which it read nothing; 0: it left after the first token."""
    ago_s: float = 0.1


class Half(msgspec.Struct, frozen=True):
    """Another client promised more bytes than it sent, after a whole request."""

    model: str
    open: bool
    """Whether its connection is still open."""


class Copied(msgspec.Struct, frozen=True):
    """A model has a second name."""

    source: str
    name: str


class Stub(msgspec.Struct, frozen=True):
    """A stub of a cloud model was created."""

    name: str


class FromFile(msgspec.Struct, frozen=True):
    """A model was created from a weight file that is there."""

    name: str
    weights_of: str


class Pulled(msgspec.Struct, frozen=True):
    """A model was pulled."""

    name: str


class Stored(msgspec.Struct, frozen=True):
    """A file is there."""

    digest: str


class Replayed(msgspec.Struct, frozen=True):
    """The record before this one was made on the same server."""


class AsBefore(msgspec.Struct, frozen=True):
    """Everything is arranged as for the record before this one."""


class Shutdown(msgspec.Struct, frozen=True):
    """The server's process gets a signal after the request was sent."""

    after_s: float
    signal: str


Act = (
    Loaded
    | Busy
    | Loading
    | Waiting
    | Crowd
    | Crashed
    | Left
    | Half
    | Copied
    | Stub
    | FromFile
    | Pulled
    | Stored
    | Replayed
    | AsBefore
    | Shutdown
)
