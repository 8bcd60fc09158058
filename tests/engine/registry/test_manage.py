"""Copies, deletions and uploads."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.registry.layers import layers_of
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.model import (
    Account,
    Answer,
    CloudCall,
    CloudStatus,
    Copy,
    Delete,
    Event,
    FindBlob,
    Job,
    ModelMissing,
    Origin,
    PutBlob,
    Refusal,
)
from ollama_simulator.settings import Settings
from tests.engine.driving import OTHER_MODEL, Machine, virtual
from tests.engine.registry.working import layer, model

NAME = TEST_MODEL.name
DIGEST = hashlib.sha256(b"hello blob").hexdigest()


def done(machine: Machine, job: Job) -> list[Event]:
    """What a job said."""
    assert isinstance(machine.clock, VirtualClock)
    return machine.clock.run(machine.done(job))


# --- copy and delete ----------------------------------------------------------------------


def test_a_copy_is_the_same_under_another_name() -> None:
    """Newer than its source, with the same digest and the same files."""
    machine = Machine(VirtualClock())
    assert isinstance(machine.clock, VirtualClock)
    machine.clock.advance(10)
    assert done(machine, Copy("Test-Model", "me/copy")) == [Answer(None)]
    copy = machine.store.find("me/copy")
    assert (copy.model.name, copy.model.digest) == ("me/copy:latest", TEST_MODEL.digest)
    assert machine.store.newest_first()[0] is copy


def test_a_copy_takes_the_case_of_what_is_there() -> None:
    """Each part of its name on its own."""
    machine = Machine(VirtualClock(), models=(TEST_MODEL, model("MyUser/Camel", layer("model", 1))))
    done(machine, Copy(NAME, "MYUSER/new"))
    assert machine.store.names == [NAME, "MyUser/Camel", "MyUser/new:latest"]


def test_a_copy_onto_itself_is_nothing() -> None:
    """It stays as old as it was."""
    machine = Machine(VirtualClock())
    before = machine.store.find(NAME)
    assert isinstance(machine.clock, VirtualClock)
    machine.clock.advance(10)
    done(machine, Copy(NAME, NAME.upper()))
    assert machine.store.find(NAME) is before


def test_a_copy_over_another_model() -> None:
    """That one is gone, but its files stay."""
    machine = Machine(VirtualClock())
    done(machine, Copy(NAME, OTHER_MODEL.name))
    assert machine.store.find(OTHER_MODEL.name).model.digest == TEST_MODEL.digest
    assert {each.digest for each in layers_of(OTHER_MODEL)} <= machine.store.blobs.keys()


def test_a_damaged_manifest_is_copied() -> None:
    """Nobody looks into it."""
    machine = Machine(VirtualClock(), models=(model("broken", broken="no JSON"),))
    done(machine, Copy("broken", "worse"))
    with pytest.raises(Refusal, match="no JSON"):
        machine.store.find("worse")
    assert machine.store.newest_first() == ()


def test_the_source_is_missing() -> None:
    """It is told as it was typed."""
    with pytest.raises(ModelMissing) as caught:
        done(Machine(VirtualClock()), Copy("Nope", "x"))
    assert caught.value.model == "Nope"


def test_a_deleted_model_is_gone() -> None:
    """With the files that no other model has; it stays in memory."""
    machine = Machine(VirtualClock())
    done(machine, Copy(NAME, "copy"))
    done(machine, Delete(f" {NAME} "))
    assert machine.store.names == [OTHER_MODEL.name, "copy:latest"]
    assert TEST_MODEL.digest in machine.store.blobs
    done(machine, Delete("COPY"))
    assert TEST_MODEL.digest not in machine.store.blobs
    with pytest.raises(ModelMissing) as caught:
        done(machine, Delete("copy:7b"))
    assert caught.value.model == "copy:7b"


def test_a_damaged_model_is_not_deleted() -> None:
    """Its files can't be known."""
    machine = Machine(VirtualClock(), models=(model("broken", broken="no JSON"),))
    with pytest.raises(Refusal) as caught:
        done(machine, Delete("broken"))
    assert (caught.value.status, caught.value.origin) == (500, Origin.HANDLER)


@pytest.mark.parametrize(
    ("typed", "installed"),
    [("m:cloud", "m:cloud"), ("m:7b:cloud", "m:7b-cloud"), ("m:7b-cloud", "m:7b-cloud")],
)
def test_a_cloud_name_means_its_stub(typed: str, installed: str) -> None:
    """As it was pulled (4.16)."""
    machine = Machine(VirtualClock(), models=(model(installed, layer("config", 1)),))
    done(machine, Delete(typed))
    assert machine.store.names == []


