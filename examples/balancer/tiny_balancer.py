"""A load balancer for Ollama servers: each request goes to the one with the fewest in progress.

python tiny_balancer.py --listen 127.0.0.1:8080 http://127.0.0.1:11501 http://127.0.0.1:11502
"""

import argparse
import asyncio
import contextlib
import re
from urllib.parse import urlsplit

CONNECT_S = 1.0
"""Seconds that a server has to take a connection."""
AVOIDED_S = 5.0
"""Seconds for which one that did not is asked last."""
SENDING = (BrokenPipeError, ConnectionResetError)


class Server:
    """One of the servers, and what is known of it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = parts.hostname or "127.0.0.1", parts.port or 11434
        self.busy = 0
        self.failed = float("-inf")


class Balancer:
    """Passes connections on, each with one request."""

    def __init__(self, urls: list[str]) -> None:
        self.servers = [Server(url) for url in urls]

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Answer one client."""
        with contextlib.closing(back), contextlib.suppress(asyncio.IncompleteReadError, *SENDING):
            head = await client.readuntil(b"\r\n\r\n")
            for server in self.order():
                server.busy += 1  # at once, or requests of the same moment all choose alike
                try:
                    async with asyncio.timeout(CONNECT_S):
                        answer, request = await asyncio.open_connection(*server.address)
                    request.write(closing(head))
                    await self.exchange(client, request, answer, back)
                    return
                except (ConnectionRefusedError, TimeoutError):
                    server.failed = asyncio.get_running_loop().time()
                finally:
                    server.busy -= 1
            back.write(
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await back.drain()

    def order(self) -> list[Server]:
        """The servers, the best first."""
        soon = asyncio.get_running_loop().time() - AVOIDED_S
        return sorted(self.servers, key=lambda server: (server.failed > soon, server.busy))

    async def exchange(
        self,
        client: asyncio.StreamReader,
        request: asyncio.StreamWriter,
        answer: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        """Pass bytes both ways, as they come, until either side is done."""
        ways = {
            asyncio.create_task(self.upstream(client, request)),
            asyncio.create_task(self.downstream(answer, back)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        request.transport.abort()
        if any(not way.cancelled() and way.exception() for way in ways):
            back.transport.abort()  # a broken answer must look broken

    async def upstream(self, client: asyncio.StreamReader, request: asyncio.StreamWriter) -> None:
        """What the client says, to the server; returns when the client is gone."""
        await pump(client, request)

    async def downstream(self, answer: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """What the server says, to the client."""
        await pump(answer, back)


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on what comes, as it comes, until it ends."""
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()


def closing(head: bytes) -> bytes:
    """The head of a request which tells the server that the connection ends behind its answer."""
    kept = re.sub(rb"\r\n(?:connection|keep-alive):[^\r]*(?=\r\n)", b"", head, flags=re.IGNORECASE)
    return kept.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"


async def run(balancer: Balancer, host: str, port: int) -> None:
    """Listen until the process is ended."""
    listener = await asyncio.start_server(balancer.serve, host, port, limit=1 << 20)
    host, port = listener.sockets[0].getsockname()[:2]
    print(f"listening on http://{host}:{port}", flush=True)
    await listener.serve_forever()


def main(kind: type[Balancer] = Balancer) -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    parser.add_argument("servers", nargs="+", metavar="URL")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(kind(options.servers), host, int(port)))


if __name__ == "__main__":
    main()
