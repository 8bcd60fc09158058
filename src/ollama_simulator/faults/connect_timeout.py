"""Nobody can connect, and nobody is told."""

from typing import ClassVar

from ollama_simulator.acts import Door
from ollama_simulator.faults.fault import Fault, register


@register
class ConnectTimeout(Fault, frozen=True):
    """Let nobody connect, without a word: a client waits until it gives up. Connections that
    exist go on. Linux only: other systems refuse where Linux drops.

    It is a firewall that drops packets, a host that is off, or a queue of connections that is full.
    """

    door: ClassVar[Door] = Door.DEAF