def test_the_old_profile_knows_no_suffixes() -> None:
    """There `:cloud` is a tag like any other."""
    settings = Settings(wire="0.13.5")
    models = (model("m:7b-cloud", layer("config", 1)),)
    machine = Machine(VirtualClock(), models=models, settings=settings)
    with pytest.raises(ModelMissing):
        done(machine, Delete("m:7b:cloud"))


# --- blobs --------------------------------------------------------------------------------


async def _hello() -> AsyncIterator[bytes]:
    yield b"hello "
    yield b"blob"


async def _nobody() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def _torn() -> AsyncIterator[bytes]:
    yield b"hello "
    raise Refusal(400, "unexpected EOF", Origin.DECODE)


def test_a_file_is_taken_in_once() -> None:
    """The second time it isn't read."""
    machine = Machine(VirtualClock())
    assert done(machine, PutBlob(f"sha256:{DIGEST}", _hello)) == [Answer(True)]
    assert done(machine, FindBlob(f"sha256-{DIGEST}")) == [Answer(None)]
    assert done(machine, PutBlob(f"sha256-{DIGEST}", _nobody)) == [Answer(False)]
    assert machine.store.blobs[DIGEST].size == 10


def test_the_files_of_models_are_there() -> None:
    """Whoever wants to upload them learns it."""
    machine = Machine(VirtualClock())
    for each in layers_of(TEST_MODEL):
        assert done(machine, FindBlob(f"sha256:{each.digest}")) == [Answer(None)]


@pytest.mark.parametrize("expected", [f"sha256:{'0' * 64}", f"sha256-{DIGEST}"])
def test_a_mismatch_is_kept_under_its_true_digest(expected: str) -> None:
    """The spelling with a dash never fits a new file."""
    machine = Machine(VirtualClock())
    with pytest.raises(Refusal) as caught:
        done(machine, PutBlob(expected, _hello))
    assert caught.value.status == 400
    assert caught.value.message == (
        f'digest mismatch, expected "{expected}", got "sha256:{DIGEST}"'
    )
    assert DIGEST in machine.store.blobs


def test_a_torn_upload_is_not_kept() -> None:
    """And the server is to blame."""
    machine = Machine(VirtualClock())
    before = dict(machine.store.blobs)
    with pytest.raises(Refusal) as caught:
        done(machine, PutBlob(f"sha256:{DIGEST}", _torn))
    assert (caught.value.status, caught.value.message) == (500, "unexpected EOF")
    assert machine.store.blobs == before


@pytest.mark.parametrize(
    ("job", "status", "message"),
    [
        (FindBlob("sha256:xyz"), 400, "invalid digest format"),
        (PutBlob("xyz", _nobody), 400, "invalid digest format"),
        (FindBlob(f"sha256:{'A' * 64}"), 404, f'blob "sha256:{"A" * 64}" not found'),
    ],
)
def test_no_such_file(job: Job, status: int, message: str) -> None:
    """Malformed or missing."""
    with pytest.raises(Refusal) as caught:
        done(Machine(VirtualClock()), job)
    assert (caught.value.status, caught.value.message) == (status, message)


# --- ollama.com ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "status", "message", "origin"),
    [
        (Account(), 503, "account unavailable", Origin.HANDLER),
        (Account(sign_out=True), 500, "there was an error signing out", Origin.HANDLER),
        (CloudCall("/api/web_search", "x"), 401, "unauthorized", Origin.CLOUD),
    ],
)
def test_ollama_com_is_out_of_reach(job: Job, status: int, message: str, origin: Origin) -> None:
    """Whatever is asked of it."""
    with pytest.raises(Refusal) as caught:
        done(Machine(VirtualClock()), job)
    refusal = caught.value
    assert (refusal.status, refusal.message, refusal.origin) == (status, message, origin)


def test_the_old_profile_knows_nobody() -> None:
    """It says nothing of the failure."""
    machine = Machine(VirtualClock(), settings=Settings(wire="0.13.5"))
    assert done(machine, Account()) == [Answer(None)]


@pytest.mark.parametrize(("off", "source"), [(False, "none"), (True, "env")])
def test_whether_the_cloud_is_off(off: bool, source: str) -> None:
    """And by what."""
    machine = Machine(VirtualClock(), settings=Settings(no_cloud=off))
    assert done(machine, CloudStatus()) == [Answer((off, source))]


def test_jobs_share_one_machine() -> None:
    """What one job changed the next one finds."""

    async def main(clock: VirtualClock) -> list[str]:
        machine = Machine(clock)
        await machine.done(Copy(NAME, "a"))
        await machine.done(Copy("a", "b"))
        await machine.done(Delete("a"))
        return machine.store.names

    assert virtual(main) == [NAME, OTHER_MODEL.name, "b:latest"]
