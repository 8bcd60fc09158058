"""Answers in pieces: what is sent, and who is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ollama_simulator.control.web import Stream


class Client:
    """One who asked for a stream, and leaves when it has had so many pieces."""

    def __init__(self, patience: int) -> None:
        self.had: list[bytes] = []
        self.ended = False
        self._left = asyncio.Event()
        self._patience = patience
        self._asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive(self) -> Any:
        """What comes of it."""
        for message in self._asked:
            return message
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take what it is sent."""
        if message["type"] == "http.response.start":
            assert dict(message["headers"]) == {b"content-type": b"text/event-stream"}
            return
        assert not self.ended
        self.ended = not message["more_body"]
        self.had.append(message["body"])
        if len(self.had) == self._patience:
            self._left.set()


@pytest.mark.parametrize(("patience", "ended"), [(2, False), (99, True)])
def test_a_stream_ends_with_its_pieces_or_its_client(patience: int, ended: bool) -> None:
    """Whichever is first; nothing goes on behind it."""
    closed: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
            if not ended:
                await asyncio.get_running_loop().create_future()
        finally:
            closed.append("pieces")

    async def main() -> Client:
        client = Client(patience)
        stream = Stream(pieces(), {"content-type": "text/event-stream"})
        async with asyncio.timeout(30):
            await stream({"type": "http"}, client.receive, client.send)
        assert len(asyncio.all_tasks()) == 1
        return client

    client = asyncio.run(main())
    assert client.had == [b"a", b"b", b""][: 3 if ended else 2]
    assert client.ended == ended
    assert closed == ["pieces"]


def test_what_goes_wrong_in_a_piece_is_not_hidden() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("no more")

    async def main() -> None:
        client = Client(9)
        stream = Stream(pieces(), {"content-type": "text/event-stream"})
        await stream({"type": "http"}, client.receive, client.send)

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    assert raised.group_contains(LookupError, match="no more")
