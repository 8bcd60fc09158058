"""Every fault on every route in every mode, over real sockets: how its client must see it end.

A fault without a row in `ROWS` fails the tests: whoever writes one says here what comes of it. Time
is virtual, so that silence costs none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ollama_simulator import hardware
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.bad_chunk import BadChunk, Size
from ollama_simulator.faults.bandwidth import Bandwidth
from ollama_simulator.faults.buffered import Buffered
from ollama_simulator.faults.close_idle import CloseIdle
from ollama_simulator.faults.conflicting_framing import Conflict, ConflictingFraming
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.crash import Crash
from ollama_simulator.faults.custom import Custom
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_health import FailHealth
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault, known
from ollama_simulator.faults.flapping import Flapping
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.garbage import Garbage
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.health import HEALTH
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.jitter import Jitter
from ollama_simulator.faults.laid import Ending
from ollama_simulator.faults.liar import Liar
from ollama_simulator.faults.malformed_json import MalformedJson
from ollama_simulator.faults.model_not_found import ModelNotFound
from ollama_simulator.faults.no_terminator import NoTerminator
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.out_of_memory import OutOfMemory
from ollama_simulator.faults.queue_full import QueueFull
from ollama_simulator.faults.rate_limited import RateLimited
from ollama_simulator.faults.rolling_restart import RollingRestart
from ollama_simulator.faults.slow import Slow
from ollama_simulator.faults.slow_health import SlowHealth
from ollama_simulator.faults.split_writes import SplitWrites, Where
from ollama_simulator.faults.stall import Stall
from ollama_simulator.faults.stream_error import StreamError
from ollama_simulator.faults.timeout_after_headers import TimeoutAfterHeaders
from ollama_simulator.faults.trickle import Trickle
from ollama_simulator.faults.wrong_length import WrongLength
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.net.client import End as Ends
from ollama_simulator.records import Admitted, Asked, Failed, Finished, Released, Struck
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual
from tests.faults.test_sweep import CASES
from tests.net.peers import until

ASKED: list[Any] = [each.values for each in CASES]
PACED = {
    *("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/v1/chat/completions"),
    *("/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages"),
}
SILENCE_S = 30.0
"""More than any fault here waits, unless it does so for ever."""


class Case(msgspec.Struct, frozen=True):
    """One way to ask, and what an honest server says."""

    method: str
    path: str
    body: Any
    status: int = 0
    text: str = ""
    """The body, without what is another one each time."""
    streamed: bool = False
    """Whether it comes line by line."""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.method} {self.path} {self.body}"

    @property
    def good(self) -> bool:
        """Whether it is answered with success."""
        return self.status == 200

    @property
    def fails(self) -> bool:
        """Whether its answer begins well and tells of an error then."""
        return '{"error":"' in self.text

    @property
    def generates(self) -> bool:
        """Whether it wants a model's work."""
        return self.method == "POST" and self.path in PACED

    @property
    def health(self) -> bool:
        """Whether it only asks how the server is."""
        return self.method in ("GET", "HEAD") and self.path in HEALTH

    @property
    def bodiless(self) -> bool:
        """Whether nothing of a body is sent."""
        return self.method == "HEAD"


class Seen(msgspec.Struct, frozen=True):
    """What the client saw of an answer."""

    ends: Ends
    status: int | None
    headers: dict[str, str]
    body: bytes
    pieces: int
    strikes: int

    @property
    def text(self) -> str:
        """The body, without what is another one each time: times, and ids."""
        return plain(self.body)


def plain(body: bytes) -> str:
    """A body without numbers and ids."""
    text = re.sub(r"\.[0-9]+Z", "Z", body.decode("utf-8", "replace"))
    return re.sub(r"[0-9a-fA-F]{6,}|[0-9]+|[a-zA-Z0-9_-]{16,}", "#", text)


Check = Callable[[Case, Seen], bool]


