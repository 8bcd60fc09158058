"""What is checked before a job gets to a model, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Done, Infer, Message, ModelMissing, Rendered
from ollama_simulator.settings import Settings
from tests.engine.answer.parsers.reading import TOOLS
from tests.engine.answering import answer, chat, generate, refused

OLD = Settings(wire="0.13.5")
HANDLER = "handler"


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (chat("plain", think=True), '"plain" does not support thinking'),
        (chat("Plain:latest", think="low"), '"Plain:latest" does not support thinking'),
        (generate("plain", think="max"), '"plain" does not support thinking'),
        (chat("embed"), '"embed" does not support chat'),
        (generate("embed"), '"embed" does not support generate'),
        (chat("image"), '"image" does not support chat'),
        (generate("image"), "image generation models are not currently supported"),
        (
            chat("plain", tools=TOOLS),
            "registry.ollama.ai/library/plain:latest does not support tools",
        ),
        (
            generate("Plain", suffix="x"),
            "registry.ollama.ai/library/plain:latest does not support insert",
        ),
        (
            generate("plain", raw=True, system="x"),
            "raw mode does not support template, system, or context",
        ),
        (
            generate("plain", raw=True, template="x"),
            "raw mode does not support template, system, or context",
        ),
        (
            generate("plain", raw=True, context=(1,)),
            "raw mode does not support template, system, or context",
        ),
        (
            generate("mllama", images=(b"", b"")),
            "this model only supports one image while more than one image requested",
        ),
    ],
)
def test_what_a_model_cannot_do(job: Infer, message: str) -> None:
    """Status 400, before the stream."""
    assert refused(answer(job)) == (400, message, HANDLER)


@pytest.mark.parametrize(
    "job",
    [
        chat("plain", think=False),
        chat("plain", think=True, think_if_able=True),
        chat("parser", think="max"),
        chat("plain", tools=()),
        chat("plain", suffix="x"),
        generate("plain", tools=TOOLS[:0]),
        generate("fim", suffix="x"),
        generate("mllama", images=(b"",)),
        chat("plain", raw=True, system="x"),
    ],
)
def test_what_it_can_do(job: Infer) -> None:
    """What only one kind of job knows doesn't matter to the other."""
    assert isinstance(answer(job)[-1], Done)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        # Each has one mistake more than the one before, which is found first.
        (generate("plain", options={"seed": "x"}), 'option "seed" must be of type integer'),
        (generate("plain", options={"seed": "x"}, suffix="x"), "does not support insert"),
        (generate("embed", options={"seed": "x"}, suffix="x"), '"embed" does not support generate'),
        (generate("embed", suffix="x", think=True), '"embed" does not support thinking'),
        (generate("embed", think=True, raw=True, system="x"), "raw mode does not support"),
        (generate("image", think=True, raw=True, system="x"), "image generation models are not"),
        (chat("plain", options={"seed": "x"}, tools=TOOLS), "does not support tools"),
        (chat("embed", tools=TOOLS), '"embed" does not support chat'),
        (chat("embed", tools=TOOLS, think=True), '"embed" does not support thinking'),
        (chat("far", think=True), "this server cannot run this remote model"),
    ],
)
def test_the_order(job: Infer, message: str) -> None:
    """As the tables of 4.7 and 4.8 say."""
    assert message in refused(answer(job))[1]


@pytest.mark.parametrize("kind", ["chat", "generate"])
def test_an_unload_looks_at_nothing(kind: Any) -> None:
    """Neither at capabilities nor at options."""
    for name in ("embed", "image", "plain"):
        job = Infer(name, kind=kind, keep_alive=0.0, options={"seed": "x"}, think=True)
        assert answer(job) == [Done("unload", None)]


def test_the_unload_of_a_stub() -> None:
    """Chat answers itself, generate asks the other host."""
    assert answer(Infer("far", keep_alive=0.0)) == [Done("unload", None)]
    job = Infer("far", kind="generate", keep_alive=0.0)
    assert refused(answer(job)) == (400, "this server cannot run this remote model", HANDLER)


def test_a_load_is_checked() -> None:
    """But not its format, which nobody reads (3.4)."""
    assert answer(Infer("plain", format='"xml"')) == [Done("load", None)]
    assert refused(answer(Infer("plain", tools=TOOLS)))[0] == 400
    assert refused(answer(Infer("plain", options={"seed": "x"})))[0] == 500


