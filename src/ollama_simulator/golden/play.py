"""Replays one recording: a fresh server, its setup, the request, and what differs.

Rules of this file:

1. Every recording has a server of its own, so that neither order nor choice matters.
2. What can't be arranged, or isn't understood, is a difference.

It must not import the command line.
"""

import asyncio
import json

import msgspec

from ollama_simulator import records
from ollama_simulator.fleet import Fleet
from ollama_simulator.golden import acts
from ollama_simulator.golden.answers import scripts_for, searches
from ollama_simulator.golden.client import PATIENCE_S, Connection, fetch
from ollama_simulator.golden.compare import Difference, differences
from ollama_simulator.golden.earlier import Earlier, full, left_behind
from ollama_simulator.golden.learning import learned
from ollama_simulator.golden.program import Program
from ollama_simulator.golden.recording import Recording, Reply
from ollama_simulator.golden.scene import NotArranged, Scene
from ollama_simulator.golden.scripts import UnknownScript, translated
from ollama_simulator.golden.sending import CLOSE, methods, writes
from ollama_simulator.golden.setups import Setup, UnknownPhrase, understood
from ollama_simulator.golden.world import UnknownServer, world
from ollama_simulator.script import Script
from ollama_simulator.settings import Settings

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


async def play(recording: Recording, earlier: Earlier) -> Outcome:
    """Replay a recording; `earlier` knows the records that setups speak of."""
    try:
        async with asyncio.timeout(LONGEST_S):
            return await _play(recording, earlier)
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


async def _play(recording: Recording, earlier: Earlier) -> Outcome:
    setup = understood(recording)
    scripts = _scripts(recording)
    server = world().server(setup.server)
    settings = msgspec.structs.replace(server.settings, web_search=searches(recording))
    for act in setup.arranged:
        if isinstance(act, acts.Shutdown):
            settings = msgspec.structs.replace(
                settings, installed_models=server.models, scripts=tuple(scripts)
            )
            return await _shut_down(recording, setup, act, settings)
    async with Fleet((0,), settings=[settings]) as fleet:
        fleet.install(None, learned(server.models, recording, world()))
        others: list[asyncio.Task[object]] = []
        async with asyncio.TaskGroup() as group:
            scene = Scene(
                fleet, world(), recording, scripts, lambda it: others.append(group.create_task(it))
            )
            for act in setup.arranged:
                await _arrange(scene, act, recording, earlier)
            fleet.script(None, scripts)
            actual = await exchange(scene.port, recording, setup)
            for task in others:
                task.cancel()
        found = differences(recording.replies, actual)
        for failure in fleet.journal.where(records.Failed):
            found.append(Difference("the simulator", "an answer", f"a failure: {failure.error}"))
    return Outcome(recording, tuple(found), tuple(actual))


async def _shut_down(
    recording: Recording, setup: Setup, act: acts.Shutdown, settings: Settings
) -> Outcome:
    """Replay against a process of its own, which gets a signal meanwhile."""
    async with Program(settings) as program, asyncio.TaskGroup() as group:
        for other in setup.arranged:
            if isinstance(other, acts.Loaded):
                body = json.dumps({"model": other.model}).encode()
                await fetch(program.port, "POST", "/api/generate", body)
        group.create_task(program.send(act.signal, act.after_s))
        actual = await exchange(program.port, recording, setup)
    return Outcome(recording, tuple(differences(recording.replies, actual)), tuple(actual))


async def _arrange(scene: Scene, act: acts.Act, recording: Recording, earlier: Earlier) -> None:
    """Bring one thing about, which may be that another record was made before."""
    before = earlier.before(recording)
    match act:
        case acts.Replayed() if before is None:
            for each in left_behind(recording):
                await scene.arrange(each)
        case acts.AsBefore() if before is None:
            for each in full(recording):
                await scene.arrange(each)
        case acts.Replayed() | acts.AsBefore():
            assert before is not None
            setup = understood(before)
            for each in setup.arranged:
                await _arrange(scene, each, before, earlier)
            if isinstance(act, acts.Replayed):
                scene.script(_scripts(before))
                await exchange(scene.port, before, setup)
        case _:
            await scene.arrange(act)


def _scripts(recording: Recording) -> list[Script]:
    return scripts_for(recording) if recording.compat else [translated(recording.script)]


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
            found.append(_without_close(reply) if recording.compat else reply)
            if pieces and reply.ended == "complete":
                await connection.send(pieces.pop(0))
        if (after := recording.replies[-1].after) is not None:
            state = await connection.after(CLOSED_S if after == "closed" else OPEN_S)
            found[-1] = msgspec.structs.replace(found[-1], after=state)
    return found


def _without_close(reply: Reply) -> Reply:
    """The compat format leaves out what the client's `Connection: close` makes a server say."""
    headers = tuple(header for header in reply.headers if header != CLOSE)
    return msgspec.structs.replace(reply, headers=headers)
