"""Which path leads to which codec, and what Ollama answers by itself before it asks one.

Source: native specification 1.2 to 1.6, compatibility specification 1, 2.6 and 2.7.

Rules of this file:

1. The routes are a table, and each module brings its own. A path is looked up decoded; the query
   is ignored.
2. In this order, as Go's library and Ollama's router do it: a path that is not clean is
   redirected; a path of a route with a slash too many is redirected; a page of a foreign origin,
   then a foreign host is refused; a route answers; a path that has other methods is 405; the rest
   is 404.

It must not import the engine or the network.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from ollama_simulator.golang import url
from ollama_simulator.settings import PROFILES, Profile, Settings
from ollama_simulator.wire import (
    anthropic,
    audio,
    cors,
    hosts,
    ollama,
    ollama_account,
    ollama_embed,
    ollama_models,
    ollama_progress,
    ollama_show,
    ollama_store,
    openai_chat,
    openai_chat_old,
    openai_completions,
    openai_embed,
    openai_models,
    redirects,
    responses,
)
from ollama_simulator.wire.anthropic import Messages
from ollama_simulator.wire.codec import Codec, Route
from ollama_simulator.wire.ollama import Chat
from ollama_simulator.wire.openai_chat import ChatCompletions
from ollama_simulator.wire.redirects import Fixed

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
    openai_chat_old,
    openai_completions,
    openai_embed,
    responses,
    audio,
    anthropic,
)
"""Every module that has routes, in a tuple `ROUTES` of its own."""

ROUTES: tuple[Route, ...] = tuple(route for module in MODULES for route in module.ROUTES)

METHODS = ("HEAD", "GET", "POST", "DELETE")
"""In the order in which `Allow` lists them."""

HEALTH = "/health"
"""What some routers ask; Ollama has no such path, so it must be switched on."""

Header = Callable[[str], str | None]
"""The first value of a header of the request, by its name in lower case."""

_CONTINUE = re.compile(r"(?:^|[ ,\t])100-continue(?:$|[ ,\t])", re.IGNORECASE)
_NO_CODECS: Mapping[str, type[Codec]] = MappingProxyType({})
_NO_PARAMS: Mapping[str, str] = MappingProxyType({})
_PLAIN_TEXT = ("Content-Type", "text/plain")
_GO_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_CLOSE = ("Connection", "close")


class Match(msgspec.Struct, frozen=True):
    """A request that has a codec."""

    codec: type[Codec]
    params: Mapping[str, str]
    """The named parts of the path."""
    path: str
    """The path, decoded, without the query."""
    common: tuple[tuple[str, str], ...] = ()
    """Headers that every answer has, whatever it is."""


class Table:
    """The routes of one profile."""

    def __init__(self, routes: tuple[Route, ...], profile: Profile) -> None:
        self.literal: dict[str, dict[str, type[Codec]]] = {}
        self._open: dict[str, tuple[str, dict[str, type[Codec]]]] = {}
        """What has a named part at its end, by what stands before that."""
        order = METHODS.index
        for route in sorted(routes, key=lambda route: order(route.method)):
            ages = PROFILES[PROFILES.index(route.since) : PROFILES.index(route.until) + 1]
            if profile not in ages:
                continue
            before, brace, name = route.path.partition("{")
            if brace:
                _, codecs = self._open.setdefault(before, (name.removesuffix("}"), {}))
            else:
                codecs = self.literal.setdefault(route.path, {})
            codecs[route.method] = route.codec

    def find(self, path: str) -> tuple[Mapping[str, type[Codec]], Mapping[str, str]]:
        """The codecs of a decoded path by their methods, and its named parts."""
        if path in self.literal:
            return self.literal[path], _NO_PARAMS
        before, slash, value = path.rpartition("/")
        if value and before + slash in self._open:
            name, codecs = self._open[before + slash]
            # The target's bytes come as Latin-1, whatever they mean.
            return codecs, {name: value.encode("latin-1").decode("utf-8", "replace")}
        return {}, _NO_PARAMS


CLEANED: dict[Profile, int] = {"0.33": 307, "0.13.5": 301}
"""With what status a client is sent to a path that was cleaned."""
TABLES = {profile: Table(ROUTES, profile) for profile in PROFILES}


def resolve(
    method: str,
    target: str,
    header: Header = _NO_PARAMS.get,
    settings: Settings = Settings(),  # noqa: B008 - frozen
) -> Match | Fixed:
    """What answers a request with this target, as sent."""
    expect = header("expect")
    if expect and not _CONTINUE.search(expect):
        return Fixed(417, (_CLOSE,))
    table = TABLES[settings.wire]
    codec = table.literal.get(target, _NO_CODECS).get(method)
    if codec is not None:
        # The fast way for most requests: nothing of the target needs to be taken apart.
        status, common = _screen(method, header("host") or "", header, settings)
        if status is None:
            return Match(codec, _NO_PARAMS, target, common)
        return Fixed(status, common)
    if target == "*":
        if method == "OPTIONS":
            return Fixed(200, (("Content-Length", "0"),))
        return Fixed(400, (_CLOSE,))
    tunnel = method == "CONNECT" and not target.startswith("/")
    try:
        asked = url.parse(f"http://{target}" if tunnel else target)
    except ValueError:
        return Fixed(400, (_GO_TEXT,), b"400 Bad Request")
    if method == "CONNECT":
        if not asked.path:
            headers = (_GO_TEXT, ("X-Content-Type-Options", "nosniff"))
            return Fixed(404, headers, b"404 page not found\n")
    else:
        clean = redirects.clean(asked.escaped)
        if clean != asked.escaped:
            return redirects.to_clean(method, asked, clean, CLEANED[settings.wire])
    return _routed(method, asked, header, settings)


def _routed(method: str, asked: url.Url, header: Header, settings: Settings) -> Match | Fixed:
    """What Ollama's router finds for a clean path."""
    table = TABLES[settings.wire]
    path = asked.path
    if path == HEALTH and settings.health and method in ("GET", "HEAD"):
        return Fixed(200, (("Content-Length", "0"),))
    codecs, params = table.find(path)
    if method not in codecs and path.endswith("/") and method in table.find(path[:-1])[0]:
        return redirects.without_slash(method, asked, header("x-forwarded-prefix"))
    host = asked.host or header("host") or ""
    status, common = _screen(method, host, header, settings)
    if method in codecs:
        if status is None:
            shown = path.encode("latin-1").decode("utf-8", "replace")
            return Match(codecs[method], params, shown, common)
        return Fixed(status, common)
    allow = (("Allow", ", ".join(codecs)),) if codecs else ()
    if status is not None:
        return Fixed(status, tuple(sorted((*common, *allow), key=_name)))
    if codecs:
        return Fixed(405, (*allow, _PLAIN_TEXT), b"405 method not allowed", common=common)
    return Fixed(404, (_PLAIN_TEXT,), b"404 page not found", common=common)


def _screen(
    method: str, host: str, header: Header, settings: Settings
) -> tuple[int | None, cors.Headers]:
    """The status by which a request ends before it is routed, and what its answer says anyway."""
    status, common = cors.screen(method, header("origin"), host, settings.origins)
    if status is None and hosts.guarded(settings.bind):
        status = hosts.screen(method, host, settings.hostname)
    return status, common


def _name(pair: tuple[str, str]) -> str:
    return pair[0]


def dialect(target: str) -> type[Codec]:
    """Whose words an error has at a target that has no route of its own."""
    try:
        path = redirects.clean(url.parse(target).path)
    except ValueError:
        path = target
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return Messages
    return ChatCompletions if path.startswith("/v1/") else Chat
