"""`/api/pull`, `/api/push` and `/api/create`."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Create, Message, Origin, Progress, Pull, Push
from ollama_simulator.settings import Settings
from tests.wire.speaking import error_of, post, refusal, streamed

LINES = [
    Progress("pulling manifest"),
    Progress("pulling abc", "sha256:abc", 10),
    Progress("pulling abc", "sha256:abc", 10, 5),
    Progress("success"),
]


def test_a_stream_of_lines() -> None:
    """What is empty, or zero, is left out."""
    codec = post("/api/pull", {"model": "m"})
    assert (codec.stream, codec.media) == (True, "application/x-ndjson")
    assert streamed(codec, list(LINES)) == [
        b'{"status":"pulling manifest"}\n',
        b'{"status":"pulling abc","digest":"sha256:abc","total":10}\n',
        b'{"status":"pulling abc","digest":"sha256:abc","total":10,"completed":5}\n',
        b'{"status":"success"}\n',
    ]


@pytest.mark.parametrize("path", ["/api/pull", "/api/push", "/api/create"])
def test_a_whole_answer(path: str) -> None:
    """The last line, of a type without a character set."""
    codec = post(path, {"model": "m", "stream": False})
    assert (codec.stream, codec.media) == (False, "application/json")
    assert codec.collect(list(LINES)) == b'{"status":"success"}'


@pytest.mark.parametrize("path", ["/api/pull", "/api/push", "/api/create"])
def test_an_error_of_the_work_keeps_its_type(path: str) -> None:
    """In a whole answer too, unlike that of a generation."""
    assert post(path, {"model": "m"}).bare
    assert error_of(path, 500, "no", Origin.RUNNER).media == "application/json"
    assert error_of(path, 400, "no").media == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ({"model": "m"}, Pull("m")),
        ({"name": "m", "insecure": True}, Pull("m", insecure=True)),
        ({"model": " me/m:x ", "name": "other"}, Pull("me/m:x")),
        ({"model": "m:cloud"}, Pull("m:cloud")),
        ({"model": "m:7b:cloud"}, Pull("m:7b-cloud")),
        ({"model": "http://h:1/me/m"}, Pull("http://h:1/me/m")),
    ],
)
def test_pull(body: dict[str, Any], job: Pull) -> None:
    """A name of the cloud is that of its stub."""
    assert post("/api/pull", body).job == job


@pytest.mark.parametrize("name", ["", "a b", "m:", "http://h/m"])
def test_pull_refuses_names(name: str) -> None:
    """An empty one too."""
    said = (400, "invalid model name", Origin.HANDLER)
    assert refusal("/api/pull", {"model": name}) == said


def test_conflicting_suffixes() -> None:
    """They are told with the name."""
    said = refusal("/api/pull", {"model": "m:cloud:local"})
    assert said[:2] == (400, 'use either :local or :cloud, not both: "m:cloud:local"')


def test_push_takes_any_name() -> None:
    """What is wrong with it is found out later."""
    assert post("/api/push", {"model": "a b"}).job == Push("a b")
    assert post("/api/push", {"name": "m", "insecure": True}).job == Push("m", insecure=True)
    assert refusal("/api/push", {})[:2] == (400, "model is required")


def test_create() -> None:
    """All fields by their names; numbers as numbers, messages as turns."""
    body = {
        "name": "new",
        "from": "old",
        "files": {"a/b.gguf": "sha256:x", ".": "y"},
        "parameters": {"temperature": 0.5, "stop": ["a"]},
        "info": {"context_length": 5},
        "license": ["L"],
        "messages": [{"role": "User", "content": "hi"}],
        "modelfile": "FROM x",
    }
    job = post("/api/create", body).job
    assert isinstance(job, Create)
    assert job.model == "new"
    assert job.fields == {
        **{k: body[k] for k in list(body)[:-2]},
        "messages": (Message("user", "hi"),),
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"files": {"/a": "x"}}, "file path must be relative"),
        ({"files": {"a/../b": "x"}}, "file path must be relative"),
        ({"files": {"a//b": "x"}}, "file path must be relative"),
        ({"files": {"": "x"}}, "file path must be relative"),
        ({"draft_files": {"./a": "x"}}, "file path must be relative"),
        ({"files": {"a": ""}}, "invalid digest format"),
        ({"adapters": {"/a": ""}}, "invalid digest format"),
        ({"draft_quantize": "q"}, "--draft-quantize requires a DRAFT model"),
        ({"model": "a b", "files": {"a": ""}}, "invalid digest format"),
        ({"model": "a b"}, "invalid model name"),
        ({"model": " m "}, "invalid model name"),
        ({"model": ""}, "invalid model name"),
    ],
)
def test_create_refuses_at_once(body: dict[str, Any], message: str) -> None:
    """Before there is a stream; files are looked at before the name."""
    said = (400, message, Origin.HANDLER)
    assert refusal("/api/create", {"model": "m", **body}) == said


@pytest.mark.parametrize(
    ("field", "value", "go"),
    [
        ("files", [], "array into Go struct field CreateRequest.files of type map[string]string"),
        ("files", {"a": 1}, "number into Go struct field CreateRequest.files of type string"),
        (
            "messages",
            {},
            "object into Go struct field CreateRequest.messages of type []api.Message",
        ),
        ("quantize", 5, "number into Go struct field CreateRequest.quantize of type string"),
        (
            "info",
            5,
            "number into Go struct field CreateRequest.info of type map[string]interface {}",
        ),
    ],
)
def test_create_refuses_types(field: str, value: Any, go: str) -> None:
    """In Go's words."""
    said = (400, f"json: cannot unmarshal {go}", Origin.DECODE)
    assert refusal("/api/create", {"model": "m", field: value}) == said


def test_the_old_profile_takes_names_as_they_are() -> None:
    """It trims nothing, and `:cloud` is a tag."""
    old = Settings(wire="0.13.5")
    assert post("/api/pull", {"model": "m:7b-cloud"}, settings=old).job == Pull("m:7b-cloud")
