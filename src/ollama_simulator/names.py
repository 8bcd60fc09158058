"""Model names: their grammar, and the short form by which two spellings are one name.

Source: native specification, sections 2.1 and 2.3.

It must not import anything of this package.
"""

import re

HOST = "registry.ollama.ai"
NAMESPACE = "library"
TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", re.ASCII)


def split(name: str) -> tuple[str, str, str, str]:
    """Host, namespace, model and tag of a name, with the defaults filled in."""
    rest = name.strip()
    if "://" in rest:
        rest = rest.partition("://")[2]
    tag = TAG
    if rest.rfind(":") > rest.rfind("/"):
        rest, _, tag = rest.rpartition(":")
    parts = rest.rsplit("/", 2)
    model = parts.pop()
    namespace = parts.pop() if parts else NAMESPACE
    host = parts.pop() if parts else HOST
    return host, namespace, model, tag


def valid(name: str) -> bool:
    """Whether a name fits the grammar."""
    host, namespace, model, tag = split(name)
    return bool(
        _HOST.fullmatch(host)
        and _NAMESPACE.fullmatch(namespace)
        and _MODEL.fullmatch(model)
        and _MODEL.fullmatch(tag)
    )


def canonical(name: str) -> str:
    """The shortest form that tells a name from every other, its tag included."""
    host, namespace, model, tag = split(name)
    short = f"{model}:{tag}"
    if namespace != NAMESPACE or host != HOST:
        short = f"{namespace}/{short}"
    if host != HOST:
        short = f"{host}/{short}"
    return short
