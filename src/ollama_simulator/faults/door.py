"""Faults that happen before there is a request: what the listening socket does."""

from typing import ClassVar

from ollama_simulator.acts import Door
from ollama_simulator.faults.fault import Fault, register


@register
class ConnectionRefused(Fault, frozen=True):
    """Refuse connections, by the kernel. Idle connections are closed, busy ones finish first."""

    door: ClassVar[Door] = Door.SHUT


@register
class ConnectTimeout(Fault, frozen=True):
    """Let nobody connect, without a word: a client waits until it gives up. Connections that
    exist go on. Linux only: other systems refuse where Linux drops."""

    door: ClassVar[Door] = Door.DEAF


@register
class Frozen(Fault, frozen=True):
    """Stop like a suspended process (SIGSTOP): the kernel still accepts connections and bytes,
    but nothing is read, written or closed until another behaviour is set."""

    door: ClassVar[Door] = Door.FROZEN
