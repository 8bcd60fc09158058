"""What was observed of an RTX 5090 with qwen3:32b under Ollama 0.13.5 comes out of its profile.

Source: engine model, 2.5. Over real sockets, under the virtual clock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ollama_simulator import hardware
from ollama_simulator.calibrate.server import Answer, Server
from ollama_simulator.clock import VirtualClock
from ollama_simulator.fleet import Fleet
from ollama_simulator.load.target import Target
from ollama_simulator.records import Finished, FirstToken, Generated
from ollama_simulator.settings import Settings

RTX = hardware.named("rtx-5090-qwen3-32b")
PROMPT = " ".join(["word"] * 11)
"""Of 22 tokens."""


class Seen(NamedTuple):
    """A first request, one like it, and the memory that the model takes. The answers say what the
    server tells, the records when it did what."""

    cold: Answer
    warm: Answer
    first: list[FirstToken]
    made: list[Generated]
    finished: list[Finished]
    vram: int


def seen(context: int = 4_096) -> Seen:
    """What becomes of two requests to a server that has just started."""
    clock = VirtualClock()
    settings = Settings(profile=RTX, engine="legacy", wire="0.13.5")

    async def main() -> Seen:
        async with Fleet(clock=clock, settings=settings) as fleet:
            (port,) = fleet.ports
            server = Server(Target.parse(f"http://127.0.0.1:{port}"), clock, 60.0)
            body = {
                "model": RTX.model.name,
                "raw": True,
                "think": False,
                "options": {"num_predict": 20, "num_ctx": context},
            }
            cold = await server.generate({**body, "prompt": "a whole other one"})
            warm = await server.generate({**body, "prompt": PROMPT})
            running: dict[str, Any] = await server.tell(dict[str, Any], "GET", "/api/ps")
            where = fleet.journal.where
            return Seen(
                cold,
                warm,
                where(FirstToken),
                where(Generated),
                where(Finished),
                running["models"][0]["size_vram"],
            )

    return clock.run(main())


def test_the_first_request() -> None:
    """It waits for the load, and says so."""
    here = seen()
    assert here.first[0].seconds == pytest.approx(5.73, rel=0.1)
    assert here.cold.load_s == pytest.approx(5.65, rel=0.1)
    assert here.first[0].seconds > here.cold.load_s


def test_a_request_for_a_model_that_is_loaded() -> None:
    """22 tokens of a prompt, 20 of an answer."""
    here = seen()
    warm, first, made, finished = here.warm, here.first[1], here.made[1], here.finished[1]
    assert warm.prompt_tokens == 22
    assert first.seconds == warm.first_s == pytest.approx(0.073, rel=0.1)
    assert 0.041 <= warm.load_s <= 0.059
    assert 0.015 <= warm.prompt_s <= 0.033
    # The one that reached the limit is counted and never told.
    assert warm.tokens == made.tokens == 20 == len(warm.pieces) + 1
    gap = made.seconds / 19
    assert gap == pytest.approx(0.01506, rel=0.02)
    # The last line comes right behind the last token.
    took = finished.t - (first.t - first.seconds)
    assert 0.328 <= took <= 0.358
    assert took - first.seconds - made.seconds == pytest.approx(0.00003, abs=0.0001)


@pytest.mark.parametrize(("context", "vram"), [(4_096, 21_579_390_080), (32_768, 29_148_011_648)])
def test_the_memory_of_the_model(context: int, vram: int) -> None:
    """With the two sizes of the context that were seen."""
    assert seen(context).vram == pytest.approx(vram, rel=0.002)
