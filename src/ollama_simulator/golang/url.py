"""Request targets, as Go's library takes them apart and writes them again.

Source: native specification 1.1 and 1.4.

Rules of this file:

1. Text stands for bytes: each character is one byte, as Latin-1 has it.
2. What Go would not take as a request's target raises `ValueError`.

It must not import anything of this package.
"""

import ipaddress
import re
from urllib.parse import quote, unquote_to_bytes

import msgspec

_MISTAKE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT = re.compile(r"(:[0-9]*)?")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"\x80-\xff-]|%25|%[89A-Fa-f][0-9A-Fa-f])*")
_AS_SENT = re.compile(r"[A-Za-z0-9._~$&+,/:;=@!'()*\[\]%-]*")
"""A path that is shown as it was sent, though Go would have written it in another way."""

_UNESCAPED = "$&+,/:;=@"
"""What Go leaves as it is in a path, besides letters, digits and `-._~`."""
_UNESCAPED_HOST = "!$&'()*+,;=:[]<>\""


class Url(msgspec.Struct, frozen=True):
    """A target in its parts."""

    scheme: str = ""
    authority: bool = False
    """Whether two slashes announce a host, though it may be empty."""
    opaque: str = ""
    """What follows the scheme if that is no slash."""
    user: str = ""
    """With its `@`, as sent."""
    host: str = ""
    path: str = ""
    """Decoded."""
    sent: str = ""
    """The path as it was sent; empty if Go would have written it so."""
    query: str = ""
    """With its question mark."""

    @property
    def escaped(self) -> str:
        """The path, written for a request line."""
        if self.sent and _AS_SENT.fullmatch(self.sent) and unescape(self.sent) == self.path:
            return self.sent
        return "*" if self.path == "*" else escape(self.path)

    def __str__(self) -> str:
        """The whole target, as Go writes it."""
        text = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            return text + self.opaque + self.query
        if self.authority and (self.host or self.path or self.user):
            text += f"//{self.user}{quote(self.host.encode('latin-1'), safe=_UNESCAPED_HOST)}"
        path = self.escaped
        if path and path[0] != "/" and self.host:
            text += "/"
        if not text and ":" in path.partition("/")[0]:
            text = "./"
        return text + path + self.query


def parse(target: str, *, of_request: bool = True) -> Url:
    """Take a target apart. `of_request` is false for an address that may be relative.

    Raises `ValueError`.
    """
    if _CONTROL.search(target):
        raise ValueError("a control character in a target")
    if not target and of_request:
        raise ValueError("an empty target")
    if target == "*":
        return Url(path="*")
    if target.startswith(":"):
        raise ValueError("a colon without a scheme")
    found = _SCHEME.match(target)
    scheme, rest = (found[1].lower(), target[found.end() :]) if found else ("", target)
    rest, mark, query = rest.partition("?")
    query = mark + query
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme=scheme, opaque=rest, query=query)
        if of_request or ":" in rest.partition("/")[0]:
            raise ValueError("a target that is neither absolute nor a path")
    user = host = ""
    authority = rest.startswith("//") and bool(scheme or not (of_request or rest[2:3] == "/"))
    if authority:
        between, slash, path = rest[2:].partition("/")
        user, host = _authority(scheme, between)
        rest = slash + path
    path = unescape(rest)
    sent = "" if escape(path) == rest else rest
    return Url(scheme, authority, user=user, host=host, path=path, sent=sent, query=query)


def escape(path: str) -> str:
    """A path, written as Go writes it."""
    return quote(path.encode("latin-1"), safe=_UNESCAPED)


def unescape(text: str) -> str:
    """The bytes that a text stands for. Raises `ValueError` for a percent sign that is none."""
    if "%" not in text:
        return text
    if _MISTAKE.search(text):
        raise ValueError("an escape that is none")
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def clean(path: str) -> str:
    """The shortest path that means the same: no empty segments and no dots; `.` for nothing."""
    rooted = path.startswith("/")
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and (rooted or (kept and kept[-1] != "..")):
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" * rooted + "/".join(kept) or "."


def _authority(scheme: str, authority: str) -> tuple[str, str]:
    """Who asks, and of which host."""
    user, at, host = authority.rpartition("@")
    if not _USER.fullmatch(user) or _MISTAKE.search(user):
        raise ValueError("a user that is none")
    if "[" in host:
        return user + at, _literal(host)
    colon = host.find(":") if scheme in ("http", "https") else host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        raise ValueError("a port that is none")
    if not _HOST.fullmatch(host):
        raise ValueError("a host that is none")
    return user + at, unescape(host)


def _literal(host: str) -> str:
    """A host that is an address in brackets."""
    inside, bracket, port = host[1:].rpartition("]")
    if not host.startswith("[") or "[" in inside or not bracket or not _PORT.fullmatch(port):
        raise ValueError("an address that is none")
    address, zone, name = inside.partition("%25")
    ipaddress.IPv6Address(unescape(address) + ("%" + unescape(name) if zone else ""))
    return f"[{unescape(inside)}]{port}"
