"""Who waits for what: the queue of loads, the slots, loads, reloads and crashes (6.2 to 6.4, 6.8).

Evictions and clients that leave have files of their own.
"""

from __future__ import annotations

import math

import pytest

from ollama_simulator.engine.lease import Want
from ollama_simulator.model import Installed, Origin
from ollama_simulator.records import Admitted
from ollama_simulator.script import Load
from tests.engine.visits import A, B, C, D, Office, named, office

BUSY = (503, "server busy, please try again.  maximum pending requests exceeded")
DEAD = "llama-server process no longer running: exit status 1 "


# --- the wait for a slot (6.2) ------------------------------------------------------------


def test_requests_for_a_loaded_model_wait_for_its_slots() -> None:
    """In order, without limit, and never with a 503; the wait is no load."""

    async def main(here: Office) -> None:
        await here.over(await here.visit())
        visits = [await here.visit() for _ in range(6)]
        await here.over()
        assert [visit.began for visit in visits] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
        assert [visit.load_s for visit in visits] == [0.0] * 6
        assert [visit.refusal for visit in visits] == [None] * 6
        assert here.waits == [("slot", 2), ("slot", 3), ("slot", 4), ("slot", 5)]
        assert [r.waited for r in here.saw(Admitted)][1:] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]

    office(main, num_parallel=2, max_queue=1)


def test_models_do_not_wait_for_each_other() -> None:
    """Each has slots of its own."""

    async def main(here: Office) -> None:
        visits = [await here.visit(model) for model in (A, B, C, A, B, C)]
        await here.over()
        assert [visit.began for visit in visits] == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]

    office(main)


def test_names_of_one_weight_file_share_runner_and_slots() -> None:
    """One entry under the name that loaded it first (4.5, 6.3)."""

    async def main(here: Office) -> None:
        first, second = (named(name, weights="w") for name in ("one", "two"))
        visits = [await here.visit(first), await here.visit(second)]
        await here.over()
        assert [visit.began for visit in visits] == [0.0, 1.0]
        assert here.names == ["one"]
        assert here.scheduler.loaded() == second
        here.scheduler.load(first)
        assert here.scheduler.loaded() == first
        assert len(here.loads) == 1
        # By hand it is loaded under the name that is given.
        here.scheduler.load(second)
        assert here.names == ["two"]
        assert [r.model for r in here.saw(Admitted)] == ["one", "two"]

    office(main)


# --- the queue of loads (6.2) -------------------------------------------------------------


def test_one_model_loads_at_a_time() -> None:
    """In the order of the requests; the wait for others counts as load."""

    async def main(here: Office) -> None:
        visits = [await here.visit(model, load_s=2.0) for model in (A, B, C)]
        await here.over()
        assert here.loads == [(2.0, "a"), (4.0, "b"), (6.0, "c")]
        assert [visit.load_s for visit in visits] == [2.0, 4.0, 6.0]
        assert here.waits == [("load", 1), ("load", 2)]

    office(main)


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_the_queue_takes_the_one_that_loads_and_so_many_more(capacity: int) -> None:
    """Whoever comes then reads 503 at once."""

    async def main(here: Office) -> None:
        visits = [await here.visit(named(f"m{n}"), load_s=1.0) for n in range(5)]
        refused = visits[capacity + 1 :]
        assert [visit.read for visit in refused] == [BUSY] * len(refused)
        assert [visit.ended for visit in refused] == [0.0] * len(refused)
        refusal = refused[0].refusal
        assert refusal is not None
        assert refusal.origin is Origin.HANDLER
        await here.over()
        assert len(here.loads) == capacity + 1
        # It has room again.
        assert (await here.visit(named("m9"))).refusal is None

    office(main, max_queue=capacity)


