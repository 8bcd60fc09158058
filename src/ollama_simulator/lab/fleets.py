"""Fleets for the laboratory: servers that differ by their machines and speeds.

Rules of this file:

1. What stands in a list is taken in turns: three speeds for five servers are the first two twice.

It must not import anything but layer 0, `workload` and its own package.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from ollama_simulator import hardware
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.lab.server import model_of
from ollama_simulator.lab.talk import turns
from ollama_simulator.lab.trial import Machine
from ollama_simulator.lab.truth import crowded, reading_s, writing_s
from ollama_simulator.settings import Settings
from ollama_simulator.workload.session import Workload

PROFILE = "rtx-5090-qwen3-32b"
"""The machine, unless somebody says otherwise."""
SAMPLE = 500
"""Sessions by which it is told how much work a request is."""


def machines(
    servers: int,
    *,
    profiles: Sequence[str | HardwareProfile] = (PROFILE,),
    speeds: Sequence[float] = (1.0,),
    models: Sequence[str] = (),
    settings: Settings | None = None,
) -> tuple[Machine, ...]:
    """So many servers. `models` are installed on all of them: by default the one that the first
    profile is for."""
    base = settings or Settings(engine="current")
    found = [hardware.named(each) if isinstance(each, str) else each for each in profiles]
    names = tuple(models) or (model_of(found[0]).name,)

    @functools.cache
    def machine(profile: int, speed: int) -> Machine:
        own = replace(base, profile=found[profile], speed=base.speed * speeds[speed])
        return Machine(own, tuple(model_of(found[profile], name) for name in names))

    return tuple(machine(i % len(found), i % len(speeds)) for i in range(servers))


def request_s(workload: Workload, machine: Machine) -> float:
    """Seconds of work that a request is for one slot of a server, on average, with nothing cached.

    What a request costs before it has a slot is not in it.
    """
    profile = machine.settings.hardware_for(machine.models[0].name)
    seconds, requests = 0.0, 0
    for session in islice(workload.sessions(), SAMPLE):
        for asked in turns(session):
            requests += 1
            seconds += reading_s(profile, len(asked.prompt), 0)
            seconds += writing_s(profile, len(asked.answer) - 1, len(asked.prompt))
    return seconds / requests / machine.settings.speed


def capacity(fleet: Sequence[Machine], workload: Workload) -> float:
    """Requests in a second that a fleet can just about do if nothing is cached."""
    kinds = Counter(map(id, fleet))
    by_id = {id(machine): machine for machine in fleet}
    return sum(count / _turn_s(by_id[kind], workload) for kind, count in kinds.items())


def _turn_s(machine: Machine, workload: Workload) -> float:
    """Seconds between two requests that are done, all slots at work."""
    profile = machine.settings.hardware_for(machine.models[0].name)
    slots = max(machine.settings.num_parallel, 1)
    return request_s(workload, machine) * crowded(profile, slots) / slots
