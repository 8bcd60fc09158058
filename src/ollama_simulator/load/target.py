"""Where a workload is sent.

It must not import the player.
"""

import ssl
from urllib.parse import urlsplit

import msgspec

PORTS = {"http": 80, "https": 443}


class BadTarget(ValueError):
    """A URL or a header that nothing can be sent to. The text says why."""


class Target(msgspec.Struct, frozen=True):
    """A server, a balancer or a gateway."""

    url: str
    """As the user wrote it."""
    host: str
    port: int
    secure: bool
    """Whether it is spoken to over TLS."""
    prefix: str
    """What stands before every path, without a slash at its end."""
    headers: tuple[tuple[str, str], ...]
    """Of every request."""

    @classmethod
    def parse(cls, url: str, headers: tuple[str, ...] = ()) -> "Target":
        """Read a base URL, and headers of the form `Name: value`. Raises `BadTarget`."""
        words = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(words)
            port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        except ValueError as error:
            raise BadTarget(f"{url!r} is no URL: {error}") from None
        if parts.scheme not in PORTS:
            raise BadTarget(f"{url!r}: {parts.scheme}:// is not spoken; http:// and https:// are")
        if not parts.hostname or not port:
            raise BadTarget(f"{url!r} names no {'port' if parts.hostname else 'host'}")
        if parts.query or parts.fragment or parts.username is not None:
            raise BadTarget(f"{url!r}: a base URL has a host, a port and a path, nothing else")
        own = [("Host", parts.netloc), ("Content-Type", "application/json")]
        given = [_header(each) for each in headers]
        names = {name.lower() for name, _ in given}
        kept = [each for each in own if each[0].lower() not in names]
        return cls(
            url,
            parts.hostname,
            port,
            parts.scheme == "https",
            parts.path.rstrip("/"),
            (*kept, *given),
        )

    def tls(self) -> ssl.SSLContext | None:
        """What a connection needs for TLS; None for plain HTTP."""
        return ssl.create_default_context() if self.secure else None


def _header(words: str) -> tuple[str, str]:
    name, colon, value = words.partition(":")
    name, value = name.strip(), value.strip()
    sound = name and all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name)
    if not colon or not sound or any(c in "\r\n\0" or ord(c) > 255 for c in value):
        raise BadTarget(f"{words!r} is no header; it must be 'Name: value'")
    if name.lower() in ("content-length", "transfer-encoding", "connection"):
        raise BadTarget(f"{name}: that header is ours to set")
    return name, value
