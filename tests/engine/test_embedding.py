"""Texts to vectors: what a runner is told to say, and how an embedding fails."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import Pace
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.engine.vectors import cut, embed
from ollama_simulator.golang.gojson import narrow
from ollama_simulator.hardware import HardwareProfile, Prefill, Step
from ollama_simulator.model import (
    Answer,
    Embed,
    Embeddings,
    Event,
    Model,
    ModelMissing,
    Origin,
    Refusal,
)
from ollama_simulator.records import ModelLoaded
from ollama_simulator.script import Load, Script, Vectors
from ollama_simulator.settings import Settings
from tests.engine.driving import NAME, OTHER_MODEL, Machine, prompt, virtual

OLD = Settings(wire="0.13.5")
TEXT = "embed"
QUARTERS = Model("embed", 1, "e", "bert", "1M", "F16", capabilities=("embedding",))
QUARTERS = msgspec.structs.replace(QUARTERS, tokenizer="quarters", context_length=4)
TUNED = msgspec.structs.replace(QUARTERS, context_length=16)
TUNED = msgspec.structs.replace(TUNED, name="tuned", parameters={"num_ctx": 4})
WRONG = msgspec.structs.replace(QUARTERS, name="wrong", parameters={"num_ctx": "4096"})
MUTE = Model("mute", 1, "m", "test", "1B", "F16", embeds=False)
STUB = Model("stub", 1, "s", "", "", "", remote_host="h", remote_model="m")


def asked(
    job: Embed,
    told: Vectors | None = None,
    *,
    settings: Settings | None = None,
    script: Script | None = None,
) -> Embeddings:
    """What a machine answers to a job, told or not what its runner says."""

    async def main(clock: VirtualClock) -> list[Event]:
        machine = Machine(
            clock,
            models=(TEST_MODEL, OTHER_MODEL, QUARTERS, TUNED, WRONG, MUTE, STUB),
            settings=settings,
        )
        machine.engine.scripts.replace([script or Script(embeddings=told)])
        return await machine.done(job)

    (event,) = virtual(main)
    assert isinstance(event, Answer)
    assert isinstance(event.value, Embeddings)
    return event.value


def refused(job: Embed, told: Vectors | None = None, **rest: Any) -> tuple[int, str]:
    """What a machine refuses a job with."""
    with pytest.raises(Refusal) as caught:
        asked(job, told, **rest)
    assert caught.value.origin in (Origin.HANDLER, Origin.CLOUD)
    return caught.value.status, caught.value.message


def old(model: str = NAME, text: str = "x") -> Embed:
    """A job of the old endpoint."""
    return Embed(model, (text,), normalised=False)


def test_embeddings() -> None:
    """One vector an input after a prefill of all of them; no token is generated."""

    async def main(clock: VirtualClock) -> list[tuple[float, Event]]:
        job = Embed(NAME, (prompt(1451), "", "a b"), dimensions=12)
        return await Machine(clock).timed(job, Pace(load_s=1.0))

    ((at, event),) = virtual(main)
    assert at == pytest.approx(1.0 + 1453 / 2900)
    assert isinstance(event, Answer)
    found = event.value
    assert isinstance(found, Embeddings)
    assert found.vectors == tuple(cut(embed(text), 12) for text in (prompt(1451), "", "a b"))
    assert (found.usage.prompt_tokens, found.usage.tokens) == (1453, 0)
    assert found.usage.prompt_s == pytest.approx(1453 / 2900)
    assert found.usage.load_s == pytest.approx(1.0)
    assert found.usage.total_s == pytest.approx(at)


def test_the_length_is_the_models() -> None:
    """If it has one."""
    assert len(asked(Embed("embed", ("x",))).vectors[0]) == 384

    async def main(clock: VirtualClock) -> list[Event]:
        model = msgspec.structs.replace(QUARTERS, embedding_length=64)
        return await Machine(clock, models=(model,)).done(Embed("embed", ("x",)))

    (event,) = virtual(main)
    assert isinstance(event, Answer)
    assert event.value.vectors == (embed("x", 64),)


def test_told_vectors() -> None:
    """By input or for all, made of length 1, and with as many tokens as is said."""
    told = Vectors({"a": (3.0, None, 4.0)}, default=(0.1, 1e-7), prompt_tokens=3)
    found = asked(Embed(NAME, ("a", "b", "a"), dimensions=2), told)
    assert found.vectors[0] == found.vectors[2] == (1.0, 0.0)
    assert found.vectors[1] == pytest.approx((1.0, 1e-6), rel=1e-5)
    assert found.usage.prompt_tokens == 9
    assert asked(old(), told).vectors == ((narrow(0.1), narrow(1e-7)),)
    assert asked(Embed(NAME, ("c",)), Vectors({"a": (1.0,)})).vectors == (embed("c"),)


def test_told_time() -> None:
    """The prompt takes as long as is said."""
    found = asked(Embed(NAME, ("a",)), script=Script(prompt_ms=250, load=Load(delay_ms=500)))
    assert found.usage.prompt_s == pytest.approx(0.25)
    assert found.usage.total_s == pytest.approx(0.75)


TOO_LARGE = (
    "unmarshal embedding values: json: cannot unmarshal number {} into Go value of type float32"
)


@pytest.mark.parametrize(
    ("told", "status", "message"),
    [
        (Vectors(status=500, body='{"error":{"code":500,"message":"boom"}}'), 500, "boom"),
        (Vectors(status=503, body='{"error":{"message":"Loading model"}}'), 503, "Loading model"),
        (Vectors(status=500, body='"oops"'), 500, '"oops"'),
        (Vectors(status=500, body="<html>"), 500, "<html>"),
        (Vectors(status=500, body='{"error":{}}'), 500, '{"error":{}}'),
        (
            Vectors(status=400, body='{"error":{"message":"too large"}}'),
            400,
            "input exceeds maximum context length and cannot be truncated further",
        ),
        (Vectors(default=(1e39, 1.0)), 400, TOO_LARGE.format("1e+39")),
        (Vectors(default=(-3.4028236e38,)), 400, TOO_LARGE.format("-3.4028236e+38")),
    ],
)
def test_failures(told: Vectors, status: int, message: str) -> None:
    """The runner's status; but the old endpoint knows one only."""
    assert refused(Embed(NAME, ("a", "b")), told) == (status, message)
    assert refused(old(), told) == (500, message)


