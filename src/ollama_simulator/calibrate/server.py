"""Asks one server, and notes when which part of its answer came.

Source: native specification 4.8.

Rules of this file:

1. Nothing but the URL that was given is asked, over a connection for each request. The time to
   connect is no part of a measurement.
2. Whatever goes wrong is a `Failed` that names the URL and the path.

It must not import the measuring.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ollama_simulator.clock import Clock
from ollama_simulator.load.target import Target
from ollama_simulator.net.client import Broken, Client

T = TypeVar("T")

MOST = 16 * 2**20
"""Bytes of an answer that are kept at most."""


class Failed(Exception):
    """A server that can't be measured. The text says which and why."""


class Answer(msgspec.Struct, frozen=True):
    """An answer to a prompt. Moments are those of the client's clock."""

    asked: float
    pieces: tuple[float, ...]
    """When its pieces came."""
    prompt_tokens: int
    prompt_s: float
    """The time that the server says it took for what was not cached."""
    tokens: int
    load_s: float

    @property
    def first_s(self) -> float:
        """Seconds until the first piece."""
        return self.pieces[0] - self.asked

    @property
    def before_s(self) -> float:
        """Seconds before the evaluation of the prompt."""
        return self.first_s - self.prompt_s

    @property
    def steps(self) -> int:
        """Tokens between the first piece and the last one. A token without a piece of its own
        counts as well, unless it is the last."""
        seen = len(self.pieces) - 1
        return seen if len(self.pieces) >= 0.9 * self.tokens else self.tokens - 1

    @property
    def gap(self) -> float:
        """Seconds between two tokens."""
        return (self.pieces[-1] - self.pieces[0]) / self.steps

    @property
    def depth(self) -> float:
        """Tokens of context behind which it was generated, on average."""
        return self.prompt_tokens + (self.steps - 1) / 2


class _Line(msgspec.Struct, frozen=True):
    response: str = ""
    thinking: str = ""
    done: bool = False
    error: str | None = None
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    load_duration: int = 0


class _Error(msgspec.Struct, frozen=True):
    error: str


_line = msgspec.json.Decoder(_Line)


class Server:
    """A server under measurement."""

    def __init__(self, target: Target, clock: Clock, timeout: float) -> None:
        """`timeout` is the longest silence, in seconds."""
        self.clock = clock
        self._target = target
        self._timeout = timeout
        self._tls = target.tls()

    async def tell(self, kind: type[T], method: str, path: str, body: Any = None) -> T:
        """Ask for a document. Raises `Failed`."""
        got = bytearray()
        await self._ask(method, path, body, lambda _, data: got.extend(data))
        try:
            return msgspec.json.decode(bytes(got), type=kind)
        except msgspec.MsgspecError as error:
            raise self._failed(path, f"this is no answer of Ollama: {error}") from None

    async def generate(
        self, body: dict[str, Any], heard: Callable[[int], None] | None = None
    ) -> Answer:
        """Ask for an answer. `heard` is told how many pieces there are. Raises `Failed`."""
        path = "/api/generate"
        pieces: list[float] = []
        rest = b""
        last: _Line | None = None

        def take(now: float, data: bytes) -> None:
            nonlocal rest, last
            *lines, rest = (rest + data).split(b"\n")
            for text in filter(None, lines):
                try:
                    line = _line.decode(text)
                except msgspec.MsgspecError as error:
                    raise self._failed(path, f"this is no answer of Ollama: {error}") from None
                if line.error is not None:
                    raise self._failed(path, line.error)
                if line.response or line.thinking:
                    pieces.append(now)
                    if heard is not None:
                        heard(len(pieces))
                if line.done:
                    last = line
                    # Of one token an old server tells nothing but by its last line.
                    pieces.extend(() if pieces else [now])

        asked = await self._ask("POST", path, body, take)
        if last is None:
            raise self._failed(path, "the answer has no last line")
        return Answer(
            asked,
            tuple(pieces),
            last.prompt_eval_count,
            last.prompt_eval_duration / 1e9,
            last.eval_count,
            last.load_duration / 1e9,
        )

    async def _ask(
        self, method: str, path: str, body: Any, take: Callable[[float, bytes], None]
    ) -> float:
        """Send a request and pass on what comes. Returns when it was sent."""
        target, silence = self._target, self._timeout
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with await Client.connect(target.host, target.port, silence, self._tls) as client:
                asked = self.clock.now()
                await client.ask(
                    method, target.prefix + path, target.headers, data, silence=silence
                )
                head = await client.head(silence)
                refusal = bytearray()
                size = 0
                async for piece in client.body(silence):
                    size += len(piece)
                    if size > MOST:
                        raise self._failed(path, f"the answer is longer than {MOST:,} bytes")
                    if head.status != 200:
                        refusal.extend(piece)
                    else:
                        take(self.clock.now(), piece)
        except Broken as broken:
            raise self._failed(path, str(broken)) from None
        if head.status != 200:
            raise self._refused(path, head.status, bytes(refusal))
        return asked

    def _refused(self, path: str, status: int, body: bytes) -> Failed:
        try:
            words = msgspec.json.decode(body, type=_Error).error
        except msgspec.MsgspecError:
            words = body[:200].decode("utf-8", "replace")
        busy = "the server is too busy to be measured: " if status == 503 else ""
        return self._failed(path, f"{busy}{status}: {words}")

    def _failed(self, path: str, words: str) -> Failed:
        return Failed(f"{self._target.url}: {path}: {words}")
