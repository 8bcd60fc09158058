"""What happens when memory is short: a load makes room once, an answer makes it for the next."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.lease import Want
from ollama_simulator.model import Installed, Refusal
from ollama_simulator.script import Load
from tests.engine.visits import A, B, C, Office, office

SHORT = Load(delay_ms=1000, stderr=("cudaMalloc failed: out of memory",), exit=1)
SAID = (
    500,
    "llama-server process has terminated: exit status 1: cudaMalloc failed: out of memory",
)


def test_a_load_without_memory_is_tried_again_when_all_others_have_gone() -> None:
    """Once, and the busy ones are waited for."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        busy = await here.visit(B, 5.0)
        short = await here.visit(C, load=SHORT)
        await here.over(short)
        assert busy.ended == 6.0
        assert (short.read, short.ended) == (SAID, 7.0)
        assert here.unloads == [(2.0, "a", "replaced"), (6.0, "b", "replaced")]
        assert here.names == []

    office(main)


def test_idle_ones_go_at_once() -> None:
    """And the load begins again at once."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        short = await here.visit(C, load=SHORT)
        await here.over(short)
        assert (short.read, short.ended) == (SAID, 3.0)

    office(main)


def test_the_first_load_is_not_tried_again() -> None:
    """There is nobody to make room."""

    async def main(here: Office) -> None:
        short = await here.visit(C, load=SHORT)
        await here.over(short)
        assert (short.read, short.ended) == (SAID, 1.0)

    office(main)


def test_another_failure_evicts_nobody() -> None:
    """Only memory counts."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        failed = await here.visit(C, load=Load(delay_ms=1000, exit=1))
        await here.over(failed)
        assert failed.ended == 2.0
        assert here.names == ["a"]

    office(main)


def test_the_old_server_does_not_make_room() -> None:
    """It tells what happened."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.over(await here.visit(C, load=SHORT))
        assert here.names == ["a"]

    office(main, wire="0.13.5")


def test_who_keeps_a_runner_keeps_the_load_waiting() -> None:
    """A `keep_alive` overrules the mark; then its timer decides."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        short = await here.visit(B, load=SHORT)
        await here.at(2.0)
        await here.visit(A, keep_alive=10.0)
        await here.over(short)
        assert short.ended == 17.0

    office(main)


def test_a_client_that_leaves_meanwhile_is_told_when_the_room_is_there() -> None:
    """And the queue goes on."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        short = await here.visit(B, load=SHORT)
        await here.at(2.0)
        short.gone.fire()
        after = await here.visit(C)
        await here.over()
        assert (short.read, short.ended) == ((499, "request canceled"), 5.0)
        assert after.ended == 6.0

    office(main)


def test_a_request_that_is_cancelled_meanwhile_blocks_nobody() -> None:
    """As when its connection is lost."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        short = await here.visit(B, load=SHORT)
        await here.at(2.0)
        short.task.cancel()
        after = await here.visit(C)
        await here.over(after)
        assert after.ended == 3.0

    office(main)


def test_an_answer_that_fails_for_want_of_memory_has_all_runners_go() -> None:
    """The idle ones at once, the busy ones with their last request."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.visit(B, 5.0)
        visit = await here.visit(C)
        lease = here.scheduler.lease(Installed(C, 0), Want(), visit.gone, here.see)
        with pytest.raises(Refusal):
            async with lease:
                raise Refusal(500, "CUDA error: out of memory")
        assert sorted(here.names) == ["b", "c"]
        await here.over()
        assert here.names == []

    office(main)
