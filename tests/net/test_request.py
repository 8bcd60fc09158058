"""A request's body on its way from the parser to the reader."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from ollama_simulator.acts import How
from ollama_simulator.net.request import HIGH_WATER, LARGEST_REMNANT, BadBody, Body, Request

T = TypeVar("T")


class Fed:
    """A body, and what it asked of its connection."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.body = Body(lambda: self.calls.append("first"), lambda: self.calls.append("drained"))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine."""
    return asyncio.run(asyncio.wait_for(main, 5))


async def turns(count: int = 3) -> None:
    """Let others run."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_body_that_is_there() -> None:
    """What was fed before is read in one piece, and nobody is told to send it."""

    async def main() -> None:
        fed = Fed()
        fed.body.feed(b"one ")
        fed.body.feed(b"two")
        fed.body.end()
        assert await fed.body.read() == b"one two"
        assert fed.calls == ["drained"]

    run(main())


def test_a_body_that_is_still_coming() -> None:
    """The reader gets the pieces as they come; the first wish to read is told, once."""

    async def main() -> None:
        fed, pieces = Fed(), list[bytes]()

        async def consume() -> None:
            async for piece in fed.body.chunks():
                pieces.append(piece)

        task = asyncio.create_task(consume())
        await turns()
        assert fed.calls == ["first"]
        for piece in (b"a", b"b"):
            fed.body.feed(piece)
            await turns()
        assert pieces == [b"a", b"b"]
        fed.body.feed(b"c")
        fed.body.feed(b"d")
        fed.body.end()
        await task
        assert pieces == [b"a", b"b", b"cd"]
        assert fed.calls == ["first", "drained", "drained", "drained"]

    run(main())


def test_an_empty_body() -> None:
    """Nothing comes, and that is all of it."""

    async def main() -> None:
        fed = Fed()
        fed.body.end()
        assert await fed.body.read() == b""
        assert fed.calls == []

    run(main())


@pytest.mark.parametrize("before", [True, False])
def test_a_body_that_breaks(before: bool) -> None:
    """What came is given, then `BadBody` says why; whether it broke before or during reading."""

    async def main() -> None:
        fed, pieces = Fed(), list[bytes]()
        fed.body.feed(b"half")
        if before:
            fed.body.fail("why")

        async def consume() -> None:
            async for piece in fed.body.chunks():
                pieces.append(piece)

        task = asyncio.create_task(consume())
        await turns()
        if not before:
            fed.body.fail("why")
        with pytest.raises(BadBody, match=r"^why$"):
            await task
        assert pieces == [b"half"]

    run(main())


def test_a_whole_body_can_not_break() -> None:
    """A connection that is lost after the last byte changes nothing."""

    async def main() -> bytes:
        fed = Fed()
        fed.body.feed(b"all")
        fed.body.end()
        fed.body.fail("too late")
        return await fed.body.read()

    assert run(main()) == b"all"


def test_a_full_body_says_so() -> None:
    """Above the bound the connection stops reading; reading empties it."""

    async def main() -> None:
        fed = Fed()
        fed.body.feed(b"x" * HIGH_WATER)
        assert not fed.body.full
        fed.body.feed(b"x")
        assert fed.body.full
        pieces = fed.body.chunks()
        assert len(await anext(pieces)) == HIGH_WATER + 1
        assert not fed.body.full
        assert fed.calls == ["first", "drained"]

    run(main())


@pytest.mark.parametrize(("size", "limit", "all_of_it"), [(10, 10, True), (11, 10, False)])
def test_discard_has_a_limit(size: int, limit: int, all_of_it: bool) -> None:
    """More than the limit is not worth waiting for."""

    async def main() -> bool:
        fed = Fed()
        fed.body.feed(b"x" * size)
        fed.body.end()
        return await fed.body.discard(limit)

    assert run(main()) is all_of_it


def test_discard_of_a_broken_body() -> None:
    """What can't be read to its end is not discarded either."""

    async def main() -> bool:
        fed = Fed()
        fed.body.fail("why")
        return await fed.body.discard(10)

    assert run(main()) is False


def sized(length: int | None, *, asked: bool = True) -> Body:
    """A body of a declared length; a client that is not `asked` waits for that."""
    return Body(None if asked else lambda: None, lambda: None, length)


