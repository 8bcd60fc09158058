"""What is told of how a server stands.

Rules of this file:

1. A number is an entry in `GAUGES`: its name, a sentence, and how it is read off a `Standing`.

It must not import anything of this package but `acts`.
"""

from collections.abc import Callable, Iterable

import msgspec

from ollama_simulator.acts import Door
from ollama_simulator.tally.standing import Standing

Told = Iterable[tuple[tuple[str, ...], float]]
"""Values, each with what it is told apart by."""


class Gauge(msgspec.Struct, frozen=True):
    """Something that is as it is now."""

    name: str
    says: str
    """What it is, in a sentence."""
    read: Callable[[Standing], Told]
    by: tuple[str, ...] = ()
    """What its values are told apart by."""


GAUGES = (
    Gauge("up", "Whether it is there: 0 while it restarts.", lambda now: [((), now.up)]),
    Gauge(
        "door",
        "How the port stands: 1 for the state it is in.",
        lambda now: [((door.value,), now.door is door) for door in Door],
        by=("door",),
    ),
    Gauge("connections", "Connections that are open.", lambda now: [((), now.connections)]),
    Gauge("requests_active", "Requests in progress.", lambda now: [((), now.active)]),
    Gauge(
        "jobs_waiting",
        "Jobs that wait for a slot, or for their turn to load a model.",
        lambda now: [((what,), now.waiting[what]) for what in ("slot", "load")],
        by=("waits_for",),
    ),
    Gauge("jobs_running", "Jobs that hold a slot.", lambda now: [((), now.running)]),
    Gauge(
        "slots_abandoned",
        "Slots that are held for requests that are over: nobody noticed yet that their clients "
        "left, or ever will.",
        lambda now: [((), now.abandoned)],
    ),
    Gauge(
        "slots",
        "Slots of the models in memory.",
        lambda now: [
            ((model,), sum(stay.slots for stay in stays)) for model, stays in now.loaded.items()
        ],
        by=("model",),
    ),
    Gauge(
        "models_loaded",
        "Models in memory.",
        lambda now: [((), sum(map(len, now.loaded.values())))],
    ),
    Gauge(
        "model_vram_bytes",
        "Memory of the GPU that the models in memory take.",
        lambda now: [
            ((model,), sum(stay.vram for stay in stays)) for model, stays in now.loaded.items()
        ],
        by=("model",),
    ),
)
