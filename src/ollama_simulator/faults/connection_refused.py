"""Nobody listens."""

from typing import ClassVar

from ollama_simulator.acts import Door
from ollama_simulator.faults.fault import Fault, register


@register
class ConnectionRefused(Fault, frozen=True):
    """Refuse connections, by the kernel. Idle connections are closed, busy ones finish first.

    A client sees its connect fail at once (RFC 9293, 3.10.7.1). It is a server that drains, or a
    port that nobody listens on; a process that is killed in the midst of its work is `Crash`.
    """

    door: ClassVar[Door] = Door.SHUT
