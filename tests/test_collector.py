"""Imports that the collector doesn't look at."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from ollama_simulator.collector import APART, importing
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from tests.acceptance.program import environment
from tests.net.peers import settle
from tests.test_server import FAST, Server, post


def test_what_is_imported_is_never_looked_at() -> None:
    """Neither then nor later; what comes behind it is, even if an import failed."""
    frozen, before = gc.get_freeze_count(), gc.get_threshold()
    kept: list[list[int]] = []

    def fails() -> None:
        with importing():
            assert not gc.isenabled()
            kept.extend([number] for number in range(1000))
            raise ImportError

    try:
        with pytest.raises(ImportError):
            fails()
        assert gc.isenabled()
        assert gc.get_freeze_count() >= frozen + 1000
        assert gc.get_threshold() == (APART, *before[1:])
        assert all(each is not kept for each in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_request_leaves_no_circle() -> None:
    """What it made is gone with it, so that the collector needn't look for it; so is what a
    connection had, whoever ends it."""

    async def main() -> None:
        async with Fleet() as fleet:
            server = Server(fleet)
            await server.sim.behave(FAST)
            rule = Rule(fault=HttpError(status_code=500, message="no"), path="/api/tags")
            await fleet.inject("all", rule)
            async with await server.connect() as peer:
                for number in range(11):
                    if number == 1:
                        gc.collect()
                        gc.disable()
                    await peer.send(post("/api/chat", stream=False))
                    await peer.answer()
                    await peer.send(post("/api/chat"))
                    await peer.until(b"0\r\n\r\n")
                    await peer.send(b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert (await peer.answer())[0] == 500
                    async with await server.connect() as other:
                        last = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                        await other.send(last if number % 2 else b"")
                        await (other.rest() if number % 2 else settle())
                await settle()
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()

    try:
        asyncio.run(main())
        left = [type(each).__module__ for each in gc.garbage]
        assert [each for each in left if each.startswith("ollama_simulator")] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_program_begins_so() -> None:
    """Its collector works when it has begun, and has little to look at."""
    code = (
        "import gc, sys\n"
        "from ollama_simulator.entry import simulator\n"
        "try:\n    simulator()\nexcept SystemExit:\n    pass\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "True True"
