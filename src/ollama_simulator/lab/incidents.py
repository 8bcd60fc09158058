"""What goes wrong in a fleet, as a command line says it.

It must not import anything but its own package.
"""

import re
from collections.abc import Iterable

from ollama_simulator.lab.trial import Incident

NUMBER = r"(\d+(?:\.\d+)?)"
LOST = re.compile(rf"([1-9]\d*)@{NUMBER}(?:-{NUMBER})?")
SLOW = re.compile(rf"([1-9]\d*)@{NUMBER}x{NUMBER}")


class BadIncident(ValueError):
    """Something that can't happen. The text says why."""


def told_incidents(lose: Iterable[str], slow: Iterable[str], servers: int) -> tuple[Incident, ...]:
    """What happens when, for a fleet of so many servers. Raises `BadIncident`.

    `lose` has texts as `2@600-900`: server 2 is down from then to then, or for good without an
    end. `slow` has texts as `2@600x0.5`: it is so many times as fast from then on.
    """
    found: list[Incident] = []
    for text in lose:
        found += _lost(text, servers)
    for text in slow:
        found.append(_slowed(text, servers))
    return tuple(sorted(found, key=lambda incident: incident.at))


def _lost(text: str, servers: int) -> list[Incident]:
    match = LOST.fullmatch(text)
    if match is None:
        raise BadIncident(
            f"--lose: {text!r} must be as 2@600-900: the server, from when, and until when"
        )
    server = _server(match[1], servers, "--lose")
    start = float(match[2])
    if match[3] is None:
        return [Incident(start, server, "lost")]
    if float(match[3]) <= start:
        raise BadIncident(f"--lose: {text!r} ends before it begins")
    return [Incident(start, server, "lost"), Incident(float(match[3]), server, "back")]


def _slowed(text: str, servers: int) -> Incident:
    match = SLOW.fullmatch(text)
    if match is None:
        raise BadIncident(
            f"--slow: {text!r} must be as 2@600x0.5: the server, from when, and how fast"
        )
    server = _server(match[1], servers, "--slow")
    if not float(match[3]):
        raise BadIncident(f"--slow: {text!r}: a server that is no faster than 0 is lost")
    return Incident(float(match[2]), server, "slow", float(match[3]))


def _server(word: str, servers: int, option: str) -> int:
    if int(word) > servers:
        raise BadIncident(f"{option}: there is no server {word}: there are {servers}")
    return int(word) - 1