def test_a_request_for_the_model_that_loads_waits_in_the_queue() -> None:
    """It takes a place there, behind those that came before."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=2.0)
        await here.visit(B, load_s=2.0)
        again = await here.visit(A, load_s=2.0)
        assert (await here.visit(A)).read == BUSY
        await here.over()
        # It is reached when B, which came before it, is up.
        assert again.leased == 4.0
        assert here.loads == [(2.0, "a"), (4.0, "b")]

    office(main, max_queue=2)


def test_requests_for_loaded_models_overtake() -> None:
    """Whatever loads, and however full the queue is."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.visit(B, load_s=50.0)
        await here.visit(C, load_s=50.0)
        assert (await here.visit(D)).read == BUSY
        over = await here.visit(A)
        await here.over(over)
        assert (over.leased, over.load_s) == (1.0, 0.0)
        assert here.clock.now() == 2.0

    office(main, max_queue=1)


def test_a_request_that_needs_a_reload_is_in_the_queue() -> None:
    """Loaded with other settings is as good as not loaded."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.visit(B, load_s=5.0)
        assert (await here.visit(A, options={"num_ctx": 64})).read == BUSY
        assert (await here.visit(A)).refusal is None

    office(main, max_queue=0)


# --- loads (6.4) --------------------------------------------------------------------------


def test_a_failed_load_fails_one_request() -> None:
    """The next in the queue is tried afresh, even for the same model."""

    async def main(here: Office) -> None:
        bad = await here.visit(A, load_s=1.0, load=Load(exit=3))
        same = await here.visit(A, load_s=1.0)
        other = await here.visit(B, load_s=1.0)
        await here.over(bad)
        assert bad.read == (500, "llama-server process has terminated: exit status 3")
        assert here.names == []
        await here.over()
        assert here.loads == [(2.0, "a"), (3.0, "b")]
        assert (same.leased, other.leased) == (2.0, 3.0)
        assert here.unloads == []

    office(main)


def test_a_script_says_how_long_a_load_takes() -> None:
    """Only to the request that starts it."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=9.0, load=Load(delay_ms=500))
        late = await here.visit(A, load_s=9.0, load=Load(exit=1))
        await here.over()
        assert here.loads == [(0.5, "a")]
        assert late.leased == 0.5

    office(main)


def test_a_stalled_load_times_out() -> None:
    """And those behind it go on."""

    async def main(here: Office) -> None:
        stalled = await here.visit(A, load=Load(stall=True))
        behind = await here.visit(B)
        await here.over()
        assert stalled.read == (500, "timed out waiting for llama-server to start - ")
        assert (stalled.ended, behind.leased) == (2.0, 2.0)

    office(main, load_timeout=2.0)


@pytest.mark.parametrize(("wire", "shown"), [("0.33", []), ("0.13.5", ["a"])])
def test_a_loading_model_is_listed_by_the_old_profile_only(wire: str, shown: list[str]) -> None:
    """There with now + keep-alive (4.5)."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=2.0, keep_alive=60.0)
        for moment in (0.5, 1.5):
            await here.at(moment)
            assert here.names == shown
            for entry in here.scheduler.listed():
                assert entry.expires_ns == here.clock.wall_ns() + 60_000_000_000
        await here.at(2.5)
        assert here.names == ["a"]

    office(main, wire=wire)


@pytest.mark.parametrize(
    ("settings", "keep_alive", "expires"),
    [
        ({}, None, 301.0),
        ({"keep_alive": 60.0}, None, 61.0),
        ({"keep_alive": math.inf}, None, math.inf),
        ({"wire": "0.13.5"}, None, math.inf),
        ({"wire": "0.13.5", "keep_alive": 60.0}, None, 61.0),
        ({"wire": "0.13.5"}, 20.0, 21.0),
        ({}, 20.0, 21.0),
        ({}, math.inf, math.inf),
    ],
)
def test_the_keep_alive_of_a_fresh_load(
    settings: dict[str, float | str], keep_alive: float | None, expires: float
) -> None:
    """The request's, else the server's, else five minutes, or for ever under 0.13.5."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A, keep_alive=keep_alive))
        assert here.scheduler.memory.next_expiry == expires

    office(main, **settings)


