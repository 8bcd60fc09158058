"""Replays one recording: a fresh server, its setup, the request, and what differs.

Rules of this file:

1. Every recording has a server of its own, so that neither order nor choice matters.
2. What can't be arranged, or isn't understood, is a difference.

It must not import the command line.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from ollama_simulator import records
from ollama_simulator.fleet import Fleet
from ollama_simulator.golden import acts
from ollama_simulator.golden.answers import scripts_for
from ollama_simulator.golden.client import PATIENCE_S, Connection
from ollama_simulator.golden.compare import Difference, differences
from ollama_simulator.golden.recording import Recording, Reply
from ollama_simulator.golden.scene import NotArranged, Scene, instead
from ollama_simulator.golden.scripts import UnknownScript, translated
from ollama_simulator.golden.sending import methods, writes
from ollama_simulator.golden.setups import Setup, UnknownPhrase, understood
from ollama_simulator.golden.world import UnknownServer, world
from ollama_simulator.script import Script

SILENCE_S = 2.0
"""How long is waited for an answer that is not to come."""
OPEN_S, CLOSED_S = 0.1, 2.0
"""How long is looked whether the socket is closed, if it is to stay open, and if not."""
LONGEST_S = 60.0


class Outcome(msgspec.Struct, frozen=True):
    """How a replay went."""

    recording: Recording
    differences: tuple[Difference, ...]
    actual: tuple[Reply, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


async def play(recording: Recording, before: Recording | None) -> Outcome:
    """Replay a recording. `before` is the one that its setup calls the previous record."""
    try:
        async with asyncio.timeout(LONGEST_S):
            return await _play(recording, before)
    except TimeoutError:
        return _failed(recording, f"the replay took more than {LONGEST_S:g} s")
    except Exception as error:  # one replay that fails must not end the others
        first = _first(error)
        known = isinstance(first, UnknownPhrase | UnknownServer | UnknownScript | NotArranged)
        return _failed(recording, str(first) if known else f"the replay failed: {first!r}")


def _first(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _failed(recording: Recording, why: str) -> Outcome:
    return Outcome(recording, (Difference("not replayed", "the recorded answer", why),))


async def _play(recording: Recording, before: Recording | None) -> Outcome:
    setup = understood(recording)
    server = world().server(setup.server)
    scripts = _scripts(recording)
    async with Fleet((0,), settings=[server.settings]) as fleet:
        fleet.install(None, server.models)
        others: list[asyncio.Task[object]] = []
        async with asyncio.TaskGroup() as group:
            scene = Scene(
                fleet, world(), recording, scripts, lambda it: others.append(group.create_task(it))
            )
            for act in setup.arranged:
                if not isinstance(act, acts.Replayed):
                    await scene.arrange(act)
                elif before is None:
                    for each in instead(recording):
                        await scene.arrange(each)
                else:
                    await _again(fleet, scene, before)
            fleet.script(None, scripts)
            actual = await exchange(scene.port, recording, setup)
            for task in others:
                task.cancel()
        found = differences(recording.replies, actual)
        for failure in fleet.journal.where(records.Failed):
            found.append(Difference("the simulator", "an answer", f"a failure: {failure.error}"))
    return Outcome(recording, tuple(found), tuple(actual))


def _scripts(recording: Recording) -> list[Script]:
    return scripts_for(recording) if recording.compat else [translated(recording.script)]


async def _again(fleet: Fleet, scene: Scene, before: Recording) -> None:
    """Replay the record before on the same server."""
    setup = understood(before)
    for act in setup.arranged:
        await scene.arrange(act)
    fleet.script(None, _scripts(before))
    await exchange(scene.port, before, setup)


async def exchange(port: int, recording: Recording, setup: Setup) -> list[Reply]:
    """Send the request as recorded and read as many answers as are recorded."""
    request = recording.request
    pieces = writes(request, f"127.0.0.1:{port}")
    asked = methods(request)
    found: list[Reply] = []
    async with Connection(port) as connection, asyncio.TaskGroup() as group:
        await connection.send(pieces.pop(0))
        if setup.pause_ms is not None:
            while pieces:
                await connection.pause(setup.pause_ms / 1000)
                await connection.send(pieces.pop(0))
        if request.half_close_ms is not None:
            group.create_task(connection.half_close(request.half_close_ms / 1000))
        for number, wanted in enumerate(recording.replies):
            patience = SILENCE_S if wanted.ended == "timeout" else PATIENCE_S
            reply = await connection.reply(asked[min(number, len(asked) - 1)], patience)
            found.append(reply)
            if pieces and reply.ended == "complete":
                await connection.send(pieces.pop(0))
        if (after := recording.replies[-1].after) is not None:
            state = await connection.after(CLOSED_S if after == "closed" else OPEN_S)
            found[-1] = msgspec.structs.replace(found[-1], after=state)
    return found


def previous(
    name: str, earlier: Mapping[str, Recording], last: Recording | None
) -> Recording | None:
    """The record that another calls the previous one, among those that stand before it.

    A name that ends in `-then-…` continues the record that is named without it; any other
    means the line before.
    """
    if "-then-" in name:
        return earlier.get(name.rpartition("-then-")[0])
    return last
