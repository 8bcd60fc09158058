"""The endpoints that would ask ollama.com, and those that tell of it.

Source: native specification 4.3, 4.17 to 4.20.

It must not import another dialect.
"""

from typing import ClassVar

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.model import (
    Account,
    Answer,
    CloudCall,
    CloudStatus,
    Event,
    Nothing,
    Origin,
    Refusal,
)
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import EMPTY, Native


class Me(Native):
    """`POST /api/me` (4.17). The body is not read."""

    late = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Account()

    def collect(self, events: list[Event]) -> bytes:
        """Nobody, which is all that an old server out of reach says."""
        return b"null"


class SignOut(Me):
    """`POST /api/signout` and its old alias (4.18)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Account(sign_out=True)


class WebSearch(Native):
    """`POST /api/experimental/web_search` (4.19)."""

    call: ClassVar = CloudCall("/api/web_search", "web search is unavailable")

    def __init__(self, request: Request, wire: Wire) -> None:
        if not request.body.strip():
            raise Refusal(400, EMPTY, Origin.DECODE)
        self.job = self.call

    def collect(self, events: list[Event]) -> bytes:
        """What the cloud answered: it never does."""
        raise AssertionError(f"the cloud answered {events}")


class WebFetch(WebSearch):
    """`POST /api/experimental/web_fetch` (4.19)."""

    call = CloudCall("/api/web_fetch", "web fetch is unavailable")


class CloudState(msgspec.Struct, frozen=True):
    """Whether the cloud is switched off, and by what."""

    disabled: bool
    source: str


class StatusReply(msgspec.Struct, frozen=True):
    """The answer to `/api/status`."""

    cloud: CloudState


class Status(Native):
    """`GET /api/status` (4.3)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = CloudStatus()

    def collect(self, events: list[Event]) -> bytes:
        """One switch."""
        (event,) = events
        assert isinstance(event, Answer)
        return gojson.encode(StatusReply(CloudState(*event.value)))


class Recommendation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that one might try."""

    model: str
    description: str
    context_length: int = 0
    max_output_tokens: int = 0
    vram_bytes: int = 0


class Recommendations(msgspec.Struct, frozen=True):
    """The answer to `/api/experimental/model-recommendations`."""

    recommendations: tuple[Recommendation, ...]


BUILT_IN = Recommendations(
    (
        Recommendation(
            "kimi-k2.6:cloud",
            "State-of-the-art coding, long-horizon execution,"
            " and multimodal agent swarm capability",
            262_144,
            262_144,
        ),
        Recommendation("glm-5.1:cloud", "Reasoning and code generation", 202_752, 131_072),
        Recommendation(
            "qwen3.5:cloud",
            "Reasoning, coding, and agentic tool use with vision",
            262_144,
            32_768,
        ),
        Recommendation(
            "minimax-m2.7:cloud",
            "Fast, efficient coding and real-world productivity",
            204_800,
            128_000,
        ),
        Recommendation(
            "gemma4", "Reasoning and code generation locally", vram_bytes=12_000_000_000
        ),
        Recommendation(
            "qwen3.5",
            "Reasoning, coding, and visual understanding locally",
            vram_bytes=14_000_000_000,
        ),
    )
)
"""What a server recommends that never reached ollama.com; its texts are part of the answer."""


class RecommendModels(Native):
    """`GET /api/experimental/model-recommendations` (4.20)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = Nothing()

    def collect(self, events: list[Event]) -> bytes:
        """The built-in list."""
        return gojson.encode(BUILT_IN)


ROUTES = (
    Route("GET", "/api/status", Status, "0.33"),
    Route("POST", "/api/me", Me),
    Route("POST", "/api/signout", SignOut),
    Route("DELETE", "/api/user/keys/{key}", SignOut),
    Route("POST", "/api/experimental/web_search", WebSearch, "0.33"),
    Route("POST", "/api/experimental/web_fetch", WebFetch, "0.33"),
    Route("GET", "/api/experimental/model-recommendations", RecommendModels, "0.33"),
)
