"""Makes a recorded request of a server and takes down what comes.

Rules of this file:

1. Bytes are written as they were: in as many writes, with the pauses that the setup tells.
2. As many answers are read as are recorded, then the socket is watched for a moment.

It must not import anything of this package but its own folder.
"""

import asyncio

import msgspec

from ollama_simulator.golden.client import PATIENCE_S, Connection
from ollama_simulator.golden.compare import Difference, differences, too_soon
from ollama_simulator.golden.recording import Recording, Reply
from ollama_simulator.golden.sending import CLOSE, methods, writes
from ollama_simulator.golden.setups import Setup

SILENCE_S = 2.0
"""How long is waited for an answer that is not to come."""
OPEN_S, CLOSED_S = 0.1, 2.0
"""How long is looked whether the socket is closed, if it is to stay open, and if not."""


class Seen(msgspec.Struct, frozen=True):
    """What came of an exchange."""

    replies: tuple[Reply, ...]
    first_ms: float | None
    complete_ms: float
    """Milliseconds to the first byte and to the end."""

    def compared(self, recording: Recording) -> list[Difference]:
        """What isn't as recorded."""
        told = recording.timing_ms
        return [
            *differences(recording.replies, self.replies),
            *too_soon("first byte", told.get("client_first_header_byte"), self.first_ms),
            *too_soon("end", told.get("complete"), self.complete_ms),
        ]


async def exchange(port: int, recording: Recording, setup: Setup) -> Seen:
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
        passed_ms = connection.passed_ms
        if (after := recording.replies[-1].after) is not None:
            state = await connection.after(CLOSED_S if after == "closed" else OPEN_S)
            found[-1] = msgspec.structs.replace(found[-1], after=state)
    return Seen(tuple(found), connection.first_ms, passed_ms)


def _without_close(reply: Reply) -> Reply:
    """The compat format leaves out what the client's `Connection: close` makes a server say."""
    headers = tuple(header for header in reply.headers if header != CLOSE)
    return msgspec.structs.replace(reply, headers=headers)
