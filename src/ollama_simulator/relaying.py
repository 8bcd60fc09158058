"""Answers by asking another server, and records what it said.

Rules of this file:

1. It connects to the server that the user named, and to no other: it follows no redirection, and
   knows no proxy.
2. A request is passed on as it came, but for what belongs to its connection. Every piece of the
   answer is passed on when it comes.
3. What our client does to its connection is done to the other server's: its FIN is passed on, its
   reset is a reset.
4. It knows no fault. Faults wrap it, as they wrap `answering.answer`.

It must not import faults, the journal or anything above.
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from ollama_simulator import records
from ollama_simulator.acts import Act, Hangup, How, Reply
from ollama_simulator.address import Address
from ollama_simulator.exchange import Exchange
from ollama_simulator.net.client import Broken
from ollama_simulator.net.client import End as Ending
from ollama_simulator.net.request import BadBody
from ollama_simulator.net.timed import TimedClient
from ollama_simulator.passing import HOP_BY_HOP, Passing, framing
from ollama_simulator.recording.entries import Ended, Head, Headers
from ollama_simulator.recording.writing import Recorder, Take

CONNECT_S = 10.0
"""Real seconds that a connection to the other server may take."""

OURS = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts by which a client means us."""

ENDINGS: dict[Ending, Ended] = {
    Ending.COMPLETE: "complete",
    Ending.REFUSED: "refused",
    Ending.UNREACHABLE: "unreachable",
    Ending.CUT: "cut",
    Ending.RESET: "reset",
    Ending.SILENT: "cut",
    Ending.MALFORMED: "malformed",
    Ending.LEFT: "left",
}


class Relay:
    """What answers exchanges in place of the engine, by asking a server."""

    def __init__(self, address: Address, recorder: Recorder | None = None) -> None:
        self.address = address
        self._recorder = recorder

    def __call__(self, exchange: Exchange) -> Reply:
        return _Asking(self.address, exchange, self._recorder).reply()

    def close(self) -> None:
        """End the recording, if there is one."""
        if self._recorder is not None:
            self._recorder.close()


