"""The journal as JSON lines on standard output: one record a line.

Rules of this file:

1. Every line is an object whose `kind` says what it is. Two kinds are no records: `Started`, the
   first line, and `Dropped`, for records that came too fast to be told.

It must not import the servers' insides.
"""

import asyncio
from typing import Any

import msgspec

from ollama_simulator.console.follow import Follower
from ollama_simulator.directory import Directory
from ollama_simulator.terminal import say

PAUSE_S = 0.1
"""Seconds between two looks at the journal."""


async def tell(fleet: Directory[Any], control: str, stop: asyncio.Event) -> None:
    """Tell what happens until the end, and then what had happened by then. `control` is the URL of
    the control API."""
    follower = Follower(fleet.journal)
    say(started(fleet, control))
    while not stop.is_set():
        _tell(fleet, follower)
        try:
            async with asyncio.timeout(PAUSE_S):
                await stop.wait()
        except TimeoutError:
            continue
    await fleet.settle()
    _tell(fleet, follower)


def started(fleet: Directory[Any], control: str) -> str:
    """The first line: where everything listens."""
    servers = [
        {"name": server.name, "port": port, "url": f"http://{fleet.host}:{port}"}
        for port, server in fleet.servers.items()
    ]
    now = fleet.clock.now()
    return _line({"kind": "Started", "t": now, "control_api": control, "servers": servers})


def _tell(fleet: Directory[Any], follower: Follower) -> None:
    missed, found = follower.read()
    lines = [_line(record) for record in found]
    if missed:
        lines.insert(0, _line({"kind": "Dropped", "t": fleet.clock.now(), "records": missed}))
    if lines:
        say("\n".join(lines))


def _line(value: object) -> str:
    return msgspec.json.encode(value).decode()
