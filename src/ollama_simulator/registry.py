"""The registries that a server can pull from and push to.

Source: native specification 4.11 and 4.12.

Rules of this file:

1. Nothing here is fetched from anywhere: a registry is a list of what it would answer.
2. A host that is in no list can't be reached.

It must not import anything of this package but `model`.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from ollama_simulator.model import Model


class Pieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that comes in pieces, the first at once, instead of at the server's even rate."""

    size: Annotated[int, msgspec.Meta(gt=0)]
    """Bytes in one piece; the last may be smaller."""
    every_ms: Annotated[float, msgspec.Meta(gt=0)]


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that a registry holds."""

    model: Model
    """What is installed when it was pulled; its name is the one in the registry."""
    served: Mapping[str, str] = {}
    """For a layer whose content is wrong: its digest, and the digest of what is sent instead."""
    pieces: Mapping[str, Pieces] = {}
    """How layers come that have a pace of their own, by digest."""


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a registry answers when it is asked for a manifest it doesn't hold."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    body: str = ""
    """Of a success something that is no manifest, such as a page of HTML."""

    def __post_init__(self) -> None:
        if self.status < 400 and self.body.lstrip().startswith("{"):
            raise ValueError("the manifest of a model is made of an offer, not of a reply")


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One registry. It answers 404 for what is in neither list."""

    host: str = "registry.ollama.ai"
    """With its port, if models are named with one."""
    tls: bool = True
    """False for one that speaks plain HTTP and has to be asked with `insecure`."""
    offers: tuple[Offer, ...] = ()
    replies: Mapping[str, Reply] = {}
    """By model name, in any spelling."""
    library: bool = False
    """Whether it also holds the models of the built-in library."""


OLLAMA = Registry(library=True)
"""The registry that a model without a host is pulled from."""
