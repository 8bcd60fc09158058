"""Where a workload is sent.

It must not import the player.
"""

import ssl

import msgspec

from ollama_simulator.address import Address, BadAddress


class BadTarget(ValueError):
    """A URL or a header that nothing can be sent to. The text says why."""


class Target(msgspec.Struct, frozen=True):
    """A server, a balancer or a gateway."""

    address: Address
    headers: tuple[tuple[str, str], ...]
    """Of every request."""

    @classmethod
    def parse(cls, url: str, headers: tuple[str, ...] = ()) -> "Target":
        """Read a base URL, and headers of the form `Name: value`. Raises `BadTarget`."""
        try:
            there = Address.parse(url)
        except BadAddress as bad:
            raise BadTarget(str(bad)) from None
        own = [("Host", there.authority), ("Content-Type", "application/json")]
        given = [_header(each) for each in headers]
        names = {name.lower() for name, _ in given}
        kept = [each for each in own if each[0].lower() not in names]
        return cls(there, (*kept, *given))

    @property
    def url(self) -> str:
        """As the user wrote it."""
        return self.address.url

    @property
    def host(self) -> str:
        """Its name or address."""
        return self.address.host

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.address.port

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.address.secure

    @property
    def prefix(self) -> str:
        """What stands before every path, without a slash at its end."""
        return self.address.prefix

    def tls(self) -> ssl.SSLContext | None:
        """What a connection needs for TLS; None for plain HTTP."""
        return self.address.tls()


def _header(words: str) -> tuple[str, str]:
    name, colon, value = words.partition(":")
    name, value = name.strip(), value.strip()
    sound = name and all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name)
    if not colon or not sound or any(c in "\r\n\0" or ord(c) > 255 for c in value):
        raise BadTarget(f"{words!r} is no header; it must be 'Name: value'")
    if name.lower() in ("content-length", "transfer-encoding", "connection"):
        raise BadTarget(f"{name}: that header is ours to set")
    return name, value
