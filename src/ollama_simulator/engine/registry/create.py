"""Making a model of another one, or of files.

Source: native specification 4.13.

Rules of this file:

1. Everything is looked at in Ollama's order, so that of two mistakes the same one is told.
2. Files that were written stay, even if the creation fails afterwards.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry import info, quantize, remote_url
from ollama_simulator.engine.registry.blobs import Blob
from ollama_simulator.engine.registry.new_file import Made
from ollama_simulator.engine.registry.new_model import Recipe, built, built_in_options
from ollama_simulator.engine.registry.pull import TICK_S, wait
from ollama_simulator.engine.registry.sources import Sources, bad
from ollama_simulator.engine.registry.texts import Texts
from ollama_simulator.model import Create, Event, Progress, Refusal


async def create(machine: Machine, job: Create, call: Call) -> AsyncGenerator[Event, None]:
    """Make a model and install it."""
    fields = job.fields
    store = machine.store
    name = store.spelled(names.parse(job.model))
    sources = Sources(machine, call)
    host, model = "", ""
    if origin := fields.get("from"):
        base, host = _origin(machine, origin, fields.get("remote_host", ""))
        if host:
            model = base
        else:
            async for event in sources.model(names.parse(base)):
                yield event
    elif "files" in fields:
        async for event in sources.uploaded(fields["files"]):
            yield event
    else:
        raise bad("neither 'from' or 'files' was specified")
    if host and fields.get("draft_files"):
        raise bad("DRAFT cannot be used with remote models")
    if "adapters" in fields and not host:
        async for event in _adapters(sources, fields["adapters"]):
            yield event
    said = info.read(fields.get("info"))
    files: list[Made] = []
    for made in sources.files:
        async for step in _rewritten(machine, made, fields, call):
            if isinstance(step, Made):
                files.append(step)
            else:
                yield step
    texts = Texts(store, files)
    if sources.base is not None:
        texts.inherit(sources.base)
    given = dict(fields.get("parameters", {}))
    for made in files:
        given = built_in_options(made, sources.base, fields) | given
    texts.write({**fields, "parameters": given})
    for made in texts.files:
        yield Progress(made.status)
    yield Progress("writing manifest")
    recipe = Recipe(
        name,
        texts,
        sources.base,
        said,
        fields,
        remote_host=host,
        remote_model=model,
        alike=sources.base or next((file.owner for file in files if file.owner), None),
        native=machine.settings.wire != "0.13.5",
    )
    store.install(built(recipe))
    yield Progress("success")


def _origin(machine: Machine, typed: str, host: str) -> tuple[str, str]:
    """The name that a model is made from, and the host where that runs, or "" for here."""
    base, where = typed.strip(), names.Source.ANY
    if machine.settings.wire != "0.13.5":
        try:
            base, where = names.source(typed)
        except names.ConflictingSources:
            raise bad("invalid model name") from None
    if not names.parse(base).valid:
        raise bad("invalid model name")
    if where is names.Source.CLOUD and not host:
        host = machine.settings.cloud
    try:
        return base, remote_url.completed(host) if host else ""
    except remote_url.BadRemote:
        raise bad("bad remote") from None


async def _adapters(sources: Sources, files: Mapping[str, str]) -> AsyncGenerator[Event, None]:
    try:
        async for event in sources.uploaded(files, adapter=True):
            yield event
    except Refusal as refusal:
        # Whatever is wrong with an adapter is the client's fault.
        raise bad(refusal.message) from None


async def _rewritten(
    machine: Machine, made: Made, fields: Mapping[str, Any], call: Call
) -> AsyncGenerator[Event | Made, None]:
    """A file as the new model has it, after the lines about writing it anew."""
    if made.layer.kind != "model" or made.head is None:
        yield made
        return
    asked = (fields.get("quantize") or fields.get("quantization", "")).upper()
    want = quantize.wanted(machine.settings.wire, made, asked)
    if want is None and not made.fresh:
        yield made
        return
    doing = "validating GGUF model"
    after = msgspec.structs.replace(made, source="")
    if want is not None:
        doing = f"quantizing {made.file_type} model to {asked}"
        after = quantize.quantised(made, want)
    when = machine.clock.now()
    for step in quantize.steps(doing, made.layer.size):
        when += TICK_S
        await wait(machine, when, call)
        yield step
    yield Progress("verifying conversion")
    existed = after.layer.digest in machine.store.blobs
    if not existed:
        machine.store.blobs[after.layer.digest] = Blob(after.layer.size, head=after.head)
    yield msgspec.structs.replace(after, existed=existed)
