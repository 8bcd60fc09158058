"""Servers that can't be measured, or not all of them: what is said then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ollama_simulator import hardware
from ollama_simulator.calibrate.findings import Findings
from ollama_simulator.calibrate.server import Failed, Server
from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.custom import Custom
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.fleet import Fleet
from ollama_simulator.hardware import HardwareProfile, Memory, Overhead
from ollama_simulator.load.target import Target
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings
from tests.calibrate.bench import concluded, findings, settings

CARD = hardware.named("rtx-4090-llama3-8b")
NAME = CARD.model.name
EMBEDS = Model("embeds:latest", 1_000, "e1", "bert", "1B", "F16", capabilities=("embedding",))
CLOUD = replace(
    TEST_MODEL, name="cloud:latest", digest="c1", remote_model="m", remote_host="https://ollama.com"
)


def found(
    setup: Settings | HardwareProfile = CARD,
    *,
    model: str = NAME,
    behavior: Fault | None = None,
    **how: Any,
) -> Findings:
    """What a measurement finds on such a server."""
    clock = VirtualClock()
    here = settings(setup, "current") if isinstance(setup, HardwareProfile) else setup

    async def main() -> Findings:
        async with Fleet(clock=clock, settings=here) as fleet:
            (port,) = fleet.ports
            if behavior is not None:
                await fleet.behave(port, behavior)
            return await findings(clock, port, model, **how)

    return clock.run(main())


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        (ConnectionRefused(), "/api/version: connection refused by"),
        (Hang(), "/api/version: silence for 9 s"),
        (HttpError(500, "no"), "/api/version: 500: no"),
        (
            HttpError(503, "maximum"),
            "/api/version: the server is too busy to be measured: 503: max",
        ),
        (Custom("hello", 200, "text/plain", 0), "/api/version: this is no answer of Ollama: "),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Fault) else "",
)
def test_a_server_that_does_not_answer(behavior: Fault, words: str) -> None:
    """The path and the reason are named, and the URL first."""
    with pytest.raises(Failed) as failed:
        found(behavior=behavior, timeout=9.0)
    url, _, rest = str(failed.value).partition(": ")
    assert url.startswith("http://127.0.0.1:")
    assert rest.startswith(words)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("absent", "--model: 'absent' is not installed on the server; there are: "),
        ("embeds", "--model: 'embeds:latest' generates no text, it can only: embedding"),
        ("cloud", "--model: 'cloud:latest' runs in the cloud, not on the server"),
    ],
)
def test_a_model_that_can_not_be_measured(model: str, words: str) -> None:
    """Before anything is loaded."""
    here = replace(settings(CARD, "current"), installed_models=(EMBEDS, CLOUD))
    with pytest.raises(Failed) as failed:
        found(here, model=model)
    assert str(failed.value).startswith(words)


def test_too_little_context() -> None:
    """A model with a short one is refused."""
    short = replace(TEST_MODEL, context_length=2_048)
    here = replace(settings(CARD, "current"), installed_models=(short,))
    with pytest.raises(Failed, match="2,048 tokens of context are too few: it takes 4,096"):
        found(here, model=TEST_MODEL.name)


def test_a_server_where_everything_waits() -> None:
    """Somebody else seems to be there."""
    with pytest.raises(Failed, match=r"too busy to be measured: a request waited 3.0 s"):
        found(replace(CARD, overhead=Overhead(request_ms=3_000.0)))


def test_a_model_that_somebody_uses() -> None:
    """It can't be unloaded, so no load can be measured."""
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet(clock=clock, settings=settings(CARD, "current")) as fleet:
            (port,) = fleet.ports
            other = Server(Target.parse(f"http://127.0.0.1:{port}"), clock, 1_000.0)
            begun = asyncio.Event()
            body = {"model": NAME, "prompt": "x", "options": {"num_predict": 10_000}}
            async with asyncio.TaskGroup() as group:
                busy = group.create_task(other.generate(body, lambda _: begun.set()))
                await begun.wait()
                with pytest.raises(Failed, match="still in memory 30 s after it was to be unload"):
                    await findings(clock, port, NAME)
                busy.cancel()

    clock.run(main())


def test_a_server_that_dies() -> None:
    """In the middle of two answers at a time: one failure is told, and nothing hangs."""
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet(clock=clock, settings=settings(CARD, "current", 2)) as fleet:
            (port,) = fleet.ports
            lines: list[str] = []

            async def measured() -> None:
                with pytest.raises(Failed, match=r": /api/(generate|ps): .*[Rr]eset"):
                    await findings(clock, port, NAME, lines=lines)

            async with asyncio.TaskGroup() as group:
                group.create_task(measured())
                while "2 answers at a time" not in lines:
                    await clock.sleep_until(clock.now() + 0.01)
                await fleet.behave(port, FailMidStream(5))

    clock.run(main())


def test_a_gpu_that_is_too_small_for_a_long_context() -> None:
    """The context is halved until the model fits, and that is told."""
    small = replace(CARD, memory=Memory(vram_bytes=9 * 10**9))
    lines: list[str] = []
    here = found(replace(settings(small, "current"), num_parallel=4), lines=lines)
    assert here.context == 4_096
    assert "it does not fit on the GPU so" in lines
    assert here.long.tokens < 4_096


def test_what_is_asked_for_goes_before_what_is_usual() -> None:
    """Context and engine; a model that thinks is told not to."""
    dense = hardware.named("rtx-5090-qwen3-32b")
    here = found(dense, model=dense.model.name, context=8_192, engine="legacy")
    assert (here.context, here.about.engine) == (8_192, "legacy")
    assert here.about.thinks
    assert concluded(here).profile.step.t0_ms == pytest.approx(14.9)


def test_a_version_that_says_nothing() -> None:
    """Then the engine has to be said."""
    body = '{"version": "main", "models": [{"name": "m"}]}'
    with pytest.raises(Failed, match="the version 'main' doesn't tell the engine; --engine has to"):
        found(model="m", behavior=Custom(body, 200, "application/json", 0))
