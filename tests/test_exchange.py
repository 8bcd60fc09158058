"""One request: read once, answered honestly, refused in its dialect, closed whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, End, Framing, Head, Tick
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.net.request import BadBody, Request
from ollama_simulator.records import Admitted, Queued, Received
from tests.engine.driving import Machine, chat, virtual
from tests.faults.acting import CHAT, body_of, collected, exchange, request

NDJSON = (("Content-Type", "application/x-ndjson"),)
JSON = (("Content-Type", "application/json; charset=utf-8"),)
WHOLE = {**CHAT, "stream": False}


def answered(asked: Request) -> list[Act]:
    """The honest answer to a request."""

    async def main(clock: VirtualClock) -> list[Act]:
        return await collected(answer(exchange(Machine(clock), asked)))

    return virtual(main)


def lines(acts: list[Act]) -> list[Any]:
    """The lines of a stream."""
    return [msgspec.json.decode(line) for line in body_of(acts).splitlines()]


# --- the honest answer --------------------------------------------------------------------


def test_a_stream() -> None:
    """A tick before each token, the head with the first, a flushed body for each line, End."""
    acts = answered(request(body={**CHAT, "options": {"num_predict": 3}}))
    kinds = [type(act) for act in acts]
    assert kinds == [Tick, Head, Body, Tick, Body, Tick, Body, Body, End]
    assert acts[1] == Head(200, NDJSON)
    assert all(act.flush for act in acts if isinstance(act, Body))
    assert [line["done"] for line in lines(acts)] == [False, False, False, True]


def test_a_whole_answer() -> None:
    """The same ticks, then head and body together: nothing is written before the end."""
    acts = answered(request(body={**WHOLE, "options": {"num_predict": 3}}))
    assert [type(act) for act in acts] == [Tick, Tick, Tick, Head, Body, End]
    assert acts[3] == Head(200, JSON)
    assert isinstance(acts[4], Body)
    assert not acts[4].flush
    assert lines(acts)[0]["done"] is True


def test_both_modes_say_the_same() -> None:
    """The pieces of a stream make the text of the whole answer."""
    stream, whole = answered(request(body=CHAT)), answered(request(body=WHOLE))
    text = "".join(line["message"]["content"] for line in lines(stream))
    assert lines(whole)[0]["message"]["content"] == text != ""
    assert stream.count(Tick()) == whole.count(Tick()) == 20


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/api/tags", b""),
        ("GET", "/api/version", b""),
        ("POST", "/api/show", {"model": "test-model"}),
        ("POST", "/api/embed", {"model": "test-model", "input": "text"}),
        ("POST", "/api/chat", {"model": "test-model"}),
        ("GET", "/v1/models", b""),
    ],
)
def test_an_answer_without_tokens_ticks_once(method: str, target: str, body: Any) -> None:
    """So that token faults strike everywhere."""
    acts = answered(request(method, target, body))
    assert [type(act) for act in acts] == [Tick, Head, Body, End]


@pytest.mark.parametrize(
    ("method", "target", "status", "framing"),
    [
        ("GET", "/nowhere", 404, Framing.AUTO),
        ("DELETE", "/api/chat", 405, Framing.AUTO),
        ("GET", "//api/tags", 307, Framing.AUTO),
        ("HEAD", "//api/tags", 307, Framing.AUTO),
    ],
)
def test_fixed_answers(method: str, target: str, status: int, framing: Framing) -> None:
    """What the router says by itself takes the same shape, and reads no body."""
    acts = answered(request(method, target, b"", end=False))
    assert [type(act) for act in acts] == [Tick, Head, Body, End]
    assert isinstance(acts[1], Head)
    assert (acts[1].status, acts[1].framing) == (status, framing)


def test_a_breakdown() -> None:
    """Only the status is told."""
    template = "{{ if .Prompt }}{{ .Response }}{{ else }}x{{ end }}"
    asked = {"model": "test-model", "prompt": "x", "template": template}
    acts = answered(request("POST", "/api/generate", asked))
    assert acts == [Tick(), Head(500, ()), Body(b"", flush=False), End()]


# --- reading ------------------------------------------------------------------------------


def test_a_body_is_read_once_and_noted() -> None:
    """Size, digest and nonce are in the record; reading again gives the same bytes."""

    async def main(clock: VirtualClock) -> tuple[Machine, bytes]:
        machine = Machine(clock)
        data = b'{"prompt": "say nonce-0123abcd and nonce-ffffffff"}'
        made = exchange(machine, request(body=data))
        assert [await made.body(), await made.body()] == [data, data]
        await made.drain()
        return machine, data

    machine, data = virtual(main)
    (record,) = machine.saw(Received)
    assert (record.size, record.nonce) == (len(data), "nonce-0123abcd")
    assert record.digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "nonce"),
    [
        (b"", None),
        (b"nonce-", None),
        (b"nonce-123", None),
        (b"nonce-0123456g", None),
        (b"nonce-01234567", "nonce-01234567"),
        (b"x" * 100_000 + b"nonce-0123456789abcdef", "nonce-0123456789abcdef"),
    ],
)
def test_nonces(data: bytes, nonce: str | None) -> None:
    """Eight to sixty-four hexadecimal digits after the word."""

    async def main(clock: VirtualClock) -> str | None:
        machine = Machine(clock)
        await exchange(machine, request(body=data)).body()
        return machine.saw(Received)[0].nonce

    assert virtual(main) == nonce


@pytest.mark.parametrize("first", ["nothing", "body", "whole"])
def test_the_body_as_it_was_sent(first: str) -> None:
    """To its end, however far somebody has read it; the record of it is made once."""
    data = msgspec.json.encode(CHAT) + b" {}"

    async def main(clock: VirtualClock) -> tuple[Machine, list[bytes]]:
        machine, asked = Machine(clock), request(body=data, end=False)
        asked.body.length = len(data) + 4
        made = exchange(machine, asked)
        if first == "body":
            assert await made.body() == data
        asyncio.get_running_loop().call_later(1.0, asked.body.feed, b"tail")
        asyncio.get_running_loop().call_later(2.0, asked.body.end)
        if first == "whole":
            assert await made.whole() == await made.body() == data + b"tail"
        return machine, [each async for each in made.sent()]

    machine, pieces = virtual(main)
    assert b"".join(pieces) == data + b"tail"
    assert len(machine.saw(Received)) == 1


def test_what_was_read_whole_can_be_uploaded() -> None:
    """So that the engine can answer what was compared with a recording."""

    async def main(clock: VirtualClock) -> bytes:
        made = exchange(Machine(clock), request(body=b"\x00\xff"))
        await made.whole()
        return b"".join([each async for each in made.upload()])

    assert virtual(main) == b"\x00\xff"


def test_a_body_that_breaks_is_told_to_whom_it_is_passed_on() -> None:
    """Behind what came of it."""

    async def main(clock: VirtualClock) -> list[bytes]:
        asked = request(body=b"abc", end=False)
        asked.body.fail("unexpected EOF")
        sent = exchange(Machine(clock), asked).sent()
        first = [await anext(sent)]
        with pytest.raises(BadBody, match="unexpected EOF"):
            await anext(sent)
        return first

    assert virtual(main) == [b"abc"]


def test_a_body_that_breaks_is_a_refusal() -> None:
    """400 in the words of the dialect, and nothing was received."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Machine]:
        machine, asked = Machine(clock), request(body=b'{"model":"te', end=False)
        asked.body.fail("unexpected EOF")
        return await collected(answer(exchange(machine, asked))), machine

    acts, machine = virtual(main)
    assert isinstance(acts[1], Head)
    assert acts[1].status == 400
    assert lines(acts) == [{"error": "unexpected EOF"}]
    assert machine.saw(Received) == []


