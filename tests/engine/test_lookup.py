"""Which model a name means."""

from __future__ import annotations

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.model import (
    Answer,
    Event,
    Installed,
    Layer,
    Model,
    ModelMissing,
    Refusal,
    Show,
)
from ollama_simulator.settings import Settings
from tests.engine.driving import OTHER_MODEL, Machine, virtual

CLOUD = Model("x:cloud", 1, "c", "llama", "1B", "F16")
BARE = Model("bare", 2, "b", "", "", "", layers=(Layer("config", "0" * 64, 2),))
STUB = Model("stub", 1, "s", "", "", "", remote_host="h", remote_model="m")


def described(name: str, settings: Settings | None = None) -> str:
    """The name of the model that is described."""

    async def main(clock: VirtualClock) -> list[Event]:
        machine = Machine(clock, models=(OTHER_MODEL, CLOUD, STUB, BARE), settings=settings)
        return await machine.done(Show(name))

    (event,) = virtual(main)
    assert isinstance(event, Answer)
    assert isinstance(event.value, Installed)
    return event.value.model.name


@pytest.mark.parametrize("name", ["other:7b", " OTHER:7b ", "other:7b:local", "Other:7B:LOCAL"])
def test_local_names(name: str) -> None:
    """In any case, with the suffix that says so or without."""
    assert described(name) == "other:7b"


@pytest.mark.parametrize("name", ["nope", "nope:local", "x:local"])
def test_missing_names(name: str) -> None:
    """The complaint has the name as it was typed."""
    with pytest.raises(ModelMissing) as caught:
        described(name)
    assert caught.value.model == name


def test_a_missing_name_of_the_old_version() -> None:
    """It is told as it was typed, whoever describes it."""
    with pytest.raises(Refusal) as caught:
        described("Nope", Settings(wire="0.13.5"))
    assert (caught.value.status, caught.value.message) == (404, "model 'Nope' not found")


def test_names_of_the_cloud() -> None:
    """They don't run, whatever is installed; in the old version they were names as any other."""
    with pytest.raises(Refusal) as caught:
        described("x:cloud")
    assert (caught.value.status, caught.value.message) == (401, "unauthorized")
    with pytest.raises(Refusal) as caught:
        described("x:7b-cloud", Settings(no_cloud=True))
    details = "ollama cloud is disabled: remote model details are unavailable"
    assert (caught.value.status, caught.value.message) == (403, details)
    assert described("x:cloud", Settings(wire="0.13.5")) == "x:cloud"


def test_stubs() -> None:
    """They are described, unless the cloud is off or the name says that it is here."""
    assert described("stub") == "stub"
    with pytest.raises(Refusal) as caught:
        described("stub:local")
    assert (caught.value.status, caught.value.message) == (404, "model 'stub:local' not found")
    with pytest.raises(Refusal) as caught:
        described("stub", Settings(no_cloud=True))
    assert caught.value.status == 403


def test_a_model_without_weights_is_not_described() -> None:
    """Such as one that was made of a stub: it is installed, but there is nothing to tell of it."""
    assert described("stub") == "stub"
    with pytest.raises(ModelMissing) as caught:
        described("bare")
    assert caught.value.model == "bare"
