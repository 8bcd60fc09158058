"""Answers that need no codec, and where they lead: redirects as Go's library writes them.

Source: native specification 1.4, compatibility specification 2.6.

It must not import anything of this package but layer 0.
"""

import html
import re

import msgspec

from ollama_simulator.golang import url
from ollama_simulator.golang.url import Url

PHRASES = {301: "Moved Permanently", 307: "Temporary Redirect"}

_UNSAFE = re.compile(r"[^a-zA-Z0-9/-]+")
_SLASHES = re.compile(r"/{2,}")


class Fixed(msgspec.Struct, frozen=True):
    """An answer that needs no codec."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    common: tuple[tuple[str, str], ...] = ()
    """Headers that it would have, too, if it were another answer."""


def clean(path: str) -> str:
    """A path without empty segments and dots; the slash at its end stays."""
    short = url.clean(path if path.startswith("/") else "/" + path)
    return short + "/" if path.endswith("/") and short != "/" else short


def to_clean(method: str, asked: Url, path: str, status: int) -> Fixed:
    """To a path that was cleaned."""
    query = asked.query if len(asked.query) > 1 else ""
    return _redirect(method, status, str(Url(path=path, query=query)), asked)


def without_slash(method: str, asked: Url, prefix: str | None) -> Fixed:
    """To the path without the slash at its end, behind the prefix that a proxy took away."""
    path = asked.path
    before = url.clean(prefix or "")
    if before != ".":
        path = _SLASHES.sub("/", _UNSAFE.sub("", before)) + "/" + path
    there = msgspec.structs.replace(asked, path=path.removesuffix("/"))
    return _redirect(method, 301 if method == "GET" else 307, str(there), there)


def _redirect(method: str, status: int, location: str, asked: Url) -> Fixed:
    """A redirect; those who read get a page, too."""
    location = _absolute(location, asked)
    shown = "".join(c if c < "\x80" else f"%{ord(c):x}" for c in location)
    place = ("Location", shown)
    if method not in ("GET", "HEAD"):
        return Fixed(status, (place,))
    headers = (("Content-Type", "text/html; charset=utf-8"), place)
    if method == "HEAD":
        return Fixed(status, headers)
    linked = html.escape(location, quote=False).replace('"', "&#34;").replace("'", "&#39;")
    page = f'<a href="{linked}">{PHRASES[status]}</a>.\n\n'
    return Fixed(status, headers, page.encode("latin-1"))


def _absolute(location: str, asked: Url) -> str:
    """A location on this server, from its root and clean; another stays as it is."""
    try:
        there = url.parse(location, of_request=False)
    except ValueError:
        return location
    if there.scheme or there.host:
        return location
    if not location.startswith("/"):
        location = (asked.escaped or "/").rpartition("/")[0] + "/" + location
    path, mark, query = location.partition("?")
    short = url.clean(path)
    slash = "/" if path.endswith("/") and not short.endswith("/") else ""
    return short + slash + mark + query
