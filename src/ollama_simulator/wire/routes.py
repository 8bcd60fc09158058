"""Which path leads to which codec, and what Ollama's router answers by itself.

Source: native specification 1.2 to 1.4, compatibility specification 1 and 2.6.

Rules of this file:

1. The routes are a table. A path is looked up decoded; the query is ignored.
2. In this order, as Go's library and Ollama's router do it: a path that is not clean is
   redirected as it was sent; a route answers; a path with a slash too many is redirected; a
   path that has other methods is 405; the rest is 404.

It must not import the engine or the network.
"""

import html
import posixpath
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote_to_bytes

import msgspec

from ollama_simulator.acts import Framing
from ollama_simulator.wire import (
    anthropic,
    audio,
    ollama,
    ollama_account,
    ollama_embed,
    ollama_models,
    ollama_progress,
    ollama_show,
    ollama_store,
    openai_chat,
    openai_completions,
    openai_embed,
    openai_models,
    responses,
)
from ollama_simulator.wire.anthropic import Messages
from ollama_simulator.wire.codec import Codec, Route
from ollama_simulator.wire.ollama import Chat
from ollama_simulator.wire.openai_chat import ChatCompletions

MODULES = (
    ollama_models,
    ollama_show,
    ollama,
    ollama_embed,
    ollama_progress,
    ollama_store,
    ollama_account,
    openai_models,
    openai_chat,
    openai_completions,
    openai_embed,
    responses,
    audio,
    anthropic,
)
"""Every module that has routes, in a tuple `ROUTES` of its own."""

ROUTES: tuple[Route, ...] = tuple(route for module in MODULES for route in module.ROUTES)

_MISTAKE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NO_PARAMS: Mapping[str, str] = MappingProxyType({})
_PLAIN_TEXT = ("Content-Type", "text/plain")


class Match(msgspec.Struct, frozen=True):
    """A request that has a codec."""

    codec: type[Codec]
    params: Mapping[str, str]
    """The named parts of the path."""
    path: str
    """The path, decoded, without the query."""


class Fixed(msgspec.Struct, frozen=True):
    """An answer that needs no codec."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    framing: Framing = Framing.AUTO


def resolve(method: str, target: str) -> Match | Fixed:
    """What answers a request with this target, as sent."""
    if method == "OPTIONS" and target == "*":
        return Fixed(200)
    sent, mark, query = _local(target).partition("?")
    if _MISTAKE.search(sent):
        return Fixed(400, (("Content-Type", "text/plain; charset=utf-8"),), b"400 Bad Request")
    clean = _clean(sent)
    if clean != sent and method != "CONNECT":
        return _redirect(307, "Temporary Redirect", method, clean + mark + query)
    path = _decoded(sent)
    allowed = _methods(path)
    if method in allowed:
        return allowed[method]
    if path.endswith("/") and method in _methods(path[:-1]):
        status, phrase = (301, "Moved Permanently") if method == "GET" else (307, "")
        location = quote(path[:-1], safe="/:@$&+,;=") + mark + query
        return _redirect(status, phrase, method, location)
    if allowed:
        headers = (("Allow", ", ".join(allowed)), _PLAIN_TEXT)
        return Fixed(405, headers, b"405 method not allowed")
    return Fixed(404, (_PLAIN_TEXT,), b"404 page not found")


def dialect(target: str) -> type[Codec]:
    """Whose words an error has at a target that has no route of its own."""
    path = _decoded(_clean(_local(target).partition("?")[0]))
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return Messages
    return ChatCompletions if path.startswith("/v1/") else Chat


def _local(target: str) -> str:
    """A target without scheme and host, as a proxy is asked with them."""
    origin = _ORIGIN.match(target)
    return target[origin.end() :] if origin else target


def _decoded(path: str) -> str:
    # The target's bytes come as Latin-1, whatever they mean.
    raw = unquote_to_bytes(path.encode("latin-1", "replace"))
    return raw.decode("utf-8", "replace")


def _clean(path: str) -> str:
    """A path without empty segments and dots; the slash at its end stays."""
    short = posixpath.normpath("/" + path.lstrip("/"))
    return short + "/" if path.endswith("/") and short != "/" else short


def _methods(path: str) -> dict[str, Match]:
    """The methods of a decoded path, in the order of the table."""
    found = {}
    for route in ROUTES:
        params = _params(route.path, path)
        if params is not None:
            found[route.method] = Match(route.codec, params, path)
    return found


def _params(pattern: str, path: str) -> Mapping[str, str] | None:
    """The named parts of a path if it fits a pattern."""
    if pattern == path:
        return _NO_PARAMS
    if "{" not in pattern:
        return None
    named, given = pattern.split("/"), path.split("/")
    if len(named) != len(given):
        return None
    params = {}
    for name, segment in zip(named, given, strict=True):
        if name.startswith("{") and segment:
            params[name.strip("{}")] = segment
        elif name != segment:
            return None
    return params


def _redirect(status: int, phrase: str, method: str, location: str) -> Fixed:
    """A redirect; those who read get a page, too."""
    place = ("Location", location)
    if method not in ("GET", "HEAD"):
        return Fixed(status, (place,))
    headers = (("Content-Type", "text/html; charset=utf-8"), place)
    if method == "HEAD":
        return Fixed(status, headers, framing=Framing.NONE)
    shown = html.escape(location, quote=False).replace('"', "&#34;").replace("'", "&#39;")
    page = f'<a href="{shown}">{phrase}</a>.\n\n'
    return Fixed(status, headers, page.encode("latin-1", "replace"))