@pytest.mark.parametrize("breaks", [True, False])
def test_one_value_is_enough(breaks: bool) -> None:
    """Nobody waits for what is behind it, or minds that it never comes (1.9)."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Machine]:
        machine, asked = Machine(clock), request(body=WHOLE, end=False)
        if breaks:
            asked.body.fail("unexpected EOF")
        return await collected(answer(exchange(machine, asked))), machine

    acts, machine = virtual(main)
    assert lines(acts)[0]["done"] is True
    assert len(machine.saw(Received)) == 1


def test_the_proxy_of_the_cloud_reads_everything() -> None:
    """On its routes a body that breaks is refused, whatever is in it."""

    async def main(clock: VirtualClock) -> list[Act]:
        asked = request(target="/v1/chat/completions", body=WHOLE, end=False)
        asked.body.fail("unexpected EOF")
        return await collected(answer(exchange(Machine(clock), asked)))

    acts = virtual(main)
    (head,) = (act for act in acts if isinstance(act, Head))
    assert head.status == 400
    # It speaks natively, whatever dialect is behind it.
    assert ("Content-Type", "application/json; charset=utf-8") in head.headers
    assert lines(acts) == [{"error": "unexpected EOF"}]


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (b"x" * 300_000, 32_256),
        (b'{"model":"nope"}' + b" " * 299_984, 32_256),
        (b'{"model":"nope","x":"' + b"y" * 299_000 + b'"}', 299_023),
    ],
)
def test_what_is_behind_the_value_is_left(data: bytes, taken: int) -> None:
    """Of a large body only as much is taken as the decoder's steps need (1.1)."""

    async def main(clock: VirtualClock) -> int:
        asked = request(target="/api/show", body=data)
        asked.body.length = len(data)
        await collected(answer(exchange(Machine(clock), asked)))
        return asked.body.taken

    assert virtual(main) == taken


