"""Balancers that are wrong on purpose, so that you see the tests notice.

FLAW=Buffering python flawed.py --listen 127.0.0.1:8080 http://127.0.0.1:11501
"""

import asyncio
import os

from tiny_balancer import Balancer, Server, main


class FirstOnly(Balancer):
    """Asks nobody but the first server."""

    def order(self) -> list[Server]:
        """The first."""
        return self.servers[:1]


class Buffering(Balancer):
    """Holds an answer back until it is whole, and makes a broken one look like that, too."""

    async def downstream(self, answer: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Everything at once."""
        back.write(await answer.read(-1))
        await back.drain()


class Forgetful(Balancer):
    """Lets a server go on for a client that has left."""

    async def upstream(self, client: asyncio.StreamReader, request: asyncio.StreamWriter) -> None:
        """Never returns."""
        await super().upstream(client, request)
        await asyncio.Event().wait()

    async def downstream(self, answer: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Reads on, whoever hears it."""
        while data := await answer.read(65536):
            if not back.is_closing():
                back.write(data)


if __name__ == "__main__":
    main(globals()[os.environ["FLAW"]])