class _Asking:
    """One request on its way to the server, and its answer on the way back."""

    def __init__(self, address: Address, exchange: Exchange, recorder: Recorder | None) -> None:
        self._address = address
        self._exchange = exchange
        self._request = exchange.request
        self._clock = exchange.clock
        self._began = self._clock.now()
        self._ended: Ended = "left"
        self._detail = ""
        self._take: Take | None = None
        self._client: TimedClient | None = None
        self._asked = False
        if recorder is not None:
            self._take = Take(
                recorder,
                method=self._request.method,
                target=self._request.target,
                version=self._request.version,
                headers=tuple(self._request.headers),
                at=rfc3339(self._clock.wall_ns()),
            )

    async def reply(self) -> AsyncGenerator[Act, None]:
        """The acts of the answer."""
        self._request.reply_headers = ()
        try:
            try:
                client = await self._connected()
                await self._ask(client)
                said = await client.head(None)
            except Broken as broken:
                for act in await self._unanswered(broken):
                    yield act
                return
            head = Head(
                status=said.status,
                reason=client.reason,
                headers=said.headers,
                framing=framing(self._request.method, said.status, said.headers),
                seconds=max(self._since(client.headed_at), 0.0),
            )
            if self._take is not None:
                self._take.head(head.status, head.reason, head.headers, head.framing, head.seconds)
            passing = Passing(self._exchange, head)
            if not client.waiting:
                for act in passing.begin():
                    yield act
            self._ended = "left"
            try:
                while (piece := await client.piece()) is not None:
                    if self._take is not None:
                        self._take.piece(piece.data, self._since(piece.at))
                    for act in passing.tick():
                        yield act
                    await passing.paced()
                    for act in passing.piece(piece.data):
                        yield act
                ended: Ended = "complete"
            except Broken as broken:
                ended = self._broken(broken)
            if self._request.left is None:
                self._ended = ended
            for act in passing.end(ended):
                yield act
        finally:
            self._finish()

    async def _connected(self) -> TimedClient:
        there = self._address
        client = await TimedClient.connect(there.host, there.port, CONNECT_S, there.tls())
        client.now = self._clock.now
        self._client = client
        self._request.gone.wakes(self._leave)
        return client

    async def _ask(self, client: TimedClient) -> None:
        """Pass the request on, as far as the other server wants it."""
        request = self._request
        chunked = request.body.length is None
        target = request.target
        path = f"{self._address.prefix}{target}" if target.startswith("/") else target
        await client.ask(request.method, path, self._headers(chunked=chunked))
        if request.body.expects:
            await client.continued()
            if client.answered:
                return
        try:
            async for data in self._exchange.sent():
                if self._take is not None:
                    self._take.asked(data)
                frame = b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
                await client.send_unless_answered(frame)
                if client.stuck and client.answered:
                    return
            if chunked:
                await client.send_unless_answered(b"0\r\n\r\n")
        except BadBody:
            # It is cut for the other server, too.
            client.finish_sending()
        self._asked_all()

    def _asked_all(self) -> None:
        self._asked = True
        if self._take is not None:
            self._take.asked_all(self._since(self._clock.now()))

    def _headers(self, *, chunked: bool) -> Headers:
        """The headers that the other server gets."""
        wishes = ",".join(
            value for name, value in self._request.headers if name.lower() == "connection"
        )
        dropped = HOP_BY_HOP | {"connection"} | {each.strip().lower() for each in wishes.split(",")}
        if chunked:
            dropped |= {"content-length"}
        headers = [
            (name, host_for(self._address, value) if name.lower() == "host" else value)
            for name, value in self._request.headers
            if name.lower() not in dropped
        ]
        if self._request.header("host") is None:
            headers.insert(0, ("Host", self._address.authority))
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        return tuple(headers)

    def _leave(self) -> None:
        """Our client shut its side down, or is gone."""
        if self._client is None:
            return
        if self._request.left is How.RST:
            self._client.reset()
        else:
            self._client.finish_sending()

    async def _unanswered(self, broken: Broken) -> list[Act]:
        """What a client gets if the other server said nothing."""
        ended = self._broken(broken)
        if not self._asked:
            # What was asked is recorded, though nobody heard it.
            try:
                async for data in self._exchange.sent():
                    if self._take is not None:
                        self._take.asked(data)
            except BadBody:
                ended = "left"
            self._asked_all()
        if self._request.left is None:
            self._ended = ended
        return unanswered(self._exchange, ended, self._detail)

    def _broken(self, broken: Broken) -> Ended:
        self._detail = str(broken)
        return ENDINGS[broken.end]

    def _since(self, moment: float) -> float:
        """Real seconds from the head of the request until a moment."""
        return (moment - self._began) / self._clock.speed

    def _finish(self) -> None:
        client, now = self._client, self._clock.now()
        if client is not None:
            self._request.gone.forget(self._leave)
            if client.ended_at is not None:
                now = client.ended_at
            if client.over:
                client.close()
            else:
                client.reset()
        if self._ended == "left":
            self._detail = "the client left"
            self._exchange.abandoned = True
        self._exchange.see(
            records.Relayed, upstream=self._address.url, ended=self._ended, detail=self._detail
        )
        if self._take is not None:
            try:
                self._take.end(self._ended, self._detail, self._since(now))
            except OSError as error:
                words = f"an exchange is not in the recording: {error.strerror or error}"
                self._exchange.see(records.Failed, error=words)


def host_for(upstream: Address, host: str) -> str:
    """What a server is told as `Host`: whoever means us means that server, which is told its own
    name if it is on another machine. Any other name is passed on."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    ours = name.strip("[]").lower() in OURS and upstream.host not in OURS
    return upstream.authority if ours else host


def unanswered(exchange: Exchange, ended: Ended, detail: str) -> list[Act]:
    """What a client gets in place of an answer that never began."""
    match ended:
        case "cut" | "left" | "complete":
            return [Hangup(How.FIN)]
        case "reset":
            return [Hangup(How.RST)]
        case "refused" | "unreachable" | "malformed":
            return list(exchange.fail(502, f"no answer from the upstream: {detail}"))


def rfc3339(wall_ns: int) -> str:
    """Date and time of day, to the millisecond."""
    moment = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