def settled(body: Body) -> bool | None:
    """Whether the connection can go on; None if that waits for more of the body."""

    async def main() -> bool | None:
        try:
            async with asyncio.timeout(0.02):
                return await body.settle()
        except TimeoutError:
            return None

    return asyncio.run(main())


def test_nothing_is_left_of_a_body_that_was_read() -> None:
    """Then nobody has to wait."""
    body = sized(3)
    body.feed(b"abc")
    body.end()
    assert not body.settled
    assert run(body.read()) == b"abc"
    assert body.settled
    assert settled(body) is True


@pytest.mark.parametrize("length", [10, None])
def test_the_rest_is_waited_for(length: int | None) -> None:
    """Whether it was declared or comes in chunks (1.9)."""
    body = sized(length)
    body.feed(b"abc")
    assert settled(body) is None
    body.feed(b"defghij")
    body.end()
    assert settled(body) is True


@pytest.mark.parametrize(
    ("left", "goes_on"), [(LARGEST_REMNANT - 1, True), (LARGEST_REMNANT, False)]
)
def test_too_much_that_is_left(left: int, goes_on: bool) -> None:
    """Even if it is there already; what the handler took less than it was given counts (1.1)."""
    body = sized(left + 100)
    body.feed(b"x" * (left + 100))
    body.end()
    run(body.read())
    body.taken = 100
    assert settled(body) is goes_on


def test_too_much_is_not_waited_for() -> None:
    """It was declared, so nobody reads it."""
    assert settled(sized(LARGEST_REMNANT)) is False


def test_a_client_that_waits_to_be_asked() -> None:
    """Once it may not be sure what is read of its body, the connection ends (1.1)."""
    assert settled(sized(3, asked=False)) is False
    read = sized(3, asked=False)
    read.feed(b"abc")
    read.end()
    run(read.read())
    assert settled(read) is True


@pytest.mark.parametrize(("length", "goes_on"), [(9, True), (None, False)])
def test_a_body_that_was_cut_and_the_handler_knows(length: int | None, goes_on: bool) -> None:
    """Go takes the end of a declared body for its end, so the answer doesn't say `close`."""
    body = sized(length)
    body.fail("unexpected EOF")

    async def main() -> None:
        with pytest.raises(BadBody):
            await body.read()

    run(main())
    assert settled(body) is goes_on


def test_a_body_that_was_cut_and_nobody_knows() -> None:
    """The answer says that it is the last."""
    body = sized(9)
    body.fail("unexpected EOF")
    assert settled(body) is False


@pytest.mark.parametrize(
    ("length", "closing", "waits"),
    [
        (50, False, True),
        (50, True, False),
        (None, True, True),
        (LARGEST_REMNANT + 1, False, False),
        (LARGEST_REMNANT, False, True),
    ],
)
def test_lingering(length: int | None, closing: bool, waits: bool) -> None:
    """Behind the last answer the rest is read, too, but not if the client leaves anyway."""
    asked: list[str] = []
    body = Body(lambda: asked.append("asked"), lambda: None, length)

    async def main() -> bool:
        try:
            async with asyncio.timeout(0.02):
                await body.linger(closing)
        except TimeoutError:
            return True
        return False

    assert asyncio.run(main()) is waits
    assert asked == []


def request(headers: list[tuple[str, str]]) -> Request:
    """A request with these headers."""
    body = Body(None, lambda: None)
    return Request(
        "GET", "/", "1.1", headers, body, keep_alive=True, connection=1, abort=lambda: None
    )


def test_headers_are_found_in_any_case() -> None:
    """The first of a name counts."""
    asked = request([("X-One", "1"), ("CONTENT-TYPE", "text"), ("x-one", "2")])
    assert asked.header("x-one") == "1"
    assert asked.header("content-type") == "text"
    assert asked.header("x-two") is None


def test_leaving_counts_once() -> None:
    """FIN, then RST: the client left by FIN; the signal comes once."""
    asked = request([])
    calls: list[How | None] = []
    asked.gone.wakes(lambda: calls.append(asked.left))
    assert asked.left is None
    asked.leave(How.FIN)
    asked.leave(How.RST)
    assert asked.left is How.FIN
    assert calls == [How.FIN]