def test_a_body_that_nobody_asked_for_is_not_read() -> None:
    """An endpoint to look at things reads none, and so asks no client to send one."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Machine, Request]:
        machine, asked = Machine(clock), request("GET", "/api/version", b"x", end=False)
        return await collected(answer(exchange(machine, asked))), machine, asked

    acts, machine, asked = virtual(main)
    assert lines(acts)[0]["version"]
    assert machine.saw(Received) == []
    assert asked.body.taken == 0


def test_drain_minds_nothing() -> None:
    """Whatever is wrong with the body."""

    async def main(clock: VirtualClock) -> None:
        asked = request(body=b"{", end=False)
        asked.body.fail("unexpected EOF")
        made = exchange(Machine(clock), asked)
        await made.drain()
        with pytest.raises(Refusal, match=r"^unexpected EOF$"):
            await made.body()

    virtual(main)


def test_the_codec_is_made_once() -> None:
    """It may hold state."""

    async def main(clock: VirtualClock) -> bool:
        made = exchange(Machine(clock))
        return await made.codec() is await made.codec()

    assert virtual(main)


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        ("POST", "/api/chat", CHAT, NDJSON),
        ("POST", "/api/chat", WHOLE, JSON),
        ("POST", "/api/chat", b"nonsense", JSON),
        ("GET", "/nowhere", b"", JSON),
    ],
)
def test_the_success_head_without_success(
    method: str, target: str, body: Any, headers: tuple[tuple[str, str], ...]
) -> None:
    """What a success would begin with; the engine is not asked."""

    async def main(clock: VirtualClock) -> tuple[Head, Machine]:
        machine = Machine(clock)
        return await exchange(machine, request(method, target, body)).success_head(), machine

    head, machine = virtual(main)
    assert head == Head(200, headers)
    assert machine.saw(Admitted) == []


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "error"),
    [
        ("POST", "/api/chat", {"error": "why"}),
        ("GET", "/nowhere", {"error": "why"}),
        (
            "POST",
            "/v1/messages/x",
            {"type": "error", "error": {"type": "invalid_request_error", "message": "why"}},
        ),
    ],
)
def test_fail_speaks_the_dialect(method: str, target: str, error: Any) -> None:
    """Even where nothing is routed."""

    async def main(clock: VirtualClock) -> list[Act]:
        return list(exchange(Machine(clock), request(method, target, b"")).fail(400, "why"))

    acts = virtual(main)
    assert [type(act) for act in acts] == [Tick, Head, Body, End]
    found = msgspec.json.decode(body_of(acts))
    assert {key: found[key] for key in error} == error or found["error"] == error["error"]


def test_a_missing_model() -> None:
    """404 in the words of the endpoint, before the first byte."""
    acts = answered(request(body={**CHAT, "model": "nope"}))
    assert acts[1] == Head(404, JSON)
    assert lines(acts) == [{"error": "model 'nope' not found"}]


def left(asked: Request, when: float, *, busy: bool = False) -> tuple[list[Act], Exchange]:
    """The answer to a client that shuts its side down after a while."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Exchange]:
        machine = Machine(clock)
        made = exchange(machine, asked)
        made.pace = Pace(load_s=1.0)
        asyncio.get_running_loop().call_later(when, asked.gone.fire)
        async with asyncio.TaskGroup() as group:
            if busy:
                group.create_task(machine.done(chat(limit=650)))
                await clock.sleep_until(0.001)
            acts = await collected(answer(made))
            assert clock.now() == pytest.approx(when, abs=1e-9)
        assert len(machine.saw(Queued)) == busy
        return acts, made

    return virtual(main)


