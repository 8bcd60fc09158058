"""Texts to vectors: the job of the embedding endpoints.

Source: native specification 4.9 and 4.10, compatibility specification 7.

Rules of this file:

1. The inputs of a job are read one after another, on one slot; one that fails fails them all.
2. What the runner says is a script's, where there is one; all else follows from the text.

It must not import anything but layer 0 and its own package.
"""

import zlib
from collections.abc import AsyncGenerator

import msgspec

from ollama_simulator.engine import lookup, options
from ollama_simulator.engine.lease import Want
from ollama_simulator.engine.machine import Call, Machine
from ollama_simulator.engine.seat import Visit
from ollama_simulator.engine.text import tokenize
from ollama_simulator.engine.vectors import DIMENSIONS, Vector, cut, embed, normalised
from ollama_simulator.golang import gojson
from ollama_simulator.model import (
    Abandoned,
    Answer,
    Embed,
    Embeddings,
    Event,
    Installed,
    Model,
    ModelMissing,
    Origin,
    Refusal,
    Usage,
)
from ollama_simulator.script import Script, Vectors
from ollama_simulator.settings import Profile

UNABLE: dict[Profile, str] = {
    "0.33": "This server does not support embeddings. Start it with `--embeddings`",
    "0.13.5": "this model does not support embeddings",
}
"""What a runner says whose model makes no vectors."""
ROUTES: dict[Profile, str] = {"0.33": "/v1/embeddings", "0.13.5": "/embedding"}
"""Where a runner is asked for a vector."""
UNREAD: dict[Profile, str] = {
    "0.33": "embedding values: json: cannot unmarshal number {} into Go value",
    "0.13.5": "tokenize response: json: cannot unmarshal number {} into Go struct field "
    "EmbeddingResponse.embedding",
}
"""What is said of a number in it that is too large."""
TOO_LONG = "the input length exceeds the context length"
STILL_TOO_LONG = "input exceeds maximum context length and cannot be truncated further"

_LARGEST = 2.0**128 - 2.0**103
"""From here on a number is nearer to what a 32-bit float can't hold."""


async def embeddings(machine: Machine, job: Embed, call: Call) -> AsyncGenerator[Event, None]:
    """One vector for each input, after the time that reading them takes."""
    started = machine.clock.now()
    installed = _find(machine, job)
    script = machine.scripts.take(job) or Script()
    want = Want(
        {**options.read(installed.model.parameters), **options.read(job.options)},
        keep_alive=job.keep_alive,
        load=script.load,
        load_s=call.pace.load_s,
    )
    async with machine.scheduler.lease(installed, want, call.gone, call.see) as lease:
        await lease.greet(call.gone)
        told = script.embeddings or Vectors()
        runner = _Runner(machine, installed.model, told, job, lease.runner.context)
        counts = [runner.count(text) for text in job.inputs] or [0]
        count = sum(counts)
        await lease.render(count, call.gone)
        async with lease.seat(Visit(counts[0], total=0), call.gone, call.see) as seat:
            begun = machine.clock.now()
            prompt_s = count / call.pace.rates(lease.profile).prefill_tps
            if script.prompt_ms is not None:
                prompt_s = script.prompt_ms / 1000
            read = await seat.made(0)
            for tokens in counts[1:]:
                if read and not seat.timeless:
                    seat.read_another(tokens)
                    read = await seat.made(0)
            if not read or not await machine.clock.sleep_until(begun + prompt_s, call.gone):
                raise Abandoned(500, "context canceled", Origin.RUNNER)
            prompt_s = max(prompt_s, seat.time_of(0) - begun)
            seat.end(0)
            if job.inputs and told.crash:
                lease.crash()
            vectors = []
            for text in job.inputs:
                vectors.append(runner.vector(text))
                await machine.clock.breathe()
            usage = Usage(machine.clock.now() - started, lease.load_s, count, prompt_s, 0, 0.0)
            yield Answer(Embeddings(tuple(vectors), usage))


def _find(machine: Machine, job: Embed) -> Installed:
    path = job.path or ("/api/embed" if job.normalised else "/api/embeddings")
    # The old endpoint looks the name up as it was typed (2.3).
    installed = lookup.find(machine, job.model, path, exact=not job.normalised)
    if not installed.model.has_weights:
        raise ModelMissing(job.model)
    return installed


class _Runner:
    """The runner of one model, at work on one job."""

    def __init__(
        self, machine: Machine, model: Model, told: Vectors, job: Embed, context: int
    ) -> None:
        self._machine = machine
        self._wire = machine.settings.wire
        self._model = model
        self._told = told
        self._job = job
        self._context = context

    def count(self, text: str) -> int:
        """The tokens of an input, as far as it is read."""
        if self._told.prompt_tokens is not None:
            return self._told.prompt_tokens
        return min(len(self._tokens(text)), self._context)

    def vector(self, text: str) -> Vector:
        """The vector of an input. Raises `Refusal`."""
        told, job = self._told, self._job
        if told.crash:
            raise self._refusal(400, f"do embedding request: {self._cut_off()}")
        tokens = self._tokens(text)
        if len(tokens) > self._context:
            if not job.truncate:
                raise self._refusal(400, TOO_LONG)
            text = "".join(tokens[: self._context])
        if told.status is not None:
            raise self._passed_on(told.status, told.body or "")
        found = told.vectors.get(text, told.default)
        if found is None:
            if not self._model.embeds:
                raise self._refusal(501, UNABLE[self._wire])
            vector = embed(text, self._model.embedding_length or DIMENSIONS)
        else:
            vector = tuple(map(self._read, found))
            vector = normalised(vector) if job.normalised else vector
        return cut(vector, job.dimensions)

    def _tokens(self, text: str) -> list[str]:
        if self._model.tokenizer == "quarters":
            return [text[start : start + 4] for start in range(0, len(text), 4)]
        return tokenize(text)

    def _read(self, number: float | None) -> float:
        """A number as Ollama reads it from the runner's answer; null is what it prints for NaN."""
        if number is None:
            return 0.0
        if abs(number) >= _LARGEST:
            shown = gojson.float64(number)
            raise self._refusal(
                400,
                f"unmarshal {UNREAD[self._wire].format(shown)} of type float32",
            )
        return gojson.narrow(number)

    def _passed_on(self, status: int, body: str) -> Refusal:
        if status == 400:
            # Ollama takes that for too long an input, and can't make this one shorter.
            if self._job.truncate:
                return self._refusal(status, STILL_TOO_LONG)
            if "exceed_context_size" in body:
                return self._refusal(status, TOO_LONG)
        # The old server has no idea of what is in there.
        return self._refusal(status, body.strip() if self._wire == "0.13.5" else _message(body))

    def _cut_off(self) -> str:
        # Which port it listens on is drawn anew for each runner.
        drawn = zlib.crc32(f"{self._machine.seed} {self._model.weight_file}".encode())
        return f'Post "http://127.0.0.1:{32768 + drawn % 28232}{ROUTES[self._wire]}": EOF'

    def _refusal(self, status: int, message: str) -> Refusal:
        """The old endpoint knows one status only."""
        return Refusal(status if self._job.normalised else 500, message)


class _Error(msgspec.Struct):
    message: str = ""


class _Errors(msgspec.Struct):
    error: _Error


def _message(body: str) -> str:
    """What is told of a runner's refusal: the message in it, if there is one."""
    try:
        return msgspec.json.decode(body.encode(), type=_Errors).error.message or body
    except msgspec.DecodeError:
        return body
