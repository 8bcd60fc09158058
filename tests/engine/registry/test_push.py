"""Pushes under the virtual clock."""

from __future__ import annotations

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.model import Origin, Progress, Push
from ollama_simulator.registry import Offer
from ollama_simulator.settings import Settings
from tests.engine.driving import Machine
from tests.engine.registry.working import HOST, layer, model, settings, statuses, worked

WEIGHTS = layer("model", 100_000, "weights")
CONFIG = layer("config", 100)
NAME = f"{HOST}/me/m"
EMPTY = layer("license", 0)
MODEL = model(f"{NAME}:latest", WEIGHTS, EMPTY, CONFIG)


def test_what_the_registry_has_is_told_at_once() -> None:
    """One line for each file, the config last."""
    lines, refusal, machine = worked(
        Push(NAME.upper(), insecure=True), models=(MODEL,), up=settings(Offer(MODEL))
    )
    assert refusal is None
    assert lines == [
        Progress("retrieving manifest"),
        *(
            Progress(f"pushing {each.digest[:12]}", f"sha256:{each.digest}", each.size, each.size)
            for each in (WEIGHTS, EMPTY, CONFIG)
        ),
        Progress("pushing manifest"),
        Progress("success"),
    ]
    assert machine.clock.now() == 0


def test_what_it_lacks_is_sent() -> None:
    """A line each 60 ms, the last of them when all is sent."""
    machine = Machine(VirtualClock(), models=(MODEL,), settings=settings())

    async def main() -> list[tuple[int, int]]:
        events = await machine.timed(Push(NAME, insecure=True))
        progress = [(t, event) for t, event in events if isinstance(event, Progress)]
        return [(round(t * 1000), event.completed) for t, event in progress if event.digest]

    assert isinstance(machine.clock, VirtualClock)
    assert machine.clock.run(main()) == [(60, 60_000), (120, 100_000), (180, 0), (240, 100)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "open /m/manifests/registry.ollama.ai/library/nope/latest: {}"),
        ("me/nope:x", "open /m/manifests/registry.ollama.ai/me/nope/x: {}"),
        (f"http://{HOST}/me/x", f"open /m/manifests/{HOST}/me/x/latest: {{}}"),
        ("a b", "unqualified name: registry.ollama.ai/library/a b:latest"),
        ("plain:", "unqualified name: registry.ollama.ai/library/plain:!MISSING!"),
        ("broken", "invalid character"),
    ],
)
def test_no_manifest(name: str, message: str) -> None:
    """Two lines and the failure."""
    broken = model("broken", broken="invalid character")
    up = Settings(models="/m")
    lines, refusal, _ = worked(Push(name), models=(MODEL, broken), up=up)
    assert statuses(lines) == ["retrieving manifest", "couldn't retrieve manifest"]
    assert refusal is not None
    assert (refusal.status, refusal.origin) == (500, Origin.RUNNER)
    assert refusal.message == message.format("no such file or directory")


def test_no_name_in_the_old_version() -> None:
    """It has other words for it."""
    lines, refusal, _ = worked(Push("a b"), up=Settings(wire="0.13.5"))
    assert statuses(lines) == ["retrieving manifest", "couldn't retrieve manifest"]
    assert refusal is not None
    assert (refusal.status, refusal.message) == (500, "file does not exist")


@pytest.mark.parametrize(
    ("name", "insecure", "why"),
    [
        (NAME, False, "tls: first record does not look like a TLS handshake"),
        ("10.0.0.2/me/m", True, "dial tcp 10.0.0.2:80: connect: connection refused"),
    ],
)
def test_no_registry(name: str, insecure: bool, why: str) -> None:
    """What can't be reached is told of the first file."""
    models = (MODEL, model("10.0.0.2/me/m", WEIGHTS, CONFIG))
    lines, refusal, _ = worked(Push(name, insecure), models=models, up=settings())
    assert statuses(lines) == ["retrieving manifest"]
    assert refusal is not None
    scheme, host = ("http" if insecure else "https"), name.partition("/")[0]
    url = f"{scheme}://{host}/v2/me/m/blobs/sha256:{WEIGHTS.digest}"
    assert refusal.message == f'Head "{url}": {why}'
