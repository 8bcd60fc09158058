"""What a fleet's file means, in lines for people and in JSON.

It must not import the programs.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ollama_simulator.engine.registry.measured import measured
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.fleet_file import Complaint, FleetFile, Server

CONTROL_PORT = 11500
"""That of the command line, unless it says another one."""


def as_lines(path: Path, fleet: FleetFile) -> str:
    """What would be started: a line for the fleet, and one for each run of servers alike."""
    control = CONTROL_PORT if fleet.control_port is None else fleet.control_port
    head = [
        f"{len(fleet.servers)} server{'s' if len(fleet.servers) > 1 else ''}",
        f"control API on {_port(control)}",
        f"seed {fleet.seed}",
    ]
    if fleet.clock_speed != 1:
        head.append(f"time goes {fleet.clock_speed:g} times as fast")
    if fleet.workers > 1:
        head.append(f"{fleet.workers} processes")
    lines = [f"{path}: sound; {', '.join(head)}"]
    numbered = enumerate(fleet.servers, 1)
    for _, alike in itertools.groupby(numbered, key=lambda each: _without_port(each[1])):
        lines.append(_line(list(alike)))
    return "\n".join(lines)


def warnings(path: Path, doubts: Sequence[Complaint]) -> list[str]:
    """A line for each."""
    return [f"{path}:{each.line}:{each.column}: warning: {each}" for each in doubts]


def as_json(
    path: Path,
    fleet: FleetFile | None,
    complaints: Sequence[Complaint],
    doubts: Sequence[Complaint],
) -> str:
    """One line of JSON: whether the file is sound, its mistakes and what is doubtful in it, and
    what would be started."""
    found: dict[str, Any] = {
        "file": str(path),
        "sound": fleet is not None,
        "mistakes": complaints,
        "warnings": doubts,
    }
    if fleet is not None:
        found["fleet"] = fleet
    return msgspec.json.encode(found).decode()


def _without_port(server: Server) -> Server:
    return msgspec.structs.replace(server, port=0)


def _line(alike: Sequence[tuple[int, Server]]) -> str:
    (first, server), (last, _) = alike[0], alike[-1]
    models = [model.name for model in installed(server)]
    told = [
        f"Ollama {server.wire}",
        f"machine {server.hardware.name}",
        f"engine {server.engine}",
        f"{_some(models)}" if models else "no models",
    ]
    if server.scripts:
        told.append(f"{len(server.scripts)} script{'s' if len(server.scripts) > 1 else ''}")
    if type(server.behavior).__name__ != "Normal":
        told.append(f"behaves as {type(server.behavior).__name__}")
    if server.rules:
        struck = [type(rule.fault).__name__ for rule in server.rules]
        told.append(f"{len(struck)} rule{'s' if len(struck) > 1 else ''}: {', '.join(struck)}")
    who = f"s{first}" if first == last else f"s{first} to s{last}"
    return f"  {who} on {_ports([each.port for _, each in alike])}: {', '.join(told)}"


def installed(server: Server) -> list[Any]:
    """The models that are installed at the start."""
    if server.installed_models is not None:
        return list(server.installed_models)
    return [TEST_MODEL, *(model for weights in server.measured for model in measured(weights))]


def _port(port: int) -> str:
    return f"port {port}" if port else "a free port"


def _ports(ports: Sequence[int]) -> str:
    first, last = ports[0], ports[-1]
    if len(ports) == 1:
        return _port(first)
    if not any(ports):
        return "free ports"
    if list(ports) == list(range(first, last + 1)):
        return f"ports {first} to {last}"
    return f"ports {_some([str(port or 'any') for port in ports])}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
