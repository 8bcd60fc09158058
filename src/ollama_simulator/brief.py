"""A request that was over at once, as one entry in place of the three records that it comes to.

Balancers look at servers many times a second. To write down three records of each look, and to add
them up, takes longer than all the rest of it; and of most nobody ever asks.

Rules of this file:

1. What it holds is exactly what its records say: whoever reads gets those.
2. What many of them say alike is kept once.

It must not import anything of this package but `records`.
"""

import msgspec

from ollama_simulator.records import Asked, Finished, Received, Record

RECORDS = 3
"""What one comes to."""


class Gist(msgspec.Struct, eq=False):
    """An answer that is given again and again, and what the records of it say alike."""

    data: bytes
    """The whole answer, as it is sent."""
    server: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    digest: str
    body: str | None
    """As in `Received`."""
    status: int | None
    tokens: int
    body_bytes: int
    times: int = 0
    """How often it was given, and that was not added up yet."""


class Brief(msgspec.Struct, gc=False, eq=False):
    """One request without a body, and its answer."""

    t: float
    """When it came, by the fleet's clock."""
    exchange: int
    connection: int
    ordinal: int
    """As in `Asked`."""
    gist: Gist
    ended: float = 0.0
    """When its answer was handed to the kernel."""

    def begun(self) -> tuple[Asked, Received]:
        """What was recorded when it came."""
        gist = self.gist
        asked = Asked(
            t=self.t,
            server=gist.server,
            exchange=self.exchange,
            connection=self.connection,
            method=gist.method,
            target=gist.target,
            headers=gist.headers,
            ordinal=self.ordinal,
        )
        received = Received(
            t=self.t,
            server=gist.server,
            exchange=self.exchange,
            size=0,
            digest=gist.digest,
            nonce=None,
            body=gist.body,
        )
        return asked, received

    def records(self) -> tuple[Record, Record, Record]:
        """All that was recorded of it."""
        gist = self.gist
        finished = Finished(
            t=self.ended,
            server=gist.server,
            exchange=self.exchange,
            outcome="complete",
            status=gist.status,
            tokens=gist.tokens,
            body_bytes=gist.body_bytes,
        )
        return *self.begun(), finished