def test_a_server_may_keep_nothing() -> None:
    """`OLLAMA_KEEP_ALIVE=0`: the model goes after each request."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        assert here.unloads == [(1.0, "a", "asked")]

    office(main, keep_alive=0.0)


# --- reloads (6.3) ------------------------------------------------------------------------


def test_a_reload_waits_for_the_running_requests() -> None:
    """Those with matching settings use the old runner meanwhile, and hold it up."""

    async def main(here: Office) -> None:
        first = await here.visit(A, 10.0, load_s=1.0)
        await here.at(2.0)
        other = await here.visit(A, load_s=1.0, options={"num_ctx": 64})
        await here.at(3.0)
        same = await here.visit(A)
        assert same.leased == 3.0
        await here.over()
        assert (first.ended, same.ended) == (11.0, 12.0)
        assert here.unloads == [(12.0, "a", "reloaded")]
        assert here.loads == [(1.0, "a"), (13.0, "a")]
        assert other.leased == 13.0
        assert other.runner is not first.runner
        assert [entry.context for entry in here.scheduler.listed()] == [64]

    office(main)


def test_an_idle_runner_is_reloaded_at_once() -> None:
    """Alternating settings cost a load each; the new runner has the default keep-alive."""

    async def main(here: Office) -> None:
        for number, context in enumerate((64, 128, 64, 64)):
            visit = await here.visit(
                A,
                load_s=1.0,
                options={"num_ctx": context},
                keep_alive=9.0 if number == 0 else None,
            )
            await here.over(visit)
            assert visit.load_s == (0.0 if number == 3 else 1.0)
        assert here.scheduler.memory.next_expiry == here.clock.now() + 300.0
        assert [why for _, _, why in here.unloads] == ["reloaded", "reloaded"]

    office(main)


def test_switching_shift_off_reloads() -> None:
    """Though it is no option."""

    async def main(here: Office) -> None:
        for shift in (None, True, False):
            await here.over(await here.visit(A, shift=shift))
        assert len(here.loads) == 2

    office(main)


def test_a_reload_does_not_wait_for_room() -> None:
    """It takes its own place, even if there is no other one."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.over(await here.visit(B))
        await here.over(await here.visit(A, options={"num_ctx": 64}))
        assert [(name, why) for _, name, why in here.unloads] == [("a", "reloaded")]
        assert sorted(here.names) == ["a", "b"]

    office(main, max_loaded_models=2)


# --- crashes (6.8) ------------------------------------------------------------------------


async def crashed(here: Office, *, load_s: float = 0.0) -> None:
    """Let a runner die and go idle."""
    visit = await here.visit(A, load_s=load_s)
    await here.over(visit)
    assert visit.runner is not None
    visit.runner.crashed = True


def test_a_crashed_runner_is_replaced_silently() -> None:
    """It stays listed until the next request, which has a cold start and no error."""

    async def main(here: Office) -> None:
        await crashed(here, load_s=2.0)
        assert here.names == ["a"]
        await here.at(100.0)
        assert here.names == ["a"]
        visit = await here.visit(A, load_s=2.0)
        await here.over(visit)
        assert (visit.load_s, visit.refusal) == (2.0, None)
        assert here.unloads == [(100.0, "a", "crashed")]
        assert here.loads == [(2.0, "a"), (102.0, "a")]

    office(main)


def test_a_crashed_runner_goes_by_its_timer() -> None:
    """If nobody asks for it."""

    async def main(here: Office) -> None:
        await crashed(here)
        await here.at(301.0)
        assert here.names == []
        assert here.unloads == [(301.0, "a", "expired")]

    office(main)


