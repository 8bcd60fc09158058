"""What type checkers know of answers, in both forms; mypy reads the claims, pytest runs them."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from ollama_simulator import (
    AsyncFleet,
    AsyncInjected,
    AsyncJournal,
    AsyncServer,
    Attempt,
    Fleet,
    Hang,
    Injected,
    Journal,
    Server,
    happening,
    records,
    simulate,
)
from ollama_simulator.simulation.pattern import Pattern


def test_those_who_do_not_await() -> None:
    with simulate() as fleet:
        assert_type(fleet, Fleet)
        assert_type(fleet["s1"], Server)
        assert_type(fleet.journal, Journal)
        with fleet["s1"].inject(Hang(), limit=1) as rule:
            assert_type(rule, Injected)
            assert_type(rule.struck, int)
        assert_type(fleet.journal.where(records.Healed, rule=1), list[records.Healed])
        assert_type(fleet.journal.where("Healed"), list[Any])
        assert_type(fleet.journal.wait_for(records.Healed), records.Healed)
        assert_type(fleet.journal.verify(records.Healed, count=1), list[records.Healed])
        assert_type(fleet[0].requests, list[Attempt])
        assert_type(happening(records.Healed), Pattern[records.Healed])
        assert (type(fleet), type(fleet[0]), type(rule)) == (Fleet, Server, Injected)


def test_those_who_do() -> None:
    async def main() -> None:
        async with simulate() as fleet:
            assert_type(fleet, AsyncFleet)
            assert_type(fleet["s1"], AsyncServer)
            assert_type(fleet.journal, AsyncJournal)
            async with await fleet["s1"].inject(Hang(), limit=1) as rule:
                assert_type(rule, AsyncInjected)
                assert_type(await rule.struck, int)
            assert_type(await fleet.journal.where(records.Healed), list[records.Healed])
            assert_type(await fleet.journal.wait_for(records.Healed), records.Healed)
            assert (type(fleet), type(rule)) == (AsyncFleet, AsyncInjected)

    asyncio.run(main())
