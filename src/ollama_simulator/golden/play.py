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
from ollama_simulator.golden.asking import exchange
from ollama_simulator.golden.client import fetch
from ollama_simulator.golden.compare import Difference
from ollama_simulator.golden.earlier import Earlier, full, left_behind
from ollama_simulator.golden.learning import learned
from ollama_simulator.golden.program import Program
from ollama_simulator.golden.recording import Recording, Reply
from ollama_simulator.golden.scene import NotArranged, Scene
from ollama_simulator.golden.scripts import UnknownScript, translated
from ollama_simulator.golden.sending import UnknownRequest
from ollama_simulator.golden.setups import Setup, UnknownPhrase, understood
from ollama_simulator.golden.world import UnknownServer, world
from ollama_simulator.script import Script
from ollama_simulator.settings import Settings

LONGEST_S = 60.0
"""When a replay is given up."""
TIMED = (
    acts.Busy,
    acts.Loading,
    acts.Crowd,
    acts.Left,
    acts.Half,
    acts.Shutdown,
    acts.Replayed,
    acts.AsBefore,
)
"""What goes on while the request is made, or has just been done."""
KNOWN = (UnknownPhrase, UnknownServer, UnknownScript, UnknownRequest, NotArranged)
"""Errors that say in words why a recording can't be replayed."""


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
        known = isinstance(first, KNOWN)
        return _failed(recording, str(first) if known else f"the replay failed: {first!r}")


def depends_on_time(recording: Recording) -> bool:
    """Whether a busy machine may make a replay differ: something has to happen before, or while,
    something else does."""
    script = recording.script or {}
    waits = any("sleep_ms" in event for event in script.get("events", ()))
    try:
        setup = understood(recording)
    except UnknownPhrase:
        return False
    return (
        waits
        or "load" in script
        or setup.pause_ms is not None
        or recording.request.half_close_ms is not None
        or recording.reply.ended == "timeout"
        or recording.request.path == "/api/pull"
        or any(isinstance(act, TIMED) for act in setup.arranged)
    )


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
            scene.script(scripts)
            seen = await exchange(scene.port, recording, setup)
            for task in others:
                task.cancel()
        found = seen.compared(recording)
        for failure in fleet.journal.where(records.Failed):
            found.append(Difference("the simulator", "an answer", f"a failure: {failure.error}"))
    return Outcome(recording, tuple(found), seen.replies)


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
        seen = await exchange(program.port, recording, setup)
    return Outcome(recording, tuple(seen.compared(recording)), seen.replies)


async def _arrange(scene: Scene, act: acts.Act, recording: Recording, earlier: Earlier) -> None:
    """Bring one thing about, which may be that another record was made before."""
    before = earlier.before(recording)
    match act, before:
        case acts.Replayed(), None:
            for each in left_behind(recording):
                await scene.arrange(each)
        case acts.AsBefore(), None:
            for each in full(recording):
                await scene.arrange(each)
        case acts.Replayed() | acts.AsBefore(), Recording():
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
