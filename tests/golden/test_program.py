"""A server in a process of its own, for a recording."""

from __future__ import annotations

import asyncio
import sys

import psutil
import pytest

from ollama_simulator.golden.program import Program
from ollama_simulator.settings import Settings
from tests.net.peers import until


def below() -> set[int]:
    """All processes below this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.skipif(sys.platform == "win32", reason="it is told by the processes of a group")
def test_who_is_ended_while_it_starts_leaves_nothing_behind() -> None:
    before = below()

    async def main() -> None:
        task = asyncio.create_task(Program(Settings()).__aenter__())
        await until(lambda: below() != before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert below() == before

    asyncio.run(main())