def test_who_waits_for_a_slot_of_a_runner_that_dies_is_told() -> None:
    """When its turn comes."""

    async def main(here: Office) -> None:
        first, second = await here.visit(A), await here.visit(A)
        assert first.runner is not None
        first.runner.crashed = True
        first.runner.last_error = "CUDA error: lost"
        await here.over()
        assert second.read == (500, DEAD + "CUDA error: lost")
        assert second.refusal is not None
        assert second.refusal.origin is Origin.RUNNER
        assert second.ended == 1.0
        # Both are over: the next one gets a new runner.
        third = await here.visit(A)
        assert third.runner not in (None, first.runner)

    office(main)


def test_crash_is_what_a_lease_does() -> None:
    """The runner is dead for all who share it."""

    async def main(here: Office) -> None:
        visit = await here.visit(A)
        assert visit.runner is not None
        same = here.scheduler.lease(Installed(A, 0), Want(), visit.gone, here.see)
        async with same as lease:
            lease.crash("CUDA error: lost")
        assert visit.runner.crashed
        assert visit.runner.last_error == "CUDA error: lost"

    office(main)


# --- by hand ------------------------------------------------------------------------------


def test_a_model_loaded_by_hand_is_the_only_one() -> None:
    """It is there at once, idle, and whoever asks for it finds it."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.visit(B, 10.0)
        await here.at(2.0)
        here.scheduler.load(C)
        assert here.names == ["c"]
        assert here.scheduler.loaded() == C
        assert here.unloads == [(2.0, "a", "replaced"), (2.0, "b", "replaced")]
        visit = await here.visit(C, load_s=5.0)
        assert visit.load_s == 0.0
        await here.over()
        assert here.names == ["c"]

    office(main)


def test_loading_by_hand_what_is_loaded_starts_its_time_anew() -> None:
    """Nothing else happens."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.at(100.0)
        here.scheduler.load(A)
        assert here.scheduler.memory.next_expiry == 400.0
        assert here.unloads == []

    office(main)


def test_loading_by_hand_what_loads() -> None:
    """The load goes on, and its runner takes the place."""

    async def main(here: Office) -> None:
        visit = await here.visit(A, load_s=2.0)
        await here.at(1.0)
        here.scheduler.load(A)
        await here.over(visit)
        assert here.names == ["a"]
        assert here.scheduler.memory.get(A.weight_file) is visit.runner

    office(main)


@pytest.mark.parametrize("by", ["empty", "clear"])
def test_emptying_by_hand_lets_the_queue_go_on(by: str) -> None:
    """Who waited for room has it."""

    async def main(here: Office) -> None:
        await here.visit(A, 10.0)
        waits = await here.visit(B)
        assert waits.leased is None
        await here.at(3.0)
        getattr(here.scheduler, by)()
        await here.over()
        assert waits.leased == 3.0
        assert here.names == ["b"]
        assert here.unloads == ([(3.0, "a", "asked")] if by == "empty" else [])

    office(main, max_loaded_models=1)


def test_loaded_is_the_model_that_was_used_last() -> None:
    """If it is still there."""

    async def main(here: Office) -> None:
        assert here.scheduler.loaded() is None
        await here.over(await here.visit(A, keep_alive=50.0), await here.visit(B, keep_alive=20.0))
        assert here.scheduler.loaded() == B
        await here.at(30.0)
        assert here.scheduler.loaded() == A
        await here.at(60.0)
        assert here.scheduler.loaded() is None

    office(main)


def test_busy() -> None:
    """While anything is used, loads or waits."""

    async def main(here: Office) -> None:
        assert not here.scheduler.busy
        await here.visit(A, load_s=1.0)
        for moment, busy in ((0.5, True), (1.5, True), (2.5, False)):
            await here.at(moment)
            assert here.scheduler.busy is busy

    office(main)


def test_ps_lists_the_latest_to_expire_first() -> None:
    """In whole seconds; those of one second in the order in which they were loaded."""

    async def main(here: Office) -> None:
        for model, keep_alive in ((A, 60.2), (B, math.inf), (C, 60.1), (D, 90.0)):
            await here.visit(model, 0.0, keep_alive=keep_alive)
        await here.over()
        assert here.names == ["b", "d", "a", "c"]

    office(main, max_loaded_models=4)
