"""A fleet in a file: its seed, its servers, their settings, models and scripts, in TOML.

Rules of this file:

1. A `[[servers]]` table holds the fields of `Settings` and, under `environment`, Ollama's own
   variables; what stands in `[defaults]` holds for every server that doesn't say otherwise.
2. Whatever can't be meant is refused, with the file and the place in it.

It must not import the fleet or anything above.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ollama_simulator.clock import FASTEST, SLOWEST
from ollama_simulator.complaints import about_models, field_of, with_choices
from ollama_simulator.environment import Invalid, settings_in
from ollama_simulator.settings import HELPER_OFFSET, Settings

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class BadFile(Exception):
    """A file that describes no fleet. The text names the file and the place in it."""


class Server(Settings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One server in the file."""

    port: Port = 0
    """0 takes a free one."""


class FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says."""

    servers: Annotated[tuple[Server, ...], msgspec.Meta(min_length=1)]
    seed: int = 0
    clock_speed: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How fast time goes for all of them."""
    control_port: Port | None = None
    """None for the port that the command line says."""

    @property
    def ports(self) -> list[int]:
        """The ports of the servers."""
        return [server.port for server in self.servers]


def read(path: Path) -> FleetFile:
    """The fleet in a file. Raises `BadFile`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadFile(f"{path}: {reason}") from None
    return _fleet(document, path)


def _fleet(document: dict[str, Any], path: Path) -> FleetFile:
    defaults = document.pop("defaults", {})
    servers = document.get("servers")
    if not isinstance(defaults, dict) or not isinstance(servers, list):
        raise BadFile(f"{path}: it must have [[servers]], and `defaults` must be a table")
    if "port" in defaults:
        raise BadFile(f"{path}: `defaults.port`: every server has a port of its own")
    document["servers"] = [
        _placed_files(_merged(defaults, server, f"{path}: `servers[{index}]`"), path)
        for index, server in enumerate(servers)
    ]
    try:
        fleet = msgspec.convert(document, FleetFile)
    except msgspec.ValidationError as error:
        raise BadFile(f"{path}: {_placed(str(error))}") from None
    _check(fleet, path)
    return fleet


def _merged(defaults: Mapping[str, Any], server: Any, place: str) -> Any:
    """A server's table with the defaults in it, and the variables turned into fields."""
    if not isinstance(server, dict):
        return server
    out: dict[str, Any] = {}
    for table in (defaults, server):
        fields = dict(table)
        environment = fields.pop("environment", {})
        if not isinstance(environment, dict):
            raise BadFile(f"{place}: `environment` must be a table of Ollama's variables")
        try:
            out |= settings_in({name: str(value) for name, value in environment.items()})
        except Invalid as invalid:
            raise BadFile(f"{place}: `environment`: {invalid}") from None
        out |= fields
    return out


def _placed_files(server: Any, path: Path) -> Any:
    """A server's table, in which the files that it names are looked for beside the fleet's."""
    if isinstance(server, dict):
        if "profile" in server:
            server["profile"] = _near(server["profile"], path)
        for field in ("record", "replay"):
            if isinstance(server.get(field), str):
                server[field] = str(path.parent / server[field])
        models = server.get("model_profiles")
        if isinstance(models, dict):
            server["model_profiles"] = {name: _near(each, path) for name, each in models.items()}
    return server


def _near(profile: Any, path: Path) -> Any:
    if isinstance(profile, str) and profile.endswith(".toml"):
        return str(path.parent / profile)
    return profile


def _check(fleet: FleetFile, path: Path) -> None:
    if not SLOWEST <= fleet.clock_speed <= FASTEST:
        words = f"time can't go {fleet.clock_speed:g} times as fast"
        raise BadFile(f"{path}: `clock_speed`: {words}; a millionth to a million can be")
    for index, server in enumerate(fleet.servers):
        place = f"{path}: `servers[{index}]"
        if server.port and fleet.ports.index(server.port) != index:
            raise BadFile(f"{place}.port`: {server.port} stands twice")
        if server.port and server.port == fleet.control_port:
            raise BadFile(f"{place}.port`: {server.port} is the control port, too")
        if clash := about_helper(server, fleet.servers, fleet.control_port):
            raise BadFile(f"{place}.helper`: {clash}")
        if wrong := about_models(server.installed_models or ()):
            raise BadFile(f"{place}.installed_models{wrong[0]}`: {wrong[1]}")


def about_helper(server: Server, servers: Iterable[Server], control_port: int | None) -> str | None:
    """What is wrong with the port of a server's helper, in words; None if nothing is."""
    port = server.port + HELPER_OFFSET
    if not (server.helper and server.port):
        return None
    if port > 65535:
        return f"there is no port {port} for the helper of {server.port}"
    if port == control_port:
        return f"{port}, the port of the helper of {server.port}, is the control port, too"
    if any(other.port == port for other in servers):
        return f"{port}, the port of the helper of {server.port}, is a server's, too"
    return None


def _placed(message: str) -> str:
    """A complaint with its place in front, in TOML's words."""
    found = re.search(r"^(.*) - at `\$\.?([^`]*)`$", message, re.DOTALL)
    return (
        f"`{found[2]}`: {with_choices(found[1], field_of(found[2]))}"
        if found and found[2]
        else message
    )
