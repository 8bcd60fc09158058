"""A server as the reference balancer knows it.

It must not import the balancer.
"""

from enum import Enum

from ollama_simulator.conformance.reference.annotations import NONE, Annotations


class Trust(Enum):
    """What the balancer thinks of a server."""

    RELIABLE = "Reliable"
    UNRELIABLE = "Unreliable"
    SECOND_CHANCE_GIVEN = "SecondChanceGiven"


class Backend:
    """A server that requests can be sent to."""

    def __init__(
        self, host: str, port: int, name: str, note: str = "", annotations: Annotations = NONE
    ) -> None:
        self.host = host
        self.port = port
        self.name = name
        self.note = note
        self.annotations = annotations
        self.trust = Trust.RELIABLE
        self.active = 0
        """Requests in progress."""
        self.failed_at: float | None = None
        """When it failed last, by the balancer's clock."""
        self.rests_until = 0.0
        """Until when it wants to be left alone, by the balancer's clock."""
        self.well = True
        """What its last health check said."""
        self.served = 0
        """Requests that it was given."""

    @property
    def busy(self) -> bool:
        """Whether it has a request."""
        return self.active > 0