class Row(msgspec.Struct, frozen=True):
    """A fault, how each of its answers ends, and what else is true of them."""

    fault: Fault
    ends: Callable[[Case], Ends]
    strikes: Callable[[Case], bool]
    """On which answers it strikes."""
    check: Check


def always(_: Case) -> bool:
    return True


def never(_: Case) -> bool:
    return False


def anything(_: Case, __: Seen) -> bool:
    return True


def honest(case: Case, seen: Seen) -> bool:
    """All is as an honest server says it."""
    return (seen.status, seen.text) == (case.status, case.text)


def no_answer(_: Case, seen: Seen) -> bool:
    """Not a byte."""
    return (seen.status, seen.body) == (None, b"")


def cut(case: Case, seen: Seen) -> bool:
    """What came is a beginning of the honest answer."""
    return seen.status in (None, case.status) and len(seen.text) <= len(case.text)


def row(
    fault: Fault,
    ends: Ends | Callable[[Case], Ends],
    check: Check = anything,
    strikes: Callable[[Case], bool] = always,
) -> Row:
    """A row of the table."""
    return Row(fault, (lambda _: ends) if isinstance(ends, Ends) else ends, strikes, check)


def whole(fault: Fault, strikes: Callable[[Case], bool] = always) -> Row:
    """A row of a fault that changes when bytes come, and no byte."""
    return row(fault, Ends.COMPLETE, honest, strikes)


def refusal(fault: Fault, status: int, words: bytes, **headers: str) -> Row:
    """A row of a fault that refuses in the words of the dialect."""

    def check(case: Case, seen: Seen) -> bool:
        given = {name: seen.headers.get(name) for name in headers}
        said = case.bodiless or words in seen.body
        return seen.status == status and said and given == headers

    return row(fault, Ends.COMPLETE, check)


def unless_head(ends: Ends, head: Ends) -> Callable[[Case], Ends]:
    """How an answer with a body ends, and how one to HEAD does."""
    return lambda case: head if case.bodiless else ends


def halved(case: Case, seen: Seen) -> bool:
    """Half of it is missing, or one line of it."""
    if case.bodiless or not case.text:
        return honest(case, seen)
    return seen.status == case.status and len(seen.text) < len(case.text)


def failed(case: Case, seen: Seen) -> bool:
    """An error within the stream, or in place of the answer, unless it was refused anyway."""
    if case.streamed and not case.fails:
        ends = ('"done":true', "[DONE]", "message_stop", "response.completed", '"success"')
        return seen.status == 200 and not any(end in seen.text for end in ends)
    return honest(case, seen) if case.fails or not case.good else seen.status == 500


def failed_at_once(case: Case, seen: Seen) -> bool:
    """An error in place of the answer, unless it was refused anyway."""
    return seen.status == 500 if case.good else honest(case, seen)


def bare_head(case: Case, seen: Seen) -> bool:
    """The head of success, and nothing."""
    return (seen.status, seen.body) == (200, b"")


def shortened(case: Case, seen: Seen) -> bool:
    """Exactly one byte is missing, though the answer is complete."""
    return seen.status == case.status and abs(len(case.text) - len(seen.text)) <= 1


def broken_for_work(case: Case, seen: Seen) -> bool:
    return honest(case, seen) if case.health else seen.status == 500


def broken_for_health(case: Case, seen: Seen) -> bool:
    return seen.status == 503 if case.health else honest(case, seen)


