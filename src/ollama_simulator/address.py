"""Where a server is: a base URL, taken apart.

It must not import anything of this package.
"""

import ssl
from urllib.parse import urlsplit

import msgspec

PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """A URL at which there can be no server. The text says why."""


class Address(msgspec.Struct, frozen=True):
    """A base URL: what stands before every path of a server."""

    url: str
    """As the user wrote it."""
    host: str
    port: int
    secure: bool
    """Whether it is spoken to over TLS."""
    authority: str
    """Host and port as they stand in the URL: what `Host` says."""
    prefix: str
    """What stands before every path, without a slash at its end."""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a base URL; one without a scheme means `http://`. Raises `BadAddress`."""
        words = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(words)
            port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        except ValueError as error:
            raise BadAddress(f"{url!r} is no URL: {error}") from None
        if parts.scheme not in PORTS:
            raise BadAddress(f"{url!r}: {parts.scheme}:// is not spoken; http:// and https:// are")
        if not parts.hostname or not port:
            raise BadAddress(f"{url!r} names no {'port' if parts.hostname else 'host'}")
        if parts.query or parts.fragment or parts.username is not None:
            raise BadAddress(f"{url!r}: a base URL has a host, a port and a path, nothing else")
        secure = parts.scheme == "https"
        return cls(url, parts.hostname, port, secure, parts.netloc, parts.path.rstrip("/"))

    def tls(self) -> ssl.SSLContext | None:
        """What a connection needs for TLS; None for plain HTTP."""
        return ssl.create_default_context() if self.secure else None
