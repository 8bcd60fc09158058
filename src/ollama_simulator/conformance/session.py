"""The probing client: one request to the balancer, taken down as it comes.

It must not import the scenarios or the player.
"""

import asyncio
from collections.abc import Sequence

from ollama_simulator.acts import How
from ollama_simulator.clock import Clock
from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.conformance.spelling import Part, pauses
from ollama_simulator.net.client import Broken, Client, End

PATIENCE_S = 12.0
"""Longest silence that our own client waits for: more than any timeout of a balancer."""


class Session:
    """One request on its way."""

    task: "asyncio.Task[None]"

    def __init__(
        self,
        answer: Answer,
        clock: Clock,
        patience: float = PATIENCE_S,
        *,
        unread: int | None = None,
    ) -> None:
        """`answer` fills up while `drive` runs. `patience` is the longest silence in seconds;
        `unread` limits the bytes that the kernel keeps for us while we don't read."""
        self.answer = answer
        self.sent_at: float | None = None
        """When the last bytes of the request, so far, were sent."""
        self._clock = clock
        self._patience = patience
        self._unread = unread
        self._client: Client | None = None
        self._reading = asyncio.Event()
        self._reading.set()

    async def drive(self, port: int, parts: Sequence[Part], *, bodiless: bool = False) -> None:
        """Send the parts of a request and take what comes, meanwhile too, until it ends."""
        answer = self.answer
        try:
            async with await Client.connect("127.0.0.1", port, self._patience) as client:
                self._client = client
                client.bodiless = bodiless
                if self._unread is not None:
                    client.read_little(self._unread)
                async with asyncio.TaskGroup() as group:
                    sending = group.create_task(self._send(client, parts))
                    await self._take(client, self._patience + pauses(parts))
                    sending.cancel()
        except Broken as broken:
            answer.end, answer.detail = broken.end, str(broken)
        finally:
            answer.ended_at = self._clock.now()

    async def _send(self, client: Client, parts: Sequence[Part]) -> None:
        for part in parts:
            if client.over:
                return
            if isinstance(part, bytes):
                await client.send(part, silence=self._patience)
                self.sent_at = self._clock.now()
            else:
                await self._clock.sleep_until(self._clock.now() + part)

    async def _take(self, client: Client, patience: float) -> None:
        answer, clock = self.answer, self._clock
        try:
            head = await client.head(patience)
            answer.status, answer.headers = head.status, head.headers
            answer.interim.extend(each.status for each in head.interim)
            answer.head_at = clock.now()
            async for data in client.body(self._patience):
                answer.pieces.append(Piece(clock.now(), data))
                await self._reading.wait()
            answer.trailers = client.trailers
            answer.end = End.COMPLETE
        except Broken as broken:
            answer.end, answer.detail = broken.end, str(broken)

    async def leave(self, how: How = How.FIN) -> None:
        """Close the connection, whatever is still to come."""
        if self._client is not None and how is How.RST:
            self._client.reset()
        elif self._client is not None:
            self._client.close()
        self._reading.set()
        await asyncio.wait([self.task])

    def finish_sending(self) -> None:
        """Shut our side of the connection down, and go on reading."""
        if self._client is not None:
            self._client.finish_sending()

    def stop_reading(self) -> None:
        """Take nothing more of the answer for now, so that its sender has to wait."""
        self._reading.clear()

    def go_on_reading(self) -> None:
        """Take what comes again."""
        self._reading.set()
