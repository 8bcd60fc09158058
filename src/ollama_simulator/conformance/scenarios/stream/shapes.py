"""How a server's answers are shaped for a scenario: cut up, joined, rewritten, held back.

Rules of this file:

1. A shape bends the acts of the honest answer and knows no endpoint. What it needs to know of a
   dialect it reads from the bytes.

It must not import the player.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from ollama_simulator.acts import Act, Body, End, Hangup, Head, How, Reply, Wait
from ollama_simulator.conformance import dialect
from ollama_simulator.conformance.answer import Answer, Piece

DRAIN_S = 0.05
"""Long enough for what was sent to be read before a connection is reset, which loses the rest."""

Shape = Callable[[Reply], Reply]


def generated(data: bytes) -> str:
    """The generated text in some whole lines of a stream."""
    heard = Answer(nonce="", expected="", asked_at=0.0, pieces=[Piece(0.0, data)])
    return "".join(text for _, text in heard.tokens())


# --- shapes, to be completed by `partial` -------------------------------------------------------


async def plain(acts: Reply) -> AsyncGenerator[Act, None]:
    """As it is."""
    async for act in acts:
        yield act


async def spaced(acts: Reply, *, gap: float) -> AsyncGenerator[Act, None]:
    """A pause before each token but the first."""
    begun = False
    async for act in acts:
        if isinstance(act, Body) and generated(act.data):
            if begun:
                yield Wait(gap)
            begun = True
        yield act


async def cut_up(
    acts: Reply, *, cut: Callable[[bytes], Iterable[bytes]], pause: float
) -> AsyncGenerator[Act, None]:
    """Each piece cut into several, with a pause behind each of them: else who reads would find
    them together again."""
    async for act in acts:
        if not isinstance(act, Body):
            yield act
            continue
        for data in cut(act.data):
            yield Body(data)
            yield Wait(pause)


async def joined(acts: Reply) -> AsyncGenerator[Act, None]:
    """All in one piece."""
    held: list[bytes] = []
    async for act in acts:
        if isinstance(act, Body):
            held.append(act.data)
            continue
        if isinstance(act, End):
            yield Body(b"".join(held))
        yield act


async def rewritten(
    acts: Reply, *, edit: Callable[[bytes], bytes], last: Callable[[bytes], bytes] | None = None
) -> AsyncGenerator[Act, None]:
    """Each piece edited, the last one by `last` if there is one."""
    held: Body | None = None
    async for act in acts:
        if held is not None and isinstance(act, Body | End):
            change = edit if last is None or isinstance(act, Body) else last
            data, held = change(held.data), None
            if data:
                yield Body(data)
        if isinstance(act, Body):
            held = act
        else:
            yield act


async def headed(acts: Reply, *, headers: dict[str, str]) -> AsyncGenerator[Act, None]:
    """With headers of its own."""
    async for act in acts:
        if isinstance(act, Head):
            named = {name.lower() for name in headers}
            kept = [pair for pair in act.headers if pair[0].lower() not in named]
            act = msgspec.structs.replace(act, headers=(*kept, *headers.items()))
        yield act


async def silent_after(acts: Reply, *, tokens: int, seconds: float) -> AsyncGenerator[Act, None]:
    """A long pause after some tokens; after none, before the head."""
    left = tokens
    async for act in acts:
        if left == 0 and isinstance(act, Head | Body):
            yield Wait(seconds)
            left = -1
        yield act
        if isinstance(act, Body) and generated(act.data):
            left -= 1


async def kept_alive(
    acts: Reply, *, tokens: int, every: float, times: int, signs: Callable[[bytes], bytes]
) -> AsyncGenerator[Act, None]:
    """After some tokens, signs of life before the next one: what `signs` makes of it."""
    left = tokens
    async for act in acts:
        text = isinstance(act, Body) and generated(act.data) != ""
        if left == 0 and isinstance(act, Body) and text:
            for _ in range(times):
                yield Body(signs(act.data))
                yield Wait(every)
        yield act
        left -= text


async def failing(
    acts: Reply, *, tokens: int, error: Callable[[bytes], bytes]
) -> AsyncGenerator[Act, None]:
    """After some tokens the stream tells an error in its own words, and ends."""
    left = tokens
    async for act in acts:
        if isinstance(act, Body):
            text = generated(act.data) != ""
            if left == 0 and (text or not tokens):
                yield Body(error(act.data))
                yield End()
                return
            left -= text
        yield act


class Break(msgspec.Struct, frozen=True):
    """How an answer is broken off."""

    how: How | None
    """None: its framing says that it is whole."""
    short: bool = False
    """Whether it had promised a length."""
    within: bool = False
    """Whether its last line is begun, too."""


PROMISED = 50_000
"""Bytes of an answer that keeps a tenth of the promise at most."""


async def broken(acts: Reply, *, tokens: int, by: Break) -> AsyncGenerator[Act, None]:
    """Broken off after some tokens."""
    left = tokens
    async for act in acts:
        if isinstance(act, Head) and by.short:
            act = msgspec.structs.replace(act, length=PROMISED)
        text = isinstance(act, Body) and generated(act.data) != ""
        if text and left == 0 and isinstance(act, Body):
            if by.within:
                # In the midst of `{"choices"`, wherever a dialect's lines have their first brace.
                yield Body(act.data[: act.data.index(b"{") + 6])
            yield Wait(DRAIN_S)
            yield End() if by.how is None else Hangup(by.how)
            return
        yield act
        left -= text


def in_turn(*shapes: Shape) -> Shape:
    """Several shapes, the first one innermost."""

    def shape(acts: Reply) -> Reply:
        for each in shapes:
            acts = each(acts)
        return acts

    return shape


def edited(change: Callable[[dict[str, Any]], None], data: bytes) -> bytes:
    """Lines of a stream whose JSON is changed."""
    return b"\n".join(_edited(change, line) for line in data.split(b"\n"))


def _edited(change: Callable[[dict[str, Any]], None], line: bytes) -> bytes:
    start = line.find(b"{")
    if start < 0 or not line.startswith((b"{", b"data:")):
        return line
    document = json.loads(line[start:])
    change(document)
    compact = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return line[:start] + compact.encode()


def editing(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    """`edited` with its change."""
    return partial(edited, change)


def is_events(data: bytes) -> bool:
    """Whether a piece is of server-sent events."""
    return not data.startswith(b"{")


def is_last(data: bytes) -> bool:
    """Whether a piece says that the text is all there."""
    heard = Answer(nonce="", expected="", asked_at=0.0, pieces=[Piece(0.0, data)])
    return any(dialect.is_last(line) for _, line in heard.lines())


def without_text(document: dict[str, Any]) -> None:
    """Leave the text of a native line out."""
    if "response" in document:
        document["response"] = ""
    else:
        document["message"]["content"] = ""
