"""What a request wants, as far as a balancer of version 1.0.4 looks: a model, and a conversation.

Source: seed facts, "Version 1.0.4".

Rules of this file:

1. All dialects are compared in the native form: the simulator's own codecs translate them, as
   Ollama does.
2. A conversation is what was asked. What was answered may come back changed, by a client that
   trims it or leaves the thinking out.

It must not import the balancer.
"""

import json
import random
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.lab.nine_steps import FEWEST, counts
from ollama_simulator.model import Infer, Refusal, Tool
from ollama_simulator.names import Name
from ollama_simulator.net.request import Request

CONVERSES = frozenset({"/api/chat", "/v1/chat/completions", "/v1/responses", "/v1/messages"})
"""The paths of conversations."""
GENERATES = CONVERSES | {"/api/generate", "/v1/completions"}
"""The paths of requests that leave a prompt in a KV cache."""
USES_MODEL = GENERATES | {"/api/embed", "/api/embeddings", "/v1/embeddings"}
"""The paths of requests that bring their model into memory."""
NAMES_MODEL = USES_MODEL | {"/api/show"}
"""The paths of requests that are only good for a server that has their model."""


class Conversation(msgspec.Struct, frozen=True):
    """What a server has in its KV cache when it answered: turns, and what they depend on."""

    model: Name
    messages: tuple[Any, ...]
    tools: tuple[Tool, ...]
    num_ctx: Any

    def goes_on(self, held: "Conversation") -> bool:
        """Whether this one goes on with another one, and that is worth something."""
        return (
            counts(len(held.messages), len(self.messages))
            and (held.model, held.tools, held.num_ctx) == (self.model, self.tools, self.num_ctx)
            and self.messages[: len(held.messages)] == held.messages
        )


class Wish(msgspec.Struct):
    """What a request wants."""

    path: str = ""
    spelled: str = ""
    """Its model, as it says; empty for none."""
    model: Name | None = None
    """The same for all spellings."""
    conversation: Conversation | None = None
    """None for one that is too short to count, too."""
    switch_to: str | None = None
    """The type of KV cache that its server must get first; None for the one that it has."""


def read(request: Request, body: bytes) -> Wish:
    """What a request wants. Of one that can't be read, nothing is known but its path."""
    path = request.target.partition("?")[0]
    wish = Wish(path)
    if request.method != "POST" or path not in NAMES_MODEL:
        return wish
    try:
        document = json.loads(body)
    except ValueError:
        return wish
    match document:
        case {"model": str(model)} | {"name": str(model)}:
            wish.spelled, wish.model = model, key(model)
            if path in CONVERSES and _may_count(document):
                wish.conversation = conversation(path, body, wish.model)
    return wish


def key(model: str) -> Name:
    """What all spellings of a model's name have in common."""
    return names.parse(model.strip()).folded


def _may_count(document: dict[str, Any]) -> bool:
    """Whether it could have enough messages to count: a system prompt may stand elsewhere."""
    said = document.get("messages", document.get("input"))
    return isinstance(said, list) and len(said) + 1 >= FEWEST


def conversation(path: str, body: bytes, model: Name) -> Conversation | None:
    """The conversation in a request; None if it can't be read, or has no messages."""
    # Imported for the first conversation: a balancer has to start at once.
    from ollama_simulator.wire import codec, routes

    wire = codec.Wire(lambda: 0, random.Random(0))
    found = routes.resolve("POST", path)
    assert isinstance(found, routes.Match), f"{path} has a codec"
    try:
        job = found.codec(codec.Request("POST", path, {}, body), wire).job
    except Refusal:
        return None
    if not isinstance(job, Infer) or not job.messages:
        return None
    return Conversation(model, job.messages, job.tools, job.options.get("num_ctx"))
