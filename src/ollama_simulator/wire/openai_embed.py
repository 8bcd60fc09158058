"""Embeddings in OpenAI's dialect: `/v1/embeddings`.

Source: compatibility specification 7.

It must not import `anthropic`.
"""

import base64
import struct

import msgspec

from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.decode import ANYTHING, INT, TEXT, Record
from ollama_simulator.golang.parse import refused
from ollama_simulator.model import Embed, Event
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.ollama_embed import embedder, embeddings, pull_first, texts, vector32
from ollama_simulator.wire.openai import EMPTY, OpenAI

EMBED = Record(
    "openai.EmbedRequest",
    fields={
        "model": TEXT,
        "input": ANYTHING,
        "dimensions": INT,
        "encoding_format": TEXT,
    },
)


class Item(msgspec.Struct, frozen=True):
    """One vector."""

    object: str
    embedding: msgspec.Raw | str
    index: int


class Counts(msgspec.Struct, frozen=True):
    """Tokens of all inputs."""

    prompt_tokens: int
    total_tokens: int


class ItemList(msgspec.Struct, frozen=True):
    """The vectors of a batch."""

    object: str
    data: tuple[Item, ...]
    model: str
    usage: Counts


class Embeddings(OpenAI):
    """`POST /v1/embeddings`."""

    proxied = True
    job: Embed

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, EMBED, EMPTY)
        asked = body.get("encoding_format", "")
        self._base64 = asked.lower() == "base64"
        if asked.lower() not in ("", "float", "base64"):
            raise refused(
                f"Invalid value for 'encoding_format' = {asked}. "
                "Supported values: ['float', 'base64']."
            )
        given = body.get("input", [])
        if given == []:
            raise refused("invalid input")
        # Unlike the native endpoint, this one embeds an empty string.
        given = [given] if isinstance(given, str) else given
        model = body.get("model", "")
        old = wire.settings.wire == "0.13.5"
        inputs = texts(given) if model or old else ()
        embedder(model, wire.settings.wire)
        self.job = Embed(model, inputs, body.get("dimensions"))

    def collect(self, events: list[Event]) -> bytes:
        """The vectors, as numbers or as base64 of their 32-bit floats."""
        found = embeddings(events)
        shape = _base64 if self._base64 else vector32
        data = tuple(
            Item("embedding", shape(vector), index) for index, vector in enumerate(found.vectors)
        )
        counts = Counts(found.usage.prompt_tokens, found.usage.prompt_tokens)
        return gojson.encode(ItemList("list", data, self.job.model, counts)) + b"\n"

    @classmethod
    def missing(cls, model: str) -> str:
        """With the advice that the embedding endpoints give."""
        return pull_first(model)


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


ROUTES = (Route("POST", "/v1/embeddings", Embeddings),)
