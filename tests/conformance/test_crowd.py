"""Many requests at a fleet, here without a balancer between: the front of the fleet is its first
server."""

import asyncio
import types
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.dialect import CHAT, OPENAI, Dialect
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenarios.leak.flood import PIECE, Flood, Tap
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.settings import Settings


def play(scenario: Callable[[Run], Awaitable[Any]], settings: Settings | None = None) -> Any:
    """Run a function against a fleet of two whose first server is in the balancer's place."""

    async def main() -> Any:
        async with Fleet((0, 0), settings=settings) as fleet:
            subject: Any = types.SimpleNamespace(
                processes=(),
                port=fleet.ports[0],
                features=frozenset({Feature.NATIVE}),
                headers=(),
                model=lambda name: name,
            )
            async with Run(fleet, subject, 2.0, "seed", Steadiness(WallClock())) as run:
                return await scenario(run)

    return asyncio.run(main())


def test_one_by_one_until_there_are_enough() -> None:
    """No more is asked than needed, and who was given it is known."""

    async def scenario(run: Run) -> None:
        answers = await crowd.one_by_one(run, 9, enough=lambda answers: len(answers) == 3, tokens=2)
        assert [each.good for each in answers] == [True] * 3
        assert crowd.given(run, answers) == crowd.served(run, answers) == {"s1": 3}
        assert crowd.outcomes(answers) == "3 good"

    play(scenario)


def test_what_was_given_is_not_what_was_served() -> None:
    """An error was given to a server, and is no good answer of it."""

    async def scenario(run: Run) -> None:
        await run.behave(HttpError(500, "no"), run.s1)
        answers = await crowd.side_by_side(run, 2, tokens=2)
        assert crowd.given(run, answers) == {"s1": 2}
        assert crowd.served(run, answers) == {}
        assert crowd.outcomes(answers) == "2 an error status"

    play(scenario)


def test_clients_that_never_stop_asking() -> None:
    """As many at once as there are clients, for as many answers as are wanted."""

    async def scenario(run: Run) -> None:
        began = run.fleet.clock.now()
        await run.behave(Normal(tokens_per_sec=40))
        answers = await crowd.keep_asking(
            run, 3, lambda answers: len(answers) >= 6, seconds=20.0, tokens=4
        )
        assert len(answers) >= 6
        now = run.fleet.clock.now()
        assert crowd.most_at_once(run, run.s1, began, now) == 3
        assert crowd.most_at_once(run, run.s2, began, now) == 0
        assert crowd.most_at_once(run, run.s1, now + 1.0, now + 2.0) == 0

    play(scenario, Settings(num_parallel=3))


def test_rounds_end_when_there_is_enough_or_the_time_is_over() -> None:
    """Seconds, or None."""

    async def scenario(run: Run) -> None:
        seconds = await crowd.rounds(run, lambda answers: len(answers) >= 4, seconds=20.0, tokens=1)
        assert seconds is not None
        assert await crowd.rounds(run, lambda answers: False, seconds=0.1, tokens=1) is None

    play(scenario)


def test_headers_that_tell_requests_apart() -> None:
    """As a product may want them."""

    async def scenario(run: Run) -> None:
        run.subject.headers = (("X-Tag", "session:NONCE"),)
        one, other = run.spell(), run.spell()
        assert f"X-Tag: session:{one.nonce}\r\n".encode() in one.head
        assert one.nonce != other.nonce
        assert f"session:{other.nonce}".encode() in other.head

    play(scenario)


def test_a_request_that_takes_its_time_is_waited_for() -> None:
    """However soon other things must be seen."""

    async def scenario(run: Run) -> None:
        run.soon = 0.1
        await run.behave(Normal(tokens_per_sec=40))
        for wait in (run.reached, run.started):
            spelled = run.spell(tokens=8)
            session = run.send(spelled, [spelled.head[:9], 0.5, spelled.head[9:] + spelled.body])
            await wait(session)
            assert [each.server for each in run.attempts(session.answer)] == ["s1"]
            assert session.answer.end is None
            await session.leave()

    play(scenario)


@pytest.mark.parametrize("dialect", [CHAT, OPENAI], ids=lambda each: each.name)
def test_a_flood_is_in_the_dialect_that_a_server_was_asked_in(dialect: Dialect) -> None:
    """Line after line, and its end."""

    async def scenario(run: Run) -> None:
        tap = Tap()
        await run.behave(Flood(tap))
        session = run.start(dialect)
        await run.until(lambda: len(session.answer.tokens()) > 2, session)
        tap.shut = True
        (answer,) = await run.together(session)
        assert answer.finished()
        assert sum(len(text) for _, text in answer.tokens()) == tap.lines * len(PIECE) > 0

    play(scenario)


def test_who_answered_is_told() -> None:
    """A request that reached nobody was answered by none, which is another thing than a name that
    nobody has."""

    async def scenario(run: Run) -> None:
        assert run.named("s2") is run.s2
        with pytest.raises(NotArranged, match=r"^the request reached no server$"):
            run.named("")
        with pytest.raises(NotArranged, match=r"^there is no server 's3'$"):
            run.named("s3")

    play(scenario)
