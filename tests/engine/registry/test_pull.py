"""Pulls under the virtual clock: lines, times, what is installed, and what goes wrong."""

from __future__ import annotations

import asyncio

import pytest

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.model import Abandoned, Event, Origin, Progress, Pull
from ollama_simulator.registry import Offer, Pieces, Registry, Reply
from ollama_simulator.settings import Settings
from tests.engine.driving import OTHER_MODEL, Machine, virtual
from tests.engine.registry.working import HOST, layer, model, settings, statuses, worked

WEIGHTS = layer("model", 200_000, "weights")
TEMPLATE = layer("template", 20)
CONFIG = layer("config", 100)
NAME = f"{HOST}/me/m"
OFFER = Offer(model(f"{NAME}:latest", WEIGHTS, TEMPLATE, CONFIG))
PULL = Pull(NAME, insecure=True)


def line(size: int, done: int) -> Progress:
    """A line about the weights."""
    digest = WEIGHTS.digest
    return Progress(f"pulling {digest[:12]}", f"sha256:{digest}", size, done)


def timed(machine: Machine, job: Pull, gone: Interrupt | None = None) -> list[tuple[int, Event]]:
    """The events of a pull with the milliseconds since it was asked for."""

    async def main() -> list[tuple[int, Event]]:
        asked = machine.clock.now()
        events = await machine.timed(job, gone=gone)
        return [(round((t - asked) * 1000), event) for t, event in events]

    assert isinstance(machine.clock, VirtualClock)
    return machine.clock.run(main())


def test_a_line_each_60_ms() -> None:
    """At the server's rate; a file that comes between two ticks has no line at all."""
    clock = VirtualClock()
    clock.advance(5)
    machine = Machine(clock, settings=settings(OFFER))
    assert timed(machine, PULL) == [
        (0, Progress("pulling manifest")),
        (60, line(200_000, 60_000)),
        (120, line(200_000, 120_000)),
        (180, line(200_000, 180_000)),
        (200, Progress("verifying sha256 digest")),
        (200, Progress("writing manifest")),
        (200, Progress("success")),
    ]
    installed = machine.store.find(f"{HOST}/ME/M")
    assert installed.model.name == f"{NAME}:latest"
    assert installed.model.layers == OFFER.model.layers
    assert WEIGHTS.digest in machine.store.blobs


def test_a_file_in_pieces() -> None:
    """The first comes at once; none is counted before it is there."""
    offer = Offer(OFFER.model, pieces={WEIGHTS.digest: Pieces(64_000, 50.0)})
    machine = Machine(VirtualClock(), settings=settings(offer))
    assert timed(machine, PULL)[1:-3] == [
        (60, line(200_000, 128_000)),
        (120, line(200_000, 192_000)),
    ]


def test_what_is_there_has_one_line() -> None:
    """And isn't fetched, whichever model it came with."""
    other = Offer(model(f"{HOST}/me/other:latest", WEIGHTS, layer("config", 9, "other")))
    machine = Machine(VirtualClock(), settings=settings(OFFER, other))
    timed(machine, PULL)
    again = timed(machine, PULL)
    assert [event for _, event in again[1:4]] == [
        Progress(f"pulling {each.digest[:12]}", f"sha256:{each.digest}", each.size, each.size)
        for each in (WEIGHTS, TEMPLATE, CONFIG)
    ]
    assert {t for t, _ in again} == {0}
    assert statuses([event for _, event in again])[-2:] == ["writing manifest", "success"]
    lines = [event for _, event in timed(machine, Pull(f"{HOST}/me/other", insecure=True))]
    assert statuses(lines)[1:3] == [f"pulling {WEIGHTS.digest[:12]}", "verifying sha256 digest"]


