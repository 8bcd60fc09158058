"""The probing client: one request to the balancer, taken down as it comes.

It must not import the scenarios or the player.
"""

import asyncio
from collections.abc import Iterable

from ollama_simulator.acts import How
from ollama_simulator.clock import Clock
from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.net.client import Broken, Client, End

PATIENCE_S = 12.0
"""Longest silence that our own client waits for: more than any timeout of a balancer."""


class Session:
    """One request on its way."""

    task: "asyncio.Task[None]"

    def __init__(self, answer: Answer, clock: Clock, patience: float = PATIENCE_S) -> None:
        """`answer` fills up while `drive` runs. `patience` is the longest silence in seconds."""
        self.answer = answer
        self._clock = clock
        self._patience = patience
        self._client: Client | None = None

    async def drive(
        self,
        port: int,
        method: str,
        target: str,
        body: bytes | None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Send the request and take what comes, until it ends."""
        answer, clock, patience = self.answer, self._clock, self._patience
        given = list(headers)
        named = {name.lower() for name, _ in given}
        sent = [("Host", f"127.0.0.1:{port}")] if "host" not in named else []
        if "connection" not in named:
            sent.append(("Connection", "close"))
        if body is not None and "content-type" not in named:
            sent.append(("Content-Type", "application/json"))
        try:
            async with await Client.connect("127.0.0.1", port, patience) as client:
                self._client = client
                await client.ask(method, target, [*sent, *given], body, silence=patience)
                head = await client.head(patience)
                answer.status, answer.headers = head.status, head.headers
                answer.interim.extend(each.status for each in head.interim)
                answer.head_at = clock.now()
                async for data in client.body(patience):
                    answer.pieces.append(Piece(clock.now(), data))
                answer.trailers = client.trailers
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