@pytest.mark.parametrize(
    ("told", "status", "message"),
    [
        (Vectors(status=500, body=' {"error":{"message":"boom"}}\n'), 500, None),
        (
            Vectors(default=(1e39, 1.0)),
            400,
            "unmarshal tokenize response: json: cannot unmarshal number 1e+39 into Go struct "
            "field EmbeddingResponse.embedding of type float32",
        ),
    ],
)
def test_failures_of_the_old_runner(told: Vectors, status: int, message: str | None) -> None:
    """Whatever it says is told as it is."""
    said = '{"error":{"message":"boom"}}' if message is None else message
    assert refused(Embed(NAME, ("a",)), told, settings=OLD) == (status, said)
    assert refused(old(), told, settings=OLD) == (500, said)


def test_the_old_runner_has_another_route() -> None:
    """Its clients see it when it crashes."""
    _, message = refused(Embed(NAME, ("x",)), Vectors(crash=True), settings=OLD)
    assert message.endswith('/embedding": EOF')
    assert "v1" not in message


def test_a_large_number_that_fits() -> None:
    """The largest of 32 bits, and whatever is nearer to it than to what is beyond."""
    assert asked(old(), Vectors(default=(3.4028235e38,))).vectors == ((narrow(3.4028235e38),),)


def test_a_runner_that_refuses_and_may_not_cut() -> None:
    """Its words, unless it complains of the length."""
    job = Embed(NAME, ("a",), truncate=False)
    assert refused(job, Vectors(status=400, body='{"error":{"message":"bad"}}')) == (400, "bad")
    long = '{"error":{"message":"x","type":"exceed_context_size_error"}}'
    expected = (400, "the input length exceeds the context length")
    assert refused(job, Vectors(status=400, body=long)) == expected


