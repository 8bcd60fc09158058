"""What the options of `ollama_simulator` mean: profiles, files and ports, or why they can't be.

It must not import the programs.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ollama_simulator import hardware
from ollama_simulator.cli.program import given
from ollama_simulator.cli.stand_ins import OPTIONS
from ollama_simulator.terminal import wrong

if TYPE_CHECKING:
    from ollama_simulator.fleet_file import FleetFile

MOST_DIGITS = 18
"""More of them are no plain number."""
LONGEST_SHOWN = 40
"""Characters of a word that is wrong, as it is shown."""
SERVER_PORTS = (11501, 11502, 11503)


def named(profile: str) -> hardware.HardwareProfile:
    """A hardware profile by its name or file."""
    try:
        return hardware.named(profile)
    except hardware.BadProfile as bad:
        wrong(f"--profile: {bad}")


def in_file(context: typer.Context, config: Path) -> "FleetFile":
    """The fleet in a file; options that it decides are refused."""
    from ollama_simulator.cli.described import warnings
    from ollama_simulator.fleet_file import BadFile, doubted

    for option in (
        "server_ports",
        "servers",
        "wire",
        "profile",
        "engine",
        "speed",
        "seed",
        "helpers",
        "host",
        "fault_header",
        *OPTIONS,
    ):
        if given(context, option):
            wrong(f"--{option.replace('_', '-')}: with --config, the file says that")
    try:
        fleet, doubts = doubted(config)
    except BadFile as bad:
        wrong(*(f"--config: {line}" for line in bad.lines))
    for line in warnings(config, doubts):
        print(f"--config: {line}", file=sys.stderr, flush=True)
    return fleet


def ports(words: str) -> list[int]:
    """The ports in a list."""
    ports = []
    for word in words.split(","):
        digits = word.strip()
        plain = len(digits) <= MOST_DIGITS and digits.isascii() and digits.isdigit()
        if not plain or int(digits) > 65535:
            wrong(f"--server-ports: {digits[:LONGEST_SHOWN]!r} is no port; it must be 0 to 65535")
        ports.append(int(digits))
    for port in ports:
        if port and ports.count(port) > 1:
            wrong(f"--server-ports: {port} stands twice")
    return ports


def first_ports(context: typer.Context, servers: int) -> list[int]:
    """So many ports, from the first one on."""
    if given(context, "server_ports"):
        wrong("--servers: --server-ports says how many there are")
    most = 65536 - SERVER_PORTS[0]
    if not 1 <= servers <= most:
        wrong(f"--servers: there can be 1 to {most}, and not {servers}")
    return list(range(SERVER_PORTS[0], SERVER_PORTS[0] + servers))


def check_address(option: str, address: str) -> None:
    """Refuse what is no address to listen on."""
    from ollama_simulator.fleet_types import ADDRESS

    if not re.fullmatch(ADDRESS, address):
        wrong(f"{option}: {address!r} is no address of IPv4; there are 127.0.0.1 and 0.0.0.0")


def check_ports(control_port: int, ports: list[int], option: str) -> None:
    """Refuse ports that can't be had together."""
    if not 0 <= control_port <= 65535:
        wrong(f"--control-port: {control_port} is no port; it must be 0 to 65535")
    for port in ports:
        if port and port == control_port:
            wrong(f"{option}: {port} is the control port, too")
