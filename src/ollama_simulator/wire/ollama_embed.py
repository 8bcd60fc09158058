"""Embeddings in Ollama's own dialect: `/api/embed`, and `/api/embeddings` from before.

Source: native specification 4.9 and 4.10.

It must not import another dialect.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.decode import ANYTHING, FLAG, INT, MAP, TEXT, Record
from ollama_simulator.golang.parse import Json, plain
from ollama_simulator.model import Answer, Embed, Embeddings, Event, Refusal
from ollama_simulator.names import Source, source
from ollama_simulator.settings import Profile
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import (
    EMPTY,
    KEEP_ALIVE,
    Native,
    checked_name,
    model_required,
)

EMBED = Record(
    "api.EmbedRequest",
    fields={
        "model": TEXT,
        "input": ANYTHING,
        "keep_alive": KEEP_ALIVE,
        "truncate": FLAG,
        "dimensions": INT,
        "options": MAP,
    },
)

EMBEDDINGS = Record(
    "api.EmbeddingRequest",
    fields={"model": TEXT, "prompt": TEXT, "keep_alive": KEEP_ALIVE, "options": MAP},
)


class EmbedReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The vectors of a batch."""

    model: str
    embeddings: tuple[msgspec.Raw, ...]
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0


class EmbeddingReply(msgspec.Struct, frozen=True):
    """A single vector."""

    embedding: msgspec.Raw


class EmbedTexts(Native):
    """`POST /api/embed` (4.9)."""

    job: Embed

    def __init__(self, request: Request, wire: Wire) -> None:
        profile = wire.settings.wire
        body = decode.body(request.body, EMBED, EMPTY)
        self.job = Embed(
            *_read(body, profile),
            body.get("dimensions"),
            body.get("keep_alive"),
            body.get("truncate", True),
            plain(body.get("options", {})),
        )

    def collect(self, events: list[Event]) -> bytes:
        """The vectors, in 32-bit floats. A mere load has no durations."""
        found = embeddings(events)
        vectors = tuple(vector32(vector) for vector in found.vectors)
        if not self.job.inputs:
            return gojson.encode(EmbedReply(self.job.model, vectors))
        return gojson.encode(
            EmbedReply(
                self.job.model,
                vectors,
                total_duration=gojson.nanoseconds(found.usage.total_s),
                load_duration=gojson.nanoseconds(found.usage.load_s),
                prompt_eval_count=found.usage.prompt_tokens,
            )
        )

    @classmethod
    def missing(cls, model: str) -> str:
        """With the advice that the embedding endpoints give."""
        return pull_first(model)


class EmbedPrompt(Native):
    """`POST /api/embeddings` (4.10)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, EMBEDDINGS, EMPTY)
        absent = model_required()
        model = checked_name(body.get("model", ""), absent, wire.settings.wire, unfit=absent)
        prompt = body.get("prompt", "")
        self.job = Embed(
            model,
            (prompt,) if prompt else (),
            keep_alive=body.get("keep_alive"),
            options=plain(body.get("options", {})),
            normalised=False,
        )

    def collect(self, events: list[Event]) -> bytes:
        """The vector: the same 32-bit floats, printed with 64 bits. A mere load has none."""
        vectors = embeddings(events).vectors
        vector = vectors[0] if vectors else ()
        numbers = ",".join(gojson.float64(gojson.narrow(x)) for x in vector)
        return gojson.encode(EmbeddingReply(msgspec.Raw(f"[{numbers}]".encode())))

    @classmethod
    def missing(cls, model: str) -> str:
        """With the advice that the embedding endpoints give."""
        return pull_first(model)


def texts(given: Json) -> tuple[str, ...]:
    """The inputs of a batch; one empty string is none. Raises `Refusal`."""
    if isinstance(given, str):
        return (given,) if given else ()
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise Refusal(400, "invalid input type")
    return tuple(given)


def embeddings(events: list[Event]) -> Embeddings:
    """The vectors in the answer to `Embed`."""
    (event,) = events
    assert isinstance(event, Answer)
    assert isinstance(event.value, Embeddings)
    return event.value


def vector32(vector: tuple[float, ...]) -> msgspec.Raw:
    """A vector, printed in 32-bit floats."""
    return msgspec.Raw(f"[{','.join(map(gojson.float32, vector))}]".encode())


def _read(body: Mapping[str, Any], profile: Profile) -> tuple[str, tuple[str, ...]]:
    """The name and the inputs. The old profile complains of the inputs first."""
    if profile == "0.13.5":
        inputs = texts(body.get("input", []))
        return embedder(body.get("model", ""), profile), inputs
    model = embedder(body.get("model", ""), profile)
    # What goes to the cloud is not looked at.
    away = source(model)[1] is Source.CLOUD
    return model, () if away else texts(body.get("input", []))


def embedder(typed: str, profile: Profile) -> str:
    """The name of a model that embeds. Raises `Refusal` if it is none."""
    unfit = Refusal(404, pull_first(typed))
    absent = unfit if profile == "0.13.5" else Refusal(404, f"model '{typed}' not found")
    return checked_name(typed, absent, profile, unfit)


def pull_first(model: str) -> str:
    """How the embedding endpoints say that a model is not installed."""
    return f"model {gojson.quote(model)} not found, try pulling it first"


ROUTES = (
    Route("POST", "/api/embed", EmbedTexts),
    Route("POST", "/api/embeddings", EmbedPrompt),
)
