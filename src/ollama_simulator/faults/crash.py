"""A process that was killed."""

from typing import ClassVar

from ollama_simulator.acts import Door, Stance
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.gone import GONE


@register
class Crash(Fault, frozen=True):
    """Be gone like a process that was killed: every connection is reset, the kernel refuses new
    ones, and what was in memory is lost.

    Answers in progress break off with a reset, streamed or whole, and idle connections are reset,
    too. Models on disk, scripts and rules stay. When the fault is healed the process is started
    anew: no model is loaded, and the KV cache is empty. It is the kernel's killer of processes that
    take too much memory, a power cut, or `kill -9`.
    """

    door: ClassVar[Door] = Door.SHUT

    def stance(self, age: float, place: int = 1) -> Stance:
        """Gone, for as long as it is set."""
        return GONE
