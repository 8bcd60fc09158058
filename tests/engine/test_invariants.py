"""What holds whatever clients ask for and whenever they leave: memory, places, order, ends."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.hardware import Load
from ollama_simulator.model import Model
from ollama_simulator.records import Admitted, ModelLoaded, ModelUnloaded, Record
from ollama_simulator.script import Load as Scripted
from tests.engine.cards import GIB, card
from tests.engine.visits import Office, Visit, run_in

CARD = card(10 * GIB, ram=6 * GIB, load=Load(fixed_s=0.5, disk_Bps=GIB, unload_s=0.5, poll_s=0.25))
KV = 64 * 1024
MODELS = [
    Model(f"m{gib}", gib * GIB, f"m{gib}", "llama", "1B", "Q4", kv_bytes_per_token=KV)
    for gib in (1, 2, 3, 5, 30)
]
LONG = 1e6
"""Seconds after which everything is over that ever will be."""


class Ask(msgspec.Struct, frozen=True):
    """One request, and what its client does."""

    after: float
    """Seconds since the one before."""
    model: Model
    seconds: float
    keep_alive: float | None
    context: int | None
    load: Scripted | None
    leaves: Literal["half", "lost"] | None
    patience: float


SHORT = Scripted(delay_ms=700, stderr=("out of memory",), exit=1)
ASKS = st.builds(
    Ask,
    after=st.sampled_from([0.0, 0.0, 0.25, 1.0, 7.0]),
    # Mostly the same one, so that many wait for it.
    model=st.sampled_from([MODELS[1]] * 6 + MODELS),
    seconds=st.sampled_from([1.0, 3.0, 0.0]),
    keep_alive=st.sampled_from([None, None, None, 0.0, 5.0]),
    context=st.sampled_from([None, None, None, 8192]),
    load=st.sampled_from([None, None, None, Scripted(exit=1, delay_ms=400), SHORT]),
    leaves=st.sampled_from([None, None, None, "half", "lost"]),
    patience=st.sampled_from([0.0, 0.25, 0.8, 2.0, 6.0]),
)


class Watched(Office):
    """An office that is looked at whenever something happens."""

    most = 0

    def see(self, kind: type[Record], /, **fields: Any) -> None:
        super().see(kind, **fields)
        memory = self.scheduler.memory
        assert memory.vram <= 10 * GIB
        if kind is not ModelUnloaded:
            assert len(memory.runners) <= self.most


def leave(visit: Visit, how: str) -> None:
    """Have the client of a visit go."""
    if how == "half":
        visit.gone.fire()
    else:
        visit.task.cancel()


async def served(here: Office, asks: list[Ask]) -> None:
    """Let everybody come, and wait until everything is over."""
    for ask in asks:
        await here.at(here.clock.now() + ask.after)
        options = {} if ask.context is None else {"num_ctx": ask.context}
        visit = await here.visit(
            ask.model, ask.seconds, keep_alive=ask.keep_alive, options=options, load=ask.load
        )
        if ask.leaves is not None:
            asyncio.get_running_loop().call_later(ask.patience, leave, visit, ask.leaves)
    await here.at(here.clock.now() + LONG)


def check_ends(here: Office) -> None:
    """Whoever was there to the end has an answer; who got a place gave it back."""
    for visit in here.visits:
        # Who half-closes before its turn to load is never answered (6.7).
        assert visit.ended is not None or (visit.gone.fired and visit.leased is None)
        assert visit.began is None or visit.ended is not None
        assert visit.ended is None or visit.task.done()
    began = [visit for visit in here.visits if visit.began is not None]
    assert len(began) == len(here.saw(Admitted))
    assert not here.scheduler.busy
    for runner in here.scheduler.memory.runners:
        assert (runner.users, runner.slots.held_now, runner.slots.waiting) == (0, 0, 0)


def check_order(here: Office, *, queued: bool) -> None:
    """First come, first served: at each runner, and if all wait in the queue, in that."""
    by_runner: dict[int, list[float]] = {}
    for visit in sorted(here.visits, key=lambda visit: visit.leased or 0.0):
        if visit.runner is not None and visit.began is not None:
            by_runner.setdefault(id(visit.runner), []).append(visit.began)
    assert all(times == sorted(times) for times in by_runner.values())
    waited = [visit.leased for visit in here.visits if visit.leased is not None and visit.load_s]
    assert not queued or waited == sorted(waited)


def check_loads(here: Office) -> None:
    """One at a time; and what is in memory is what came and has not gone."""
    over = 0.0
    for record in here.saw(ModelLoaded):
        assert record.t - record.seconds >= over - 1e-9
        over = record.t
    there = len(here.saw(ModelLoaded)) - len(here.saw(ModelUnloaded))
    assert there == len(here.scheduler.memory.runners)


@settings(max_examples=100)
@given(
    st.lists(ASKS, min_size=4, max_size=16),
    st.sampled_from(["0.33", "0.13.5"]),
    st.integers(1, 4),
    st.integers(1, 2),
    st.sampled_from([1, 512]),
)
def test_a_server_keeps_order(
    asks: list[Ask], wire: str, most: int, parallel: int, queue: int
) -> None:
    """Whatever comes, it ends; and then everything works as if nothing had been."""

    async def main(here: Watched) -> None:
        here.most = most
        await served(here, asks)
        check_ends(here)
        check_order(here, queued=wire == "0.33")
        check_loads(here)
        fresh = await here.visit(MODELS[3])
        await here.over(fresh)
        assert fresh.began is not None

    run_in(
        Watched,
        main,
        profile=CARD,
        wire=wire,
        max_loaded_models=most,
        num_parallel=parallel,
        max_queue=queue,
        keep_alive=60.0,
    )
