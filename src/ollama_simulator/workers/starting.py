"""Starts the process of a worker, again and again if need be.

Rules of this file:

1. A worker isn't given the token of the control API, which it has no use for.

It must not import the fleet or anything above.
"""

import asyncio
import os
import sys

from ollama_simulator import access

PROGRAM = "from ollama_simulator.entry import worker; worker()"
FIRST_REST_S = 0.2
"""Seconds until a worker is started again that ended soon after its start for the second time;
then twice as many each time."""
LONGEST_REST_S = 5.0


async def started(number: int, words: bytes) -> asyncio.subprocess.Process:
    """The process of the worker with a number, which reads these words first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        PROGRAM,
        f"worker {number}",  # for whoever looks at a list of processes
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        # What a terminal sends its programs is for us, who end it.
        start_new_session=True,
        env=_environment(),
    )
    assert process.stdin is not None, "it was asked for"
    process.stdin.write(words)
    return process


def _environment() -> dict[str, str]:
    """Ours, in which the same modules are found."""
    kept = {name: value for name, value in os.environ.items() if name != access.VARIABLE}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def rest_s(ends: int) -> float:
    """Seconds to wait before a worker is started again that has ended so many times in a row, each
    time soon after its start."""
    if ends < 2:
        return 0.0
    # The power has no need to grow for ever.
    return min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(ends - 2, 16))
