"""How much of a client a server bears: bytes, headers, seconds, connections.

Source: Go's net/http, whose limits Ollama leaves as they are; native specification 1.1.

Rules of this file:

1. By default a limit is Go's, or there is none; where Go has none, but memory would run out, it is
   far from what anybody sends.
2. Seconds are real ones, however fast the fleet's time goes: they are about sockets.

It must not import anything of this package.
"""

from typing import Annotated

import msgspec

MIB = 1024 * 1024
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much of a client a server bears. 0 is any number, but for `head_bytes`."""

    head_bytes: Annotated[int, msgspec.Meta(ge=256, le=64 * MIB)] = MIB + 4096
    """Bytes of a request's head, above which it is refused (431): Go's."""
    headers: Count = 0
    """Headers of a request, above which it is refused (431). Go has no such limit."""
    head_seconds: Seconds = 0.0
    """Seconds within which a head must have come whole, from the connection's start or from its
    first bytes; then the connection ends without a word. Ollama sets none (`ReadHeaderTimeout`)."""
    idle_seconds: Seconds = 0.0
    """Seconds for which a connection may be idle between two requests; then it ends. Ollama sets
    none (`IdleTimeout`)."""
    body_bytes: Count = 256 * MIB
    """Bytes of a body that is kept to be understood, above which it is refused (413). Go has no
    such limit, and an image of a prompt has some megabytes. Uploads of blobs, which aren't kept,
    have none."""
    connections: Count = 0
    """Connections of a server at a time, above which new ones are reset. Go has no such limit, but
    the system has: its file descriptors."""

    @property
    def timed(self) -> bool:
        """Whether a connection has to be looked after."""
        return self.head_seconds > 0 or self.idle_seconds > 0


USUAL = Limits()
"""Those that nobody has changed."""
