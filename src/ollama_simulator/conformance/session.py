"""The probing client: one request to the balancer, taken down as it comes.

It must not import the scenarios or the player.
"""

import asyncio

from ollama_simulator.acts import How
from ollama_simulator.clock import Clock
from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.net.client import Broken, Client, End

PATIENCE_S = 12.0
"""Longest silence that our own client waits for: more than any timeout of a balancer."""


class Session:
    """One request on its way."""

    task: "asyncio.Task[None]"

    def __init__(self, answer: Answer, clock: Clock) -> None:
        """`answer` fills up while `drive` runs."""
        self.answer = answer
        self._clock = clock
        self._client: Client | None = None

    async def drive(self, port: int, method: str, target: str, body: bytes | None) -> None:
        """Send the request and take what comes, until it ends."""
        answer, clock = self.answer, self._clock
        headers = [("Host", f"127.0.0.1:{port}"), ("Connection", "close")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        try:
            async with await Client.connect("127.0.0.1", port, PATIENCE_S) as client:
                self._client = client
                await client.ask(method, target, headers, body, silence=PATIENCE_S)
                head = await client.head(PATIENCE_S)
                answer.status, answer.headers = head.status, head.headers
                async for data in client.body(PATIENCE_S):
                    answer.pieces.append(Piece(clock.now(), data))
                answer.end = End.COMPLETE
        except Broken as broken:
            answer.end, answer.detail = broken.end, str(broken)
        finally:
            answer.ended_at = clock.now()

    async def leave(self, how: How = How.FIN) -> None:
        """Close the connection, whatever is still to come."""
        if self._client is not None and how is How.RST:
            self._client.reset()
        elif self._client is not None:
            self._client.close()
        await asyncio.wait([self.task])
