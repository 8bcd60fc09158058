"""What a codec is: one request, spoken in one dialect.

Rules of this file:

1. A codec turns the bytes of a request into a `Job`, and the `Event`s of its answer into bytes.
2. It is made for one request and may hold state (ids, block indices, the clock second).
3. It never waits, never sees a socket, and knows no fault.
4. What it raises is a `Refusal` and nothing else; anything else is a bug.

It must not import the engine or the network.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import ClassVar

import msgspec

from ollama_simulator.acts import Framing
from ollama_simulator.flow import Frame
from ollama_simulator.model import Event, Job, Refusal
from ollama_simulator.settings import Profile, Settings


async def _nothing() -> AsyncIterator[bytes]:
    """The body of a request that has none."""
    return
    yield b""


class Request(msgspec.Struct, frozen=True):
    """A request as a codec sees it: routed, with its body read (or still to be read)."""

    method: str
    path: str
    params: Mapping[str, str]
    """The named parts of the path (`/v1/models/{model}`)."""
    body: bytes
    """All of it; empty for a codec that takes it late."""
    headers: tuple[tuple[str, str], ...] = ()
    """As sent."""
    upload: Callable[[], AsyncIterator[bytes]] = _nothing
    """The body as it comes, for a codec that takes it late. Raises `Refusal`."""


class Wire(msgspec.Struct, frozen=True):
    """What a codec may ask of the world around it."""

    wall_ns: Callable[[], int]
    """Time of day in nanoseconds since 1970, for time stamps."""
    ids: random.Random
    """Where the ids come from; seeded, so that a run repeats."""
    settings: Settings = Settings()
    """How the server is set up; `settings.wire` is the version that is imitated."""


class Document(msgspec.Struct, frozen=True):
    """A whole body with its content type (None: no such header)."""

    media: str | None
    body: bytes
    status: int | None = None
    """None for the refusal's own."""


class Codec(ABC):
    """One endpoint in one dialect."""

    late: ClassVar[bool] = False
    """Whether the body is not read before the engine asks for it (`Request.upload`)."""
    whole: ClassVar[bool] = False
    """Whether the body is read to its end, though its first JSON value would do."""
    bare: ClassVar[bool] = False
    """Whether an error of the work itself has the runner's content type in a whole answer, too."""
    proxied: ClassVar[bool] = False
    """Whether the cloud's proxy sees the request first, which unpacks its body, too."""
    looks: ClassVar[bool] = False
    """Whether all its requests are alike and only look at what there is: its job takes no wait, and
    what is found is always said in the same words. One of it may answer many requests."""
    job: Job
    """What the client wants."""
    stream: bool = False
    """Whether the answer goes out piece by piece."""
    media: str
    """Content type of the success answer, of this mode."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the success answer."""
    framing: Framing = Framing.AUTO
    """How the end of the success answer is told."""
    status: int = 200
    """Status of the success answer. A codec may set it in `collect`."""
    wrong: Refusal | None = None
    """What the native handler behind a translated dialect refuses before it does anything. Unlike
    what the constructor raises, it has the headers of the answer."""

    @abstractmethod
    def __init__(self, request: Request, wire: Wire) -> None:
        """Read the request. Raises `Refusal` (status 400, as a rule)."""

    def encode(self, event: Event) -> list[bytes]:
        """Say an event in a stream. Each item is one HTTP chunk; none is a silent event."""
        raise AssertionError(f"{type(self).__name__} does not stream, yet it got {event}")

    def encode_ahead(
        self, texts: Sequence[str], times: Sequence[int], frame: Frame
    ) -> list[bytes] | None:
        """Say mere texts in a stream at times of day that are still to come, in nanoseconds and in
        order, each in one chunk in its frame. None if that depends on what is said meanwhile."""
        return None

    @abstractmethod
    def collect(self, events: list[Event]) -> bytes:
        """Say all events at once: the body of the whole answer. A generation that broke off
        has no `Done` among them, or nothing at all (native specification, 5.5)."""

    def then(self, events: list[Event]) -> Job | None:
        """What the engine has to do next for the same answer, now that it did a job; None when
        that was all. `events` are those of the job if they were not encoded. Raises `Refusal`."""
        return None

    def finish(self) -> list[bytes]:
        """The last chunks of a stream, when the engine has nothing left to do."""
        return []

    def absorb(self, refusal: Refusal) -> list[bytes] | Refusal:
        """The end of an answer that tells of a refusal as part of itself: chunks of a stream, or
        one whole body. An answer that does no such thing gives the refusal to be told."""
        return refusal

    def broken(self, refusal: Refusal) -> list[bytes]:
        """Say an error in a stream that has begun. Its status is gone already."""
        return []

    @classmethod
    def missing(cls, model: str) -> str:
        """How this endpoint says that a model is not installed (native specification, 2.4)."""
        return f"model '{model}' not found"

    @classmethod
    @abstractmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """Say an error as a whole answer. Needs no request: it may be what failed."""


class Route(msgspec.Struct, frozen=True):
    """One line of the route table."""

    method: str
    path: str
    """`{name}` stands for one segment."""
    codec: type[Codec]
    since: Profile = "0.13.5"
    """The oldest profile that has it."""
    until: Profile = "0.33"
    """The newest profile that has it."""
