"""Which model a name means, and whether it runs here.

Source: native specification 2.2, 2.3, 2.4 and 4.21.

It must not import anything but layer 0 and its own package.
"""

from ollama_simulator import names
from ollama_simulator.engine.machine import Machine
from ollama_simulator.engine.registry import cloud
from ollama_simulator.model import Installed, ModelMissing, Refusal


def find(
    machine: Machine, name: str, path: str, what: str = cloud.REMOTE_MODEL, *, exact: bool = False
) -> Installed:
    """The installed model that a valid name means, stubs included.

    `path` is what the cloud would be asked for, `what` is unavailable while it is switched off,
    and `exact` takes a name in the case of its installation only.

    Raises `ModelMissing`, and `Refusal` for a model of the cloud.
    """
    if machine.settings.wire == "0.13.5":
        return _installed(machine, name, name, exact)
    base, source = names.source(name)
    if source is names.Source.CLOUD:
        raise cloud.refuse(machine.settings, path, machine.clock.wall_ns(), what)
    return _installed(machine, name, base, exact)


def refuse_stub(installed: Installed, name: str) -> None:
    """Raises `Refusal` if a name says `:local`, but what it means points to another host."""
    if installed.model.remote_host and names.source(name)[1] is names.Source.LOCAL:
        raise Refusal(404, f"model '{name}' not found")


def _installed(machine: Machine, typed: str, name: str, exact: bool) -> Installed:
    found = machine.store.get(name)
    if found is None or (exact and not _same_case(found.model.name, name)):
        raise ModelMissing(typed)
    return machine.store.find(name)


def _same_case(one: str, other: str) -> bool:
    return names.parse(one.strip()) == names.parse(other.strip())
