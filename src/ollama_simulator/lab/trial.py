"""What is tried: a fleet, a workload, a policy, and what goes wrong meanwhile.

It must not import anything but layer 0, `workload` and its own package.
"""

from typing import Annotated, Literal

import msgspec

from ollama_simulator.journal import Journal
from ollama_simulator.lab.server import Counts
from ollama_simulator.lab.tally import Tally
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings
from ollama_simulator.workload.session import Workload


class Machine(msgspec.Struct, frozen=True):
    """One server of a fleet."""

    settings: Settings
    models: tuple[Model, ...]
    """What is installed; the first one is in memory at the start."""
    capability: int = 0
    """What the balancer's configuration says of it."""


class Incident(msgspec.Struct, frozen=True):
    """Something that happens to a server."""

    at: float
    """Seconds from the start."""
    server: int
    """From 0."""
    what: Literal["lost", "back", "slow"]
    factor: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How fast it is from then on (`slow`); 1 for as before."""


class Trial(msgspec.Struct, frozen=True):
    """One run of the laboratory."""

    machines: tuple[Machine, ...]
    workload: Workload
    policy: str
    seconds: float
    """So long new requests are asked; then those that were asked are answered."""
    seed: int = 0
    """Of the chance that the policy and the machines have; the workload has its own."""
    full: Literal["wait", "refuse"] = "wait"
    """What becomes of a request where the policy finds no server: it waits for the next one to be
    free, or gets a 503, as from the seed's balancer."""
    patience: float | None = None
    """Seconds after which a client leaves that has no token yet; None for never."""
    incidents: tuple[Incident, ...] = ()
    q8_models: frozenset[str] = frozenset()
    """Models that want a KV cache of `q8_0` (the policy `nine-step` heeds that)."""


class Outcome(msgspec.Struct):
    """What came of a trial."""

    trial: Trial
    tally: Tally
    ended_at: float
    """When the last request was over, and the hour too."""
    busy_s: list[float]
    """Of each server."""
    counts: list[Counts]
    """Of each server."""
    journal: Journal | None = None