ROWS: list[Row] = [
    whole(Normal(tokens_per_sec=50.0), never),
    whole(Slow(tokens_per_sec=2.0, num_tokens=20), lambda case: case.generates),
    row(Hang(), Ends.SILENT, no_answer),
    row(TimeoutAfterHeaders(500), unless_head(Ends.CUT, Ends.COMPLETE), bare_head),
    row(FailMidStream(2), Ends.RESET, cut),
    row(AbruptClose(1), Ends.CUT, cut),
    row(EmptyReply(), Ends.CUT, no_answer),
    row(NoTerminator(), Ends.CUT, cut),
    row(NoTerminator(Ending.RST), Ends.RESET, cut),
    row(NoTerminator(Ending.HOLD), Ends.SILENT, cut),
    refusal(HttpError(503, "no", {"X-Why": "so"}), 503, b"no", x_why="so"),
    refusal(ModelNotFound("lost"), 404, b"lost"),
    refusal(RateLimited(retry_after=7), 429, b"rate limit", retry_after="7"),
    whole(RateLimited(1000), never),
    refusal(QueueFull(), 503, b"server busy, please try again.  maximum"),
    refusal(OutOfMemory(200), 500, b"exit status 1: cudaMalloc failed: out of memory"),
    refusal(Custom("own", 207, "a/b", 10, {"X-Y": "z"}), 207, b"own", content_type="a/b", x_y="z"),
    whole(Jitter(1, 90)),
    whole(Stall(1, 700)),
    row(Stall(2), Ends.SILENT, cut),
    whole(Buffered(2), lambda case: case.streamed),
    whole(Buffered(), lambda case: case.streamed),
    whole(Trickle(40, 3)),
    whole(Bandwidth(20_000.0, 5_000.0)),
    whole(CloseIdle(20)),
    whole(CloseIdle()),
    row(BadChunk(), unless_head(Ends.MALFORMED, Ends.CUT), cut),
    row(BadChunk(2, Size.TOO_LONG), Ends.CUT, cut),
    row(WrongLength(10), unless_head(Ends.CUT, Ends.COMPLETE), honest),
    row(WrongLength(10, Ending.RST), unless_head(Ends.RESET, Ends.COMPLETE), honest),
    row(WrongLength(10, Ending.HOLD), unless_head(Ends.SILENT, Ends.COMPLETE), honest),
    row(WrongLength(-1), Ends.COMPLETE, shortened),
    row(ConflictingFraming(), Ends.COMPLETE, honest),
    row(ConflictingFraming(Conflict.BOTH), Ends.MALFORMED, cut),
    row(Garbage(), Ends.MALFORMED, no_answer),
    row(Garbage(2), Ends.MALFORMED, cut),
    row(
        MalformedJson(0), Ends.COMPLETE, halved, lambda case: not case.bodiless and case.text != ""
    ),
    row(StreamError(2), Ends.COMPLETE, failed, lambda case: case.good and not case.fails),
    row(StreamError(0), Ends.COMPLETE, failed_at_once, lambda case: case.good),
    whole(SplitWrites(), lambda case: case.text != ""),
    whole(SplitWrites(Where.UTF8), lambda case: case.text != ""),
    row(Liar(), Ends.COMPLETE, broken_for_work, lambda case: not case.health),
    row(FailHealth(), Ends.COMPLETE, broken_for_health, lambda case: case.health),
    whole(SlowHealth(400), lambda case: case.health),
    row(ConnectionRefused(), Ends.REFUSED, no_answer, never),
    row(ConnectTimeout(), Ends.UNREACHABLE, no_answer, never),
    row(Frozen(), Ends.SILENT, no_answer, never),
    row(Crash(), Ends.REFUSED, no_answer, never),
    row(Flapping(starts_down=True, down_ms=10**9), Ends.REFUSED, no_answer, never),
    whole(Flapping(up_ms=10**9), never),
    row(RollingRestart(down_ms=10**9), Ends.REFUSED, no_answer, never),
]

QUICK = msgspec.structs.replace(
    hardware.named(hardware.DEFAULT), pace=hardware.Pace(decode_tps=200.0, prefill_tps=1e9)
)
"""A machine of the usual kind, but faster."""