def test_names_are_made_to_fit() -> None:
    """A host in any case; and what is installed decides how the parts are spelled."""
    offer = Offer(model("box.local/me/m:latest", CONFIG))
    up = Settings(registries=(Registry(host="BOX.local", offers=(offer,)),))
    installed = model("box.local/Me/other", CONFIG)
    _, refusal, machine = worked(Pull("Box.Local/ME/m"), models=(installed,), up=up)
    assert refusal is None
    assert machine.store.names[-1] == "box.local/Me/m:latest"


def test_unused_layers_are_removed() -> None:
    """Those of the older version that the new one lacks, unless another model has them."""
    old = model(f"{NAME}:latest", layer("model", 5, "old"), TEMPLATE, layer("config", 5, "old"))
    keeper = model("keeper", old.layers[0], layer("config", 7, "keeper"))
    lines, refusal, machine = worked(PULL, models=(old, keeper), up=settings(OFFER))
    assert refusal is None
    assert statuses(lines)[-3:] == ["writing manifest", "removing unused layers", "success"]
    assert old.layers[0].digest in machine.store.blobs
    assert old.layers[2].digest not in machine.store.blobs


def test_wrong_content() -> None:
    """It is told at the end, and the file is asked for again the next time."""
    wrong = "ab" * 32
    offer = Offer(OFFER.model, served={TEMPLATE.digest: wrong})
    for _ in range(2):
        lines, refusal, machine = worked(PULL, up=settings(offer))
        assert statuses(lines)[-1] == "verifying sha256 digest"
        assert refusal is not None
        assert (refusal.status, refusal.origin) == (500, Origin.RUNNER)
        assert refusal.message == (
            "digest mismatch, file must be downloaded again: "
            f"want sha256:{TEMPLATE.digest}, got sha256:{wrong}"
        )
        assert TEMPLATE.digest not in machine.store.blobs
        assert machine.store.get(NAME) is None


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (Pull(f"{HOST}/me/nope", insecure=True), "file does not exist"),
        (Pull(f"{HOST}/me/err", insecure=True), '500: {"errors":[]}'),
        (Pull(f"{HOST}/me/secret", insecure=True), "unauthorized: access denied"),
        (
            Pull(f"{HOST}/me/text", insecure=True),
            "invalid character 'o' in literal null (expecting 'u')",
        ),
        (Pull(f"{HOST}/me/empty", insecure=True), "unexpected end of JSON input"),
        (
            Pull(f"{HOST}/me/list", insecure=True),
            "json: cannot unmarshal array into Go value of type manifest.Manifest",
        ),
        (
            Pull(NAME),
            f'Get "https://{HOST}/v2/me/m/manifests/latest": '
            "tls: first record does not look like a TLS handshake",
        ),
        (
            Pull("nowhere.example/me/m:7b"),
            'Get "https://nowhere.example/v2/me/m/manifests/7b": '
            "dial tcp: lookup nowhere.example: no such host",
        ),
        (
            Pull("plain"),
            'Get "https://registry.ollama.ai/v2/library/plain/manifests/latest": '
            "dial tcp: lookup registry.ollama.ai: no such host",
        ),
    ],
)
def test_no_manifest(job: Pull, message: str) -> None:
    """The first line is said in any case, and the failure follows at once."""
    replies = {
        f"{HOST}/me/err": Reply(500, '{"errors":[]}'),
        f"{HOST}/me/secret": Reply(401),
        f"{HOST}/me/text": Reply(200, "not json"),
        f"{HOST}/me/empty": Reply(200, ""),
        f"{HOST}/me/list": Reply(200, "[]"),
    }
    lines, refusal, _ = worked(job, up=settings(OFFER, replies=replies))
    assert lines == [Progress("pulling manifest")]
    assert refusal is not None
    assert (refusal.status, refusal.origin) == (500, Origin.RUNNER)
    assert refusal.message == f"pull model manifest: {message}"


def test_a_reply_is_no_manifest() -> None:
    """A registry's models are offers, so that they have all that a model needs."""
    with pytest.raises(ValueError, match="made of an offer"):
        Reply(200, '{"schemaVersion":2}')


