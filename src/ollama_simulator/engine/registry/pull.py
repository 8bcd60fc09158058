"""Fetching a model from a registry.

Source: native specification 4.11.

Rules of this file:

1. One file after another, in the order of the manifest; of each a line every 60 ms while it
   comes, so none of one that is there before.
2. The model is installed when all files are there and have the right content.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from msgspec.structs import replace

from ollama_simulator import names
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import remote
from ollama_simulator.engine.registry.layers import blobs_of, layers_of
from ollama_simulator.model import Abandoned, Event, Layer, Origin, Progress, Pull
from ollama_simulator.registry import Offer

TICK_S = 0.060
"""Time between two lines about one file."""


async def pull(machine: Machine, job: Pull, call: Call) -> AsyncGenerator[Event, None]:
    """Fetch a model and install it."""
    name = machine.store.spelled(names.parse(job.model))
    async for event in fetched(machine, name, call, insecure=job.insecure):
        yield event
    yield Progress("success")


async def fetched(
    machine: Machine, name: names.Name, call: Call, *, insecure: bool = False
) -> AsyncGenerator[Event, None]:
    """Fetch a model and install it, up to the last line."""
    store = machine.store
    old = store.get(name.short)
    yield Progress("pulling manifest")
    offer = remote.offer(machine.settings, name, insecure)
    layers = layers_of(offer.model)
    contents = blobs_of(offer.model)
    new: list[Layer] = []
    for layer in layers:
        if (blob := store.blobs.get(layer.digest)) is not None:
            yield progress("pulling", layer.digest, blob.size, blob.size)
            continue
        new.append(layer)
        async for event in _download(machine, offer, layer, call):
            yield event
        store.blobs[layer.digest] = contents[layer.digest]
    yield Progress("verifying sha256 digest")
    for layer in new:
        got = offer.served.get(layer.digest, layer.digest)
        if got != layer.digest:
            store.blobs.pop(layer.digest, None)
            raise remote.failed(
                "digest mismatch, file must be downloaded again: "
                f"want sha256:{layer.digest}, got sha256:{got}"
            )
    yield Progress("writing manifest")
    unused = set() if old is None or old.model.broken else _digests(layers_of(old.model))
    store.install(replace(offer.model, name=name.short))
    if unused - _digests(layers):
        yield Progress("removing unused layers")


def _digests(layers: tuple[Layer, ...]) -> set[str]:
    return {layer.digest for layer in layers}


async def _download(
    machine: Machine, offer: Offer, layer: Layer, call: Call
) -> AsyncGenerator[Event, None]:
    clock, downloads = machine.clock, machine.store.downloads
    rate = machine.settings.pull_bytes_per_second
    pieces = offer.pieces.get(layer.digest)
    download = downloads.join(layer.digest, layer.size, rate, pieces)
    try:
        tick = clock.now() + TICK_S
        while tick < download.ends:
            await wait(machine, tick, call)
            done = download.completed(clock.now())
            yield progress("pulling", layer.digest, layer.size, done)
            tick += TICK_S
        await wait(machine, download.ends, call)
    finally:
        downloads.leave(layer.digest, download)


async def wait(machine: Machine, when: float, call: Call) -> None:
    """Wait for a moment. Raises `Abandoned` if the client leaves before."""
    if not await machine.clock.sleep_until(when, call.gone):
        raise Abandoned(500, "context canceled", Origin.RUNNER)


def progress(doing: str, digest: str, total: int, completed: int) -> Progress:
    """A line about one file."""
    return Progress(f"{doing} {digest[:12]}", f"sha256:{digest}", total, completed)
