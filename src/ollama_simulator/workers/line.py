"""Messages over a connection of TCP: each is packed, behind its length in four bytes.

Rules of this file:

1. `tell` holds up nobody. Who tells again and again waits for an answer before the next time, or
   for `drain`: so nothing is buffered without end.

It must not import the fleet or anything above.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

LENGTH = 4
"""Bytes of a length."""
MOST = 1 << 30
"""Bytes of a message: longer ones are none of ours."""


class Hungup(ConnectionError):
    """The other end is gone, or talks nonsense."""


class Line:
    """One end of a connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reads: Any
    ) -> None:
        """`reads` is the type of what comes."""
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.msgpack.Decoder(reads)
        self._encoder = msgspec.msgpack.Encoder()

    async def receive(self, most: int = MOST) -> Any:
        """The next message, of so many bytes at most. Raises `Hungup`."""
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
            if length > most:
                raise Hungup(f"a message of {length} bytes")
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError) as error:
            raise Hungup(str(error)) from None

    def tell(self, message: Any) -> None:
        """Send a message, as soon as that can be done."""
        packed = self._encoder.encode(message)
        self._writer.write(len(packed).to_bytes(LENGTH, "big") + packed)

    async def drain(self) -> None:
        """Wait until the other end has read most of what was told. Raises `Hungup`."""
        try:
            await self._writer.drain()
        except OSError as error:
            raise Hungup(str(error)) from None

    async def close(self) -> None:
        """Hang up when all is sent."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
