"""A fleet in a file: its seed, its servers, their settings, models, scripts and faults, in TOML.

Rules of this file:

1. A `[[servers]]` table holds the fields of `Server` and, under `environment`, Ollama's own
   variables; what stands in `[defaults]` holds for every server that doesn't say otherwise.
2. Whatever can't be meant is refused, all of it at once, each with its place in the file.

It must not import the fleet or anything above. `Server` and `FleetFile` of `fleet_types` are its
names, too.
"""

import copy
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from ollama_simulator.fleet_checks import about, doubts, variables
from ollama_simulator.fleet_types import FleetFile as FleetFile
from ollama_simulator.fleet_types import Given, document, plain, readable
from ollama_simulator.fleet_types import Server as Server
from ollama_simulator.hardware import is_file
from ollama_simulator.mistakes import Mistake, Reading
from ollama_simulator.places import Place, Places, written


class Complaint(msgspec.Struct, frozen=True):
    """Something that is wrong with a file."""

    line: int
    """From 1; 0 if it is about the file as a whole."""
    column: int
    place: str
    """The place in the document, such as `servers[1].port`; may be empty."""
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.words}" if self.place else self.words


class BadFile(Exception):
    """A file that describes no fleet. The text names the file and every place in it."""

    def __init__(self, path: Path, complaints: list[Complaint]) -> None:
        self.path = path
        self.complaints = complaints
        """In the order of the file."""
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """A line for each mistake, in the form that editors and terminals make links of."""
        return [
            f"{self.path}:{each.line}:{each.column}: {each}"
            if each.line
            else f"{self.path}: {each}"
            for each in self.complaints
        ]


def read(path: Path) -> FleetFile:
    """The fleet in a file. Raises `BadFile`."""
    return doubted(path)[0]


def doubted(path: Path) -> tuple[FleetFile, list[Complaint]]:
    """The fleet in a file, and what is in it that can be meant but hardly is. Raises `BadFile`."""
    try:
        # Some editors begin a file with a mark, which TOML 1.1 wants to be ignored.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror if isinstance(error, OSError) else error)
        raise BadFile(path, [Complaint(0, 0, "", reason)]) from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(path, [_syntax(str(error), text)]) from None
    reading = Reading(_near_files(found, path.parent), document())
    mistakes = reading.mistakes
    if (whole := reading.value) is not None:
        servers, wrong = _servers(reading.document, whole.host)
        for mistake in (*wrong, *about(reading.document, servers, whole)):
            place = reading.original(_said(mistake.place, reading.document))
            if (found_at := Mistake(place, mistake.words)) not in mistakes:
                mistakes.append(found_at)  # else it was told for another one of servers alike
    if mistakes:
        raise BadFile(path, _placed(mistakes, Places(text)))
    fleet = FleetFile(
        servers=tuple(server for _, server in servers),
        given=tuple(_given(servers)),
        seed=whole.seed,
        clock_speed=whole.clock_speed,
        control_port=whole.control_port,
        journal_size=whole.journal_size,
        journal_file=whole.journal_file,
        journal_file_max=whole.journal_file_max,
        host=whole.host,
        control_host=whole.control_host,
        control_names=whole.control_names,
        open_metrics=whole.open_metrics,
        workers=whole.workers,
    )
    return fleet, _placed(list(doubts(reading.document)), Places(text))


def _placed(mistakes: list[Mistake], places: Places) -> list[Complaint]:
    """Complaints in the order of the file."""
    found = [
        Complaint(at.line, at.column, written(mistake.place), mistake.words)
        for mistake in mistakes
        for at in [places.of(mistake.place)]
    ]
    return sorted(found, key=lambda each: (each.line, each.column))


def _syntax(error: str, text: str) -> Complaint:
    """What `tomllib` says, with the place that it tells."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", error)
    if not found:
        return Complaint(1, 1, "", error)
    last = text.rstrip("\n").split("\n")
    line, column = found[2] or len(last), found[3] or len(last[-1]) + 1
    return Complaint(int(line), int(column), "", found[1])


def _near_files(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A document in which the files that it names are looked for beside its own."""
    placed = copy.deepcopy(document)
    if isinstance(placed.get("journal_file"), str):
        placed["journal_file"] = str(folder / placed["journal_file"])
    servers = placed.get("servers")
    for table in (placed.get("defaults"), *(servers if isinstance(servers, list) else ())):
        if not isinstance(table, dict):
            continue
        if "profile" in table:
            table["profile"] = _near(table["profile"], folder)
        for field in ("record", "replay"):
            if isinstance(table.get(field), str):
                table[field] = str(folder / table[field])
        models = table.get("model_profiles")
        if isinstance(models, dict):
            table["model_profiles"] = {name: _near(each, folder) for name, each in models.items()}
    return placed


def _near(profile: Any, folder: Path) -> Any:
    if isinstance(profile, str) and is_file(profile):
        return str(folder / profile)
    return profile


def _merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of tables, the later ones winning, and in each the fields over the variables."""
    out: dict[str, Any] = {}
    for table in tables:
        for _, fields in variables(table):
            out |= fields if isinstance(fields, dict) else {}
        out |= {name: value for name, value in table.items() if name != "environment"}
    return out


def _said(place: Place, document: dict[str, Any]) -> Place:
    """Where a server's field is said: in its own table, or else in the defaults, if it is there."""
    if place[:1] != ("servers",) or len(place) < 3:
        return place
    table = document["servers"][place[1]]
    here = place[2] in table or place[2] not in document.get("defaults", {})
    return place if here else ("defaults", *place[2:])


Servers = tuple[list[tuple[int, Server]], list[Mistake]]
"""Servers, each with the number of its table, and what keeps others from being any."""


def _servers(document: dict[str, Any], host: str) -> Servers:
    found: list[tuple[int, Server]] = []
    wrong: list[Mistake] = []
    for index, table in enumerate(document["servers"]):
        fields = _merged({"bind": host}, document.get("defaults", {}), table)
        count = fields.pop("count", 1)
        reading = Reading(fields, readable())
        wrong += [Mistake(("servers", index, *each.place), each.words) for each in reading.mistakes]
        # What is right of it is looked at together with the others, whatever else is wrong.
        if reading.value is not None:
            server = plain(reading.value)
            ports = range(server.port, server.port + count) if server.port else [0] * count
            found += [(index, replace(server, port=port)) for port in ports]
    return found, wrong


def _given(servers: list[tuple[int, Server]]) -> Iterator[Given]:
    """Each rule of a table, for all of its servers."""
    numbered = enumerate(servers, 1)
    for _, alike in itertools.groupby(numbered, key=lambda each: each[1][0]):
        together = list(alike)
        names = tuple(f"s{number}" for number, _ in together)
        for rule in together[0][1][1].rules:
            yield Given(names, rule)