def test_a_client_that_leaves() -> None:
    """The pull ends; what had come needn't come again."""
    machine = Machine(VirtualClock(), settings=settings(OFFER))
    gone = Interrupt()

    async def main() -> float:
        leaving = asyncio.get_running_loop().call_later(0.15, gone.fire)
        with pytest.raises(Abandoned, match="context canceled"):
            await machine.timed(PULL, gone=gone)
        leaving.cancel()
        return machine.clock.now()

    assert isinstance(machine.clock, VirtualClock)
    assert machine.clock.run(main()) == pytest.approx(0.15)
    assert machine.store.get(NAME) is None
    machine.clock.advance(10)
    assert [event for _, event in timed(machine, PULL)][1:-3] == []
    assert machine.clock.now() == pytest.approx(10.2, abs=0.001)


def test_two_pulls_share_a_download() -> None:
    """The second sees how far the first is, and both end together, whoever leaves meanwhile."""
    machine = Machine(VirtualClock(), settings=settings(OFFER))
    gone = Interrupt()

    async def later() -> list[tuple[float, Event]]:
        await machine.clock.sleep_until(0.1)
        asyncio.get_running_loop().call_soon(gone.fire)
        return await machine.timed(PULL)

    async def main() -> list[tuple[float, Event]]:
        async with asyncio.TaskGroup() as group:
            second = group.create_task(later())
            with pytest.raises(Abandoned):
                await machine.timed(PULL, gone=gone)
        return second.result()

    assert isinstance(machine.clock, VirtualClock)
    events = machine.clock.run(main())
    assert [(round(t * 1000), event) for t, event in events[:3]] == [
        (100, Progress("pulling manifest")),
        (160, line(200_000, 160_000)),
        (200, Progress("verifying sha256 digest")),
    ]


def test_a_download_goes_on_while_one_waits() -> None:
    """A third pull joins it where it is, although the one that began it has left."""
    offer = Offer(OFFER.model, pieces={WEIGHTS.digest: Pieces(50_000, 100.0)})
    machine = Machine(VirtualClock(), settings=settings(offer))
    gone = Interrupt()

    async def begun_at(when: float) -> list[tuple[float, Event]]:
        await machine.clock.sleep_until(when)
        return await machine.timed(PULL)

    async def main() -> list[tuple[float, Event]]:
        async with asyncio.TaskGroup() as group:
            group.create_task(begun_at(0.05))
            third = group.create_task(begun_at(0.15))
            asyncio.get_running_loop().call_later(0.1, gone.fire)
            with pytest.raises(Abandoned):
                await machine.timed(PULL, gone=gone)
        return third.result()

    assert isinstance(machine.clock, VirtualClock)
    events = machine.clock.run(main())
    assert [(round(t * 1000), event) for t, event in events[1:3]] == [
        (210, line(200_000, 150_000)),
        (270, line(200_000, 150_000)),
    ]
    assert round(events[-1][0] * 1000) == 300


def test_the_library() -> None:
    """Without settings of its own a server can pull well-known models, and no others."""

    async def main(clock: VirtualClock) -> tuple[list[Event], Machine]:
        machine = Machine(clock, models=(OTHER_MODEL,))
        return await machine.done(Pull("llama3.2")), machine

    lines, machine = virtual(main)
    assert statuses(lines)[-1] == "success"
    assert len(lines) > 2_019_000_000 / 100_000_000 / 0.06
    found = machine.store.find("llama3.2:latest").model
    assert (found.family, found.parameter_size, found.size) == ("llama", "3.2B", 2_019_000_000)
    assert machine.clock.now() == pytest.approx(20.19, rel=1e-3)
    _, refusal, _ = worked(Pull("nope"))
    assert refusal is not None
    assert refusal.message == "pull model manifest: file does not exist"