def test_too_long_an_input() -> None:
    """It is cut to the context, or refused."""
    text = "abcdefgh" * 3
    assert asked(Embed("embed", (text,))).vectors == (embed(text[:16]),)
    assert asked(Embed("embed", (text, "abcde"))).usage.prompt_tokens == 4 + 2
    expected = (400, "the input length exceeds the context length")
    assert refused(Embed("embed", (text,), truncate=False)) == expected
    words = "a b c d e f"
    job = Embed(NAME, (words,), options={"num_ctx": 4}, truncate=False)
    assert asked(job).usage.prompt_tokens == 11  # a model with vision has 2048 at least


def test_options_of_the_model() -> None:
    """They hold unless the request has its own, and are read even if there is nothing to embed."""
    text = "abcdefgh" * 3
    assert asked(Embed("tuned", (text,))).vectors == (embed(text[:16]),)
    own = Embed("tuned", (text,), options={"num_ctx": 5})
    assert asked(own).vectors == (embed(text[:20]),)
    expected = (500, 'option "num_ctx" must be of type integer')
    assert refused(Embed("wrong", ())) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "This server does not support embeddings. Start it with `--embeddings`"),
        (OLD, "this model does not support embeddings"),
    ],
)
def test_a_model_that_makes_no_vectors(settings: Settings | None, message: str) -> None:
    """It is loaded first; a mere load is fine; and a script is believed."""
    other = MUTE.name
    assert refused(Embed(other, ("x",)), settings=settings) == (501, message)
    assert refused(old(other), settings=settings) == (500, message)
    assert asked(Embed(other, ()), settings=settings).vectors == ()
    assert asked(Embed(other, ("x",)), Vectors(default=(2.0,))).vectors == ((1.0,),)


def test_a_crash() -> None:
    """The job fails, and the next one loads the model again."""

    async def main(clock: VirtualClock) -> tuple[str, int, int]:
        machine = Machine(clock)
        machine.engine.scripts.replace([Script(times=1, embeddings=Vectors(crash=True))])
        with pytest.raises(Refusal) as caught:
            await machine.done(Embed(NAME, ("x",)))
        await machine.done(Embed(NAME, ("x",)))
        return caught.value.message, caught.value.status, len(machine.saw(ModelLoaded))

    message, status, loads = virtual(main)
    port = r'do embedding request: Post "http://127\.0\.0\.1:[0-9]{5}/v1/embeddings": EOF'
    assert re.fullmatch(port, message)
    assert (status, loads) == (400, 2)
    assert refused(old(), Vectors(crash=True))[0] == 500


def test_names() -> None:
    """The old endpoint takes them as they were installed; stubs have no weights."""
    assert asked(Embed("EMBED", ())).vectors == ()
    for job in (old("EMBED"), Embed("stub", ("x",)), Embed("nope:local", ())):
        with pytest.raises(ModelMissing) as caught:
            asked(job)
        assert caught.value.model == job.model
    assert refused(Embed("embed:cloud", ("x",))) == (401, "unauthorized")
    keyed = Settings(key=True, cloud="http://127.0.0.1:1")
    for job, path in (
        (Embed("a:cloud", ()), "/api/embed"),
        (old("a:cloud"), "/api/embeddings"),
        (Embed("a:cloud", (), path="/v1/embeddings"), "/v1/embeddings"),
    ):
        status, message = refused(job, settings=keyed)
        assert status == 502
        assert message.startswith(f'Post "http://127.0.0.1:1{path}?ts=')
    with pytest.raises(ModelMissing):
        asked(Embed("embed:cloud", ()), settings=OLD)


READER = HardwareProfile(
    name="reader",
    hardware="a machine on which long texts are slow",
    source="the tests",
    trust="C",
    synthetic=True,
    step=Step(t0_ms=10.0),
    prefill=Prefill(r_tps=1000.0, q_ns=1e6),
)


def test_each_text_is_read_from_its_beginning() -> None:
    """None is behind another one, however many there are; each takes an iteration of its own."""

    async def main(clock: VirtualClock) -> float:
        machine = Machine(clock, settings=Settings(profile=READER))
        await machine.done(Embed(NAME, ("!" * 100, "", "!" * 50)))
        return clock.now()

    positions = (99 * 100 + 49 * 50) / 2
    assert virtual(main) == pytest.approx(2 * 0.010 + 0.150 + positions * 1e-3)
