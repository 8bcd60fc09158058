"""A made-up machine with round numbers, for tests of memory and loads."""

from __future__ import annotations

from ollama_simulator import hardware
from ollama_simulator.hardware import Batch, HardwareProfile

GIB = 2**30
MIB = 2**20


def card(
    vram: int = 10 * GIB,
    *,
    graph: int = 0,
    ram: int = 0,
    batch: int = 0,
    gpus: int = 1,
    load: hardware.Load | None = None,
) -> HardwareProfile:
    """A card with so many bytes of memory, in a host with so many."""
    return HardwareProfile(
        name="card",
        hardware="a card",
        source="the tests",
        trust="C",
        synthetic=True,
        memory=hardware.Memory(vram_bytes=vram, ram_bytes=ram, graph_bytes=graph, gpus=gpus),
        batch=Batch(n=batch),
        load=load or hardware.Load(),
    )
