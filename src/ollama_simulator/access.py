"""Who may use a control API: where it listens, which names it goes by, and the token that it wants.

Rules of this file:

1. Where only this machine reaches it, it needs no token; anywhere else it does.
2. A name that isn't known to be its own is refused: a page can have its own name lead to this
   machine (DNS rebinding), and a browser takes that for the page's own server. An address in
   figures can't be made to lead elsewhere.

It must not import anything of this package.
"""

import hmac
import ipaddress
import re
import secrets
import socket
from fnmatch import fnmatchcase

import msgspec

LOOPBACK = "127.0.0.1"
VARIABLE = "OLLAMA_SIMULATOR_CONTROL_TOKEN"
"""The variable of the environment that has the token."""
OPEN = ("/", "/health")
"""What is told without the token: the page that asks for it, and that the program runs."""
SHORTEST_TOKEN = 16
"""Characters: nobody guesses as many, though nobody is stopped from trying."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What can be sent as one (RFC 6750, 2.1)."""
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(?::[0-9]*)?")
"""A name or an address, maybe with a port (RFC 9110, 7.2)."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use a control API."""

    host: str = LOOPBACK
    """The address that it listens on."""
    token: str | None = None
    """What a request has to show; None for nothing."""
    names: tuple[str, ...] = ()
    """Names by which it may be called, beside those that it always has; globs."""
    open_metrics: bool = False
    """Whether `/metrics` is told without the token."""

    def __post_init__(self) -> None:
        if self.token is not None and (wrong := about_token(self.token)):
            raise ValueError(wrong)
        if self.token is None and not is_loopback(self.host):
            raise ValueError(f"whoever reaches {self.host} could use it: that needs a token")

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def knows(self, host: str) -> bool:
        """Whether the `Host` of a request is one by which it may be called. An empty one is: no
        browser sends it."""
        if not host:
            return True
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = found[1].strip("[]").rstrip(".").lower()
        own = (
            "localhost",
            "*.localhost",
            socket.gethostname().lower(),
            *map(str.lower, self.names),
        )
        return _is_address(name) or any(fnmatchcase(name, each) for each in own)

    def opens(self, token: str) -> bool:
        """Whether a token is the one, found in a time that doesn't tell how much of it is."""
        return self.token is None or hmac.compare_digest(token.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def about_token(token: str) -> str | None:
    """What keeps a text from being a token; None for nothing. The text isn't told: it may be
    somebody's secret."""
    if not _TOKEN.fullmatch(token):
        return "a token has letters, digits and any of - . _ ~ + / and may end with ="
    if len(token) < SHORTEST_TOKEN:
        return f"a token has {SHORTEST_TOKEN} characters at least, and this one {len(token)}"
    return None


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