CANCELED = {"error": "error reading llama-server response: context canceled"}


def test_leaving_in_a_stream() -> None:
    """The tokens so far, then the error's line, a clean end (6.7)."""
    acts, made = left(request(), 1.1)
    *said, last = lines(acts)
    assert len(said) == 6
    assert last == CANCELED
    assert acts[-1] == End()
    assert made.abandoned


def test_leaving_a_whole_answer() -> None:
    """500 with the same words (6.7)."""
    acts, made = left(request(body=WHOLE), 1.1)
    assert acts.count(Tick()) == 7
    assert acts[-3] == Head(500, JSON)
    assert lines(acts) == [CANCELED]
    assert made.abandoned


def test_leaving_during_the_load() -> None:
    """499 (6.7)."""
    acts, made = left(request(), 0.5)
    assert acts[1] == Head(499, JSON)
    assert lines(acts) == [{"error": "request canceled"}]
    assert made.abandoned


def test_leaving_the_queue() -> None:
    """500, bare type, chunked as the first event of a stream (6.7)."""
    acts, made = left(request(), 0.5, busy=True)
    assert acts[1] == Head(500, (("Content-Type", "application/json"),))
    assert acts[2] == Body(b'{"error":"context canceled"}', flush=True)
    assert made.abandoned


def test_a_refusal_of_the_runner_is_flushed_only_in_a_stream() -> None:
    """A whole answer has its length, whoever refuses."""

    async def main(clock: VirtualClock) -> list[bool]:
        flushed = []
        for body in (CHAT, WHOLE):
            for origin in (Origin.RUNNER, Origin.HANDLER):
                made = exchange(Machine(clock), request(body=body))
                await made.codec()
                acts = list(made.refuse(Refusal(500, "why", origin)))
                flushed += [act.flush for act in acts if isinstance(act, Body)]
        return flushed

    assert virtual(main) == [True, False, False, False]


def test_an_answer_that_was_not_left_is_not_abandoned() -> None:
    """Neither a complete one nor one that was refused."""

    async def main(clock: VirtualClock) -> list[bool]:
        made = [
            exchange(Machine(clock), request(body=body))
            for body in (CHAT, b"nonsense", {**CHAT, "model": "nope"})
        ]
        for one in made:
            await collected(answer(one))
        return [one.abandoned for one in made]

    assert virtual(main) == [False] * 3


# --- stages -------------------------------------------------------------------------------


def test_stages_are_closed_outermost_first() -> None:
    """In the order in which they registered, once each."""

    async def main(clock: VirtualClock) -> list[str]:
        made, closed = exchange(Machine(clock)), list[str]()

        async def stage(name: str, inner: AsyncGenerator[int, None] | None) -> Any:
            try:
                if inner is not None:
                    async for number in inner:
                        yield number
                else:
                    while True:
                        yield 1
            finally:
                closed.append(name)

        inner = stage("inner", None)
        outer = made.stage(stage("outer", inner))
        made.stage(inner)
        assert await anext(outer) == 1
        await made.close()
        await made.close()
        return closed

    assert virtual(main) == ["outer", "inner"]


def test_a_stage_is_given_back() -> None:
    """`stage` returns what it registers, and leaves what is no generator alone."""

    class Plain:
        """An iterator that can't be closed."""

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> int:
            raise StopAsyncIteration

    async def main(clock: VirtualClock) -> None:
        made, plain = exchange(Machine(clock)), Plain()
        assert made.stage(plain) is plain
        await made.close()

    virtual(main)


def test_what_the_engine_holds_is_free_after_close() -> None:
    """An answer that was left in the middle gives its slot back with `close`."""

    async def main(clock: VirtualClock) -> bool:
        machine = Machine(clock)
        made = exchange(machine)
        reply = made.stage(answer(made))
        for _ in range(4):
            await anext(reply)
        assert machine.engine.busy
        await made.close()
        return machine.engine.busy

    assert virtual(main) is False
