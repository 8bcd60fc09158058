"""A process that is suspended."""

from typing import ClassVar

from ollama_simulator.acts import Door
from ollama_simulator.faults.fault import Fault, register


@register
class Frozen(Fault, frozen=True):
    """Stop like a suspended process (SIGSTOP): the kernel still accepts connections and bytes,
    but nothing is read, written or closed until another behaviour is set.

    Answers in progress stop, too, and go on afterwards. It is a virtual machine that is paused or
    migrated, or a host that swaps.
    """

    door: ClassVar[Door] = Door.FROZEN
