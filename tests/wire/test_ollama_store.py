"""`/api/copy`, `/api/delete` and `/api/blobs`."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.acts import Framing
from ollama_simulator.model import Answer, Copy, Delete, FindBlob, Origin, PutBlob, Refusal
from ollama_simulator.settings import Settings
from tests.wire.speaking import ask, post, refusal

NEW = Settings()
OLD = Settings(wire="0.13.5")


def deletion(body: Any, settings: Settings = NEW) -> tuple[int, str]:
    """What a DELETE is refused with."""
    with pytest.raises(Refusal) as caught:
        ask("DELETE", "/api/delete", body, settings)
    return caught.value.status, caught.value.message


def test_copy() -> None:
    """An empty answer without a type."""
    codec = post("/api/copy", {"source": "a", "destination": "me/b:x", "model": "c"})
    assert codec.job == Copy("a", "me/b:x")
    assert (codec.media, codec.status, codec.collect([Answer(None)])) == ("", 200, b"")
    assert codec.missing('"a') == 'model "\\"a" not found'


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        ("", "", 'source "" is invalid'),
        (" a ", "b", 'source " a " is invalid'),
        ("a", "a b", 'destination "a b" is invalid'),
        ("a", "", 'destination "" is invalid'),
        ('"', "b", 'source "\\"" is invalid'),
    ],
)
def test_copy_refuses_names(source: str, destination: str, message: str) -> None:
    """As they are, without trimming; the source first."""
    body = {"source": source, "destination": destination}
    assert refusal("/api/copy", body) == (400, message, Origin.HANDLER)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"model": " a "}, " a "),
        ({"name": "a:cloud"}, "a:cloud"),
        ({"model": "a", "name": "b"}, "a"),
    ],
)
def test_delete(body: dict[str, str], name: str) -> None:
    """The name goes on as it was typed."""
    codec = ask("DELETE", "/api/delete", body)
    assert codec.job == Delete(name)
    assert (codec.media, codec.collect([Answer(None)])) == ("", b"")
    assert codec.missing(name) == f"model '{name}' not found"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "model is required"),
        ({"model": "  "}, "model is required"),
        ({"model": "a b"}, 'name "a b" is invalid'),
        ({"model": "a b:cloud"}, 'name "a b:cloud" is invalid'),
        ({"model": "a:local:cloud"}, 'use either :local or :cloud, not both: "a:local:cloud"'),
    ],
)
def test_delete_refuses_names(body: dict[str, str], message: str) -> None:
    """Without a suffix it has to be a name."""
    assert deletion(body) == (400, message)


def test_the_old_profile_deletes() -> None:
    """It calls an empty name invalid, and trims nothing."""
    assert deletion({}, OLD) == (400, 'name "" is invalid')
    assert deletion({"model": " a "}, OLD) == (400, 'name " a " is invalid')


def test_a_file_that_is_there() -> None:
    """Not even a length is told."""
    codec = ask("HEAD", "/api/blobs/sha256:abc")
    assert codec.job == FindBlob("sha256:abc")
    assert (codec.framing, codec.media, codec.collect([Answer(None)])) == (Framing.NONE, "", b"")


@pytest.mark.parametrize(("new", "status"), [(True, 201), (False, 200)])
def test_an_upload(new: bool, status: int) -> None:
    """The body is taken late, and the status tells whether it was wanted."""
    codec = post("/api/blobs/sha256%3Aabc", b"ignored")
    assert codec.late
    assert isinstance(codec.job, PutBlob)
    assert codec.job.digest == "sha256:abc"
    assert (codec.collect([Answer(new)]), codec.status) == (b"", status)
