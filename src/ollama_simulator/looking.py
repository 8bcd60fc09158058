"""Requests that only look at a server, answered where their bytes come in.

Balancers ask for lists and versions many times a second, and nothing of the answers changes but
their date. So what a head asks for is kept, and the bytes of the answer while the same is found.

Rules of this file:

1. It says what `answering` says, by the same codecs, acts and performer; a test compares them.
2. What it can't answer at once it leaves alone.
3. It only knows what its server answers where nobody bends that.

It must not import faults, the journal or anything above.
"""

import math
from collections.abc import Callable

from ollama_simulator.acts import Tick
from ollama_simulator.answering import whole
from ollama_simulator.brief import Gist
from ollama_simulator.clock import Clock
from ollama_simulator.engine.engine import Engine
from ollama_simulator.net.head import Head
from ollama_simulator.net.performed import Performed, performed
from ollama_simulator.net.request import Body, Request
from ollama_simulator.net.sink import PIECE
from ollama_simulator.wire import codec as wire
from ollama_simulator.wire import proxy
from ollama_simulator.wire.codec import Codec, Wire
from ollama_simulator.wire.redirects import Fixed
from ollama_simulator.wire.routes import Match, resolve

GistOf = Callable[[Head, Performed], Gist]
"""What is kept of an answer to a head."""
MOST_KEPT = 128
"""Heads of which it is kept what they ask; when there are so many, all are forgotten."""


class Looks:
    """The answers of one server to requests that only look."""

    def __init__(
        self, engine: Engine, wire: Wire, clock: Clock, barred: str | None, gist: GistOf
    ) -> None:
        """Requests with a header of the (lower-case) name `barred` are left alone. `gist` makes
        what `find` finds."""
        self._engine = engine
        self._wire = wire
        self._clock = clock
        self._barred = barred
        self._gist = gist
        self._looks: dict[Head, _Look | None] = {}

    def find(self, head: Head) -> Gist | None:
        """The answer to a request of this head and without a body. None if that takes more."""
        try:
            look = self._looks[head]
        except KeyError:
            look = self._new(head)
        return None if look is None else look.answer()

    def _new(self, head: Head) -> "_Look | None":
        if len(self._looks) == MOST_KEPT:
            self._looks.clear()
        look = None
        if self._barred is None or self._barred not in head.index:
            look = self._look(head)
        self._looks[head] = look
        return look

    def _look(self, head: Head) -> "_Look | None":
        def first(name: str) -> str | None:
            values = head.index.get(name)
            return values[0] if values else None

        match = resolve(head.method, head.target, first, self._wire.settings)
        if isinstance(match, Fixed) or not match.codec.looks:
            return None
        asked = wire.Request(head.method, match.path, match.params, b"", head.headers)
        codec = proxy.make(match.codec, asked, self._wire)
        return _Look(head, match, codec, self._engine, self._clock, self._gist)


class _Look:
    """A head that only looks, and what was last said to it."""

    __slots__ = (
        "_clock",
        "_codec",
        "_found",
        "_gist",
        "_head",
        "_look",
        "_match",
        "_said",
        "_since_ns",
        "_until_ns",
        "_wall_ns",
    )

    def __init__(
        self, head: Head, match: Match, codec: Codec, engine: Engine, clock: Clock, gist: GistOf
    ) -> None:
        self._head = head
        self._match = match
        self._codec = codec
        self._gist = gist
        self._look = engine.looking(codec.job)
        self._wall_ns = clock.wall_ns
        self._clock = clock
        self._found: object = self
        self._until_ns = -math.inf
        """When the date of the answer is another."""
        self._since_ns = math.inf
        self._said: Gist | None = None

    def answer(self) -> Gist | None:
        found, now = self._look(), self._wall_ns()
        if found.value is not self._found or not self._since_ns <= now < self._until_ns:
            self._found = found.value
            self._since_ns = now // 10**9 * 10**9
            self._until_ns = self._since_ns + 10**9
            acts = (Tick(), *whole(self._codec, [found]))
            said = performed(acts, self._request(), self._clock)
            fits = said.goes_on and len(said.data) <= PIECE
            self._said = self._gist(self._head, said) if fits else None
        return self._said

    def _request(self) -> Request:
        head = self._head
        body = Body(None, _nothing, 0)
        body.end()
        request = Request(
            head.method,
            head.target,
            head.version,
            head.headers,
            body,
            keep_alive=not head.closing,
            connection=0,
            abort=_nothing,
            index=head.index,
        )
        request.reply_headers = self._match.common
        return request


def _nothing() -> None:
    """What a request that is nobody's does to its connection."""
