"""Asks a control API over HTTP.

Rules of this file:

1. One connection for each request. What the API refuses is raised as the error that the same wish
   raises in process.

It must not import anything of this package but `access`, `net`, `fleet`, `presence`.
"""

import errno
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ollama_simulator.access import about_token
from ollama_simulator.fleet import UnknownServer
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported

CONNECT_S = 5.0
"""Seconds within which a connection must be made."""
SILENCE_S = 60.0
"""Seconds within which the next byte of an answer must come; a stream sends one more often."""


class Unreachable(ConnectionError):
    """Nobody answers at the URL of a control API, or somebody else does."""


class Event(msgspec.Struct, frozen=True):
    """One event of a stream."""

    kind: str
    data: bytes


class Api:
    """A control API at a URL."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`token` is shown with each request. Raises `ValueError` if that is no URL of one, or no
        token."""
        if token is not None and (wrong := about_token(token)):
            raise ValueError(f"token: {wrong}")
        self._token = token
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no URL of a control API: {error}") from None
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(
                f"{url!r} is no URL of a control API; one looks like http://127.0.0.1:11500"
            )
        self._host = parts.hostname
        self._port = 80 if port is None else port
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{self._port}"

    async def get(self, path: str, **query: Any) -> bytes:
        """The body of an answer. Raises as `ask`."""
        return await self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    async def ask(self, method: str, path: str, wish: Any = None) -> bytes:
        """Ask, with a body if there is a wish. Returns the body of the answer.

        Raises `Unreachable`, and for what the API refuses `UnknownServer`, another `LookupError`
        for an unknown rule, `PortTaken`, `Unsupported`, `PermissionError` or `ValueError`.
        """
        async with self._asked(method, path, wish) as client:
            return await self._whole(client, f"{method} {path}")

    async def _whole(self, client: Client, asked: str) -> bytes:
        head = await client.head(SILENCE_S)
        body = b"".join([data async for data in client.body(SILENCE_S)])
        if head.status >= 400:
            raise self._refused(asked, head.status, body)
        return body

    async def events(self, path: str, **query: Any) -> AsyncGenerator[Event, None]:
        """The events of a stream, as they come. Raises as `ask`; `Unreachable` if it ends."""
        asked = f"{path}?{urlencode(query)}"
        async with self._asked("GET", asked) as client:
            if (await client.head(SILENCE_S)).status >= 400:
                await self._whole(client, asked)
            rest = b""
            async for data in client.body(SILENCE_S):
                *whole, rest = (rest + data).split(b"\n\n")
                for block in whole:
                    fields = dict(_field(line) for line in block.split(b"\n"))
                    if b"data" in fields:
                        yield Event(fields.get(b"event", b"").decode(), fields[b"data"])
        raise Unreachable(f"{self.url} ended its stream of events")

    @asynccontextmanager
    async def _asked(self, method: str, path: str, wish: Any = None) -> AsyncIterator[Client]:
        try:
            async with await Client.connect(self._host, self._port, CONNECT_S) as client:
                headers = [("Host", self.url.removeprefix("http://"))]
                if self._token is not None:
                    headers.append(("Authorization", f"Bearer {self._token}"))
                body = None
                if wish is not None:
                    body = msgspec.json.encode(wish)
                    headers.append(("Content-Type", "application/json"))
                await client.ask(method, path, headers, body, silence=SILENCE_S)
                yield client
        except Broken as broken:
            raise Unreachable(
                f"the control API at {self.url} doesn't answer {method} {path}: {broken}; "
                "is a simulator running there?"
            ) from None

    def _refused(self, asked: str, status: int, body: bytes) -> Exception:
        try:
            problem = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            problem = {}
        detail = problem.get("detail") or problem.get("error")
        if not isinstance(detail, str):
            words = f"{self.url} answers {asked} with {status}: is that a control API?"
            return Unreachable(words)
        kind = str(problem.get("type", "")).rpartition("/")[2]
        if status == 401:
            words = "connect(url, token=…) shows one" if self._token is None else "it was refused"
            return PermissionError(f"{self.url} wants its token: {words}")
        if status == 403:
            return PermissionError(f"{self.url}: {detail}")
        if kind == "UnknownServer" or (status == 404 and "error" in problem):
            return UnknownServer(detail)
        if kind == "UnknownRule":
            return LookupError(detail)
        if kind == "PortTaken" or (status == 409 and "error" in problem):
            return PortTaken(errno.EADDRINUSE, detail)
        if status == 501:
            return Unsupported(detail)
        if kind == "UnknownRoute":
            return Unreachable(f"{self.url} knows no {asked}: it is of another version")
        return ValueError(detail) if status < 500 else RuntimeError(detail)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.removeprefix(b" ")


def decoded(body: bytes, kind: Any, url: str) -> Any:
    """An answer, understood. Raises `Unreachable` for one of another kind of program."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreachable(
            f"what {url} answers is not understood ({error}): it is of another version, "
            "or no control API"
        ) from None