def test_stubs() -> None:
    """Where they point to decides what is said."""
    disabled = Settings(no_cloud=True)
    said = "ollama cloud is disabled: remote model is unavailable"
    assert refused(answer(chat("stub"), settings=disabled)) == (403, said, HANDLER)
    status, message, origin = refused(answer(generate("stub"), settings=Settings(key=True)))
    assert (status, origin) == (500, HANDLER)
    assert message.startswith('Post "https://ollama.com:443/api/generate?ts=')


@pytest.mark.parametrize("job", [chat("stub:local"), generate("stub:local")])
def test_a_stub_is_not_local(job: Infer) -> None:
    """Its name is told as it was typed."""
    assert refused(answer(job)) == (404, "model 'stub:local' not found", HANDLER)


def test_models_of_the_cloud() -> None:
    """They are refused before anything is looked up."""
    assert refused(answer(chat("any:cloud", think=True)))[2] == "cloud"
    with pytest.raises(ModelMissing):
        answer(chat("any:cloud"), settings=OLD)


def test_a_damaged_manifest() -> None:
    """What its reader says."""
    message = "invalid character 'b' looking for beginning of object key string"
    for job in (chat("broken"), generate("broken"), Infer("broken", keep_alive=0.0)):
        assert refused(answer(job)) == (500, message, HANDLER)


def test_the_case_of_names_in_the_old_server() -> None:
    """Chat looks for exactly what was typed (2.3)."""
    with pytest.raises(ModelMissing):
        answer(chat("PLAIN"), settings=OLD)
    assert isinstance(answer(generate("PLAIN"), settings=OLD)[-1], Done)
    assert isinstance(answer(chat("PLAIN"))[-1], Done)


def test_levels_of_thinking_in_the_old_server() -> None:
    """Only the harmony family has them. Of a prompt it is the first thing to be found, of a chat
    the last."""
    said = 'think value "low" is not supported for this model'
    for name in ("parser", "plain", "embed"):
        assert refused(answer(generate(name, think="low"), settings=OLD)) == (400, said, HANDLER)
    unable = '"plain" does not support thinking'
    assert refused(answer(chat("plain", think="low"), settings=OLD)) == (400, unable, HANDLER)
    assert refused(answer(chat("parser", think="low"), settings=OLD)) == (400, said, HANDLER)
    hot = answer(chat("parser", think="low", options={"stop": "x"}), settings=OLD)
    assert refused(hot)[0] == 500
    shown = answer(chat("parser", think="low", debug=True), settings=OLD)
    assert isinstance(shown[-1], Rendered)
    loaded = answer(Infer("parser", think="low"), settings=OLD)
    assert loaded == [Done("load", None)]
    assert isinstance(answer(chat("harmony", think="low"), settings=OLD)[-1], Done)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_ctx": "4096"}, 'option "num_ctx" must be of type integer'),
        ({"use_mmap": 1}, 'option "use_mmap" must be of type boolean'),
        ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
        ({"num_gpu": True}, 'option "num_gpu" must be of type integer'),
        ({"stop": "x"}, 'option "stop" must be of type array'),
        ({"stop": ["x", 1]}, 'option "stop" must be of an array of strings'),
    ],
)
def test_types_of_options(options: dict[str, Any], message: str) -> None:
    """Status 500 (3.5)."""
    assert refused(answer(chat("plain", options=options))) == (500, message, HANDLER)


@pytest.mark.parametrize(
    "options", [{"bogus": "x"}, {"num_ctx": None}, {"seed": 1.7}, {"temperature": 1}, {"stop": []}]
)
def test_options_that_pass(options: dict[str, Any]) -> None:
    """Unknown ones, nulls, and numbers of the other kind."""
    assert isinstance(answer(chat("plain", options=options))[-1], Done)


def test_images_of_a_model_that_cannot_see() -> None:
    """The runner refuses, after the load; the old server in words of its own."""
    message = Message("user", "x", images=(b"png",))
    status, said, origin = refused(answer(Infer("plain", (message,))))
    assert (status, origin) == (500, "runner")
    assert said.startswith('{"error":{"code":500,"message":"image input is not supported - hint: ')
    assert refused(answer(Infer("plain", (message,)), settings=OLD)) == (
        500,
        "this model is missing data required for image input",
        "runner",
    )
    assert isinstance(answer(Infer("mllama", (message,)))[-1], Done)
