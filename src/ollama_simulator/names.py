"""Model names: their grammar, their spellings, and the suffixes that say where a model runs.

Source: native specification, sections 2.1 to 2.3.

It must not import anything of this package but `golang`.
"""

import functools
import re
from enum import Enum
from typing import NamedTuple

from ollama_simulator.golang.gojson import quote

HOST = "registry.ollama.ai"
NAMESPACE = "library"
TAG = "latest"
MISSING = "!MISSING!"
"""What stands in a complaint for a part that a separator promised."""
LONGEST_KEPT = 100
"""Characters of a name up to which its parts are kept: a request asks for them several times."""
MOST_KEPT = 1024
"""How many names these are."""

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", re.ASCII)


class Name(NamedTuple):
    """A name, with the defaults filled in. It need not be valid."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def valid(self) -> bool:
        """Whether it fits the grammar."""
        return bool(
            _HOST.fullmatch(self.host)
            and _NAMESPACE.fullmatch(self.namespace)
            and _MODEL.fullmatch(self.model)
            and _MODEL.fullmatch(self.tag)
        )

    @property
    def full(self) -> str:
        """All four parts."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def short(self) -> str:
        """The shortest form that tells it from every other, its tag included."""
        if self.host.lower() != HOST:
            return self.full
        own = "" if self.namespace.lower() == NAMESPACE else f"{self.namespace}/"
        return f"{own}{self.model}:{self.tag}"

    @property
    def folded(self) -> "Name":
        """The same for all spellings that mean one model."""
        host, namespace, model, tag = self
        return Name(host.lower(), namespace.lower(), model.lower(), tag.lower())


def parse(text: str) -> Name:
    """The parts of a name as it was typed, spaces at its ends included."""
    return _kept(text) if len(text) <= LONGEST_KEPT else _parse(text)


def _parse(text: str) -> Name:
    rest, tag = text, TAG
    if rest.rfind(":") > rest.rfind("/"):
        rest, tag = _cut(rest, ":")
    if "/" not in rest:
        return Name(HOST, NAMESPACE, rest, tag)
    rest, model = _cut(rest, "/")
    if "/" not in rest:
        return Name(HOST, rest, model, tag)
    rest, namespace = _cut(rest, "/")
    before, scheme, after = rest.partition("://")
    return Name((after if scheme else before) or HOST, namespace, model, tag)


_kept = functools.lru_cache(MOST_KEPT)(_parse)


def _cut(text: str, separator: str) -> tuple[str, str]:
    before, _, after = text.rpartition(separator)
    return before or MISSING, after or MISSING


def split(name: str) -> tuple[str, str, str, str]:
    """Host, namespace, model and tag of a trimmed name, with the defaults filled in."""
    return parse(name.strip())


def valid(name: str) -> bool:
    """Whether a name fits the grammar, apart from spaces at its ends."""
    return parse(name.strip()).valid


def canonical(name: str) -> str:
    """The shortest form of a name that tells it from every other, its tag included."""
    return parse(name.strip()).short


class Source(Enum):
    """Where a name says that its model runs."""

    ANY = ""
    LOCAL = "local"
    CLOUD = "cloud"


class ConflictingSources(ValueError):
    """A name says both `:local` and `:cloud`. The text is what a client reads of it."""


def source(name: str) -> tuple[str, Source]:
    """A trimmed name without the suffix that says where it runs, and what that said.

    Raises `ConflictingSources`. Not for the profile 0.13.5, which knows no such suffixes.
    """
    name = name.strip()
    base, where = _suffix(name)
    if where is not Source.ANY and _suffix(base)[1] is not Source.ANY:
        raise ConflictingSources(f"use either :local or :cloud, not both: {quote(name)}")
    return base, where


def _suffix(name: str) -> tuple[str, Source]:
    base, colon, suffix = name.rpartition(":")
    suffix = suffix.strip()
    match suffix.lower():
        case "cloud" if colon:
            return base, Source.CLOUD
        case "local" if colon:
            return base, Source.LOCAL
        case tag if colon and tag.endswith("-cloud") and "/" not in tag:
            return f"{base}:{suffix[: -len('-cloud')]}", Source.CLOUD
    return name, Source.ANY


def pulled(name: str) -> str:
    """The name under which a model of the cloud is installed; others without their suffix.

    Raises `ConflictingSources`.
    """
    base, where = source(name)
    if where is not Source.CLOUD:
        return base
    tagged = base.rfind(":") > base.rfind("/")
    return f"{base}-cloud" if tagged else f"{base}:cloud"
