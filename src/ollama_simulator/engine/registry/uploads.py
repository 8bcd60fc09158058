"""The jobs of the blob store: is a file there, and take it in.

Source: native specification 4.14.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.registry.blobs import Intake, bare
from ollama_simulator.golang.gojson import quote
from ollama_simulator.model import Answer, Event, FindBlob, PutBlob, Refusal

INVALID_DIGEST = "invalid digest format"


def _key(digest: str) -> str:
    found = bare(digest)
    if found is None:
        raise Refusal(400, INVALID_DIGEST)
    return found


async def find_blob(machine: Machine, job: FindBlob, call: Call) -> AsyncGenerator[Event, None]:
    """Answer if the file is there."""
    if _key(job.digest) not in machine.store.blobs:
        raise Refusal(404, f"blob {quote(job.digest)} not found")
    yield Answer(None)


async def put_blob(machine: Machine, job: PutBlob, call: Call) -> AsyncGenerator[Event, None]:
    """Take a file in, unless it is there. It is kept under its true digest in any case."""
    if _key(job.digest) in machine.store.blobs:
        yield Answer(False)
        return
    intake = Intake()
    try:
        async for data in job.body():
            intake.add(data)
    except Refusal as refusal:
        # What breaks the body is the same as anywhere; its status is not (4.14).
        raise Refusal(500, refusal.message) from None
    digest, blob = intake.finish()
    machine.store.blobs[digest] = blob
    if job.digest != f"sha256:{digest}":
        said = f"expected {quote(job.digest)}, got {quote(f'sha256:{digest}')}"
        raise Refusal(400, f"digest mismatch, {said}")
    yield Answer(True)
