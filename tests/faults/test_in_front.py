"""Every fault in front of another server: on each route in each mode it does to what that server
says what it does to the engine's own answers.

The table of how clients must see each fault end is that of `test_everywhere`.
"""

from __future__ import annotations

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.faults.stream_error import StreamError
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.records import Asked, Failed, Finished, Relayed
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual
from tests.faults.test_everywhere import ROWS, Row, honest_cases, names, quick, seen
from tests.net.peers import until

PACES = (Normal, Slow)
"""They strike where chunks come, and not where the engine works. (Nor does `StreamError` know that
another server's stream ends with an error.)"""


@pytest.mark.parametrize("each", ROWS, ids=names())
def test_every_fault_in_front_of_another_server(each: Row) -> None:
    if isinstance(each.fault, ConnectTimeout) and not kernel.CAN_BE_DEAF:
        pytest.skip("only Linux drops who knocks")
    cases = honest_cases()
    wrong: list[str] = []

    async def main(clock: VirtualClock) -> None:
        async with Fleet(clock=clock, settings=quick()) as behind:
            through = Settings(upstream=f"http://{HOST}:{behind.ports[0]}")
            async with Fleet(clock=clock, settings=through) as fleet:
                await fleet.behave(None, each.fault)
                for case in cases:
                    if isinstance(each.fault, StreamError) and case.fails:
                        continue
                    answer = await seen(fleet, case)
                    if answer.ends is not each.ends(case):
                        wrong.append(f"{case.name}: ends {answer.ends}, not {each.ends(case)}")
                    elif not each.check(case, answer):
                        wrong.append(f"{case.name}: {answer} is not {each.check.__name__}")
                    if not isinstance(each.fault, PACES) and answer.strikes != each.strikes(case):
                        wrong.append(f"{case.name}: struck {answer.strikes} times")
                await nothing_is_held(fleet, behind)

    virtual(main)
    assert not wrong, "\n".join(wrong)


async def nothing_is_held(fleet: Fleet, behind: Fleet) -> None:
    """One end for each request, there and here, and no connection to the other server is left."""
    await until(lambda: not any(server.active for server in behind.servers.values()))
    for each in (fleet, behind):
        journal = each.journal
        assert len(journal.where(Finished)) == len(journal.where(Asked))
        assert journal.where(Failed) == []
    relayed = [record.exchange for record in fleet.journal.where(Relayed)]
    assert len(relayed) == len(set(relayed)) == len(behind.journal.where(Asked))