async def seen(fleet: Fleet, case: Case) -> Seen:
    """Ask, and see how it ends."""
    since = len(fleet.journal.records)
    data = msgspec.json.encode(case.body) if case.body is not None else None
    status, headers, body, pieces, ends = None, {}, b"", 0, Ends.COMPLETE
    client: Client | None = None
    try:
        client = await Client.connect(HOST, fleet.ports[0], 5)
        await client.ask(case.method, case.path, body=data)
        head = await client.head(SILENCE_S)
        status = head.status
        headers = {name.lower().replace("-", "_"): value for name, value in head.headers}
        async for piece in client.body(SILENCE_S):
            body += piece
            pieces += 1
    except Broken as broken:
        ends = broken.end
    if client is not None:
        client.reset()
    (server,) = fleet.servers.values()
    await until(lambda: server.active == 0)
    strikes = len(fleet.journal.where(Struck, since=since))
    return Seen(ends, status, headers, body, pieces, strikes)


def asked() -> list[Case]:
    """Every case, those first that look at what the others change."""
    cases = [Case(str(method), str(path), body) for method, path, body in ASKED]
    return sorted(cases, key=lambda case: case.method == "POST")


@functools.cache
def honest_cases() -> list[Case]:
    """Every case with what an honest server says."""

    async def main(clock: VirtualClock) -> list[Case]:
        async with Fleet(clock=clock, settings=quick()) as fleet:
            return [await honestly(fleet, case) for case in asked()]

    return virtual(main)


async def honestly(fleet: Fleet, case: Case) -> Case:
    """The case with what this server says."""
    answer = await seen(fleet, case)
    assert answer.ends is Ends.COMPLETE
    assert answer.status is not None
    return msgspec.structs.replace(
        case,
        status=answer.status,
        text=answer.text,
        streamed=answer.pieces > 1 and answer.status == 200,
    )


def quick() -> Settings:
    """The settings of the servers here."""
    return Settings(profile=QUICK)


def names() -> list[str]:
    """The rows' names, as ids of tests."""
    return [f"{type(each.fault).__name__}-{number}" for number, each in enumerate(ROWS)]


@pytest.mark.parametrize("each", ROWS, ids=names())
def test_every_fault_everywhere(each: Row) -> None:
    """As the table says, on each route in each mode; afterwards nothing is held."""
    if isinstance(each.fault, ConnectTimeout) and not kernel.CAN_BE_DEAF:
        pytest.skip("only Linux drops who knocks")
    cases = honest_cases()
    wrong: list[str] = []

    async def main(clock: VirtualClock) -> None:
        async with Fleet(clock=clock, settings=quick()) as fleet:
            await fleet.behave(None, each.fault)
            for case in cases:
                answer = await seen(fleet, case)
                if answer.ends is not each.ends(case):
                    wrong.append(f"{case.name}: ends {answer.ends}, not {each.ends(case)}")
                elif not each.check(case, answer):
                    wrong.append(f"{case.name}: {answer} is not {each.check.__name__}")
                if answer.strikes != each.strikes(case):
                    wrong.append(f"{case.name}: struck {answer.strikes} times")
            await nothing_is_held(fleet)

    virtual(main)
    assert not wrong, "\n".join(wrong)


async def nothing_is_held(fleet: Fleet) -> None:
    """One end for each request, every slot is free, and a sound server answers."""
    journal = fleet.journal
    (server,) = fleet.servers.values()
    assert isinstance(server, SimServer)
    await fleet.behave(None, Normal())
    for case in (case for case in asked() if case.path == "/api/chat"):
        assert (await seen(fleet, case)).status == 200
    await until(lambda: len(journal.where(Finished)) == len(journal.where(Asked)))
    finished = [record.exchange for record in journal.where(Finished)]
    assert sorted(map(str, finished)) == sorted(str(each.exchange) for each in journal.where(Asked))
    assert len(journal.where(Released)) == len(journal.where(Admitted))
    assert journal.where(Failed) == []


def test_every_fault_has_a_row() -> None:
    """Whoever adds a fault says what its clients see."""
    assert {type(each.fault).__name__ for each in ROWS} == set(known())
