"""Which script answers a job."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.model import Embed, Infer, Message
from ollama_simulator.script import Load, Script

CHAT = Infer("m", (Message("system", "be"), Message("user", "what is it?")))
GENERATE = Infer("M:latest", kind="generate", prompt="what is it?")


@pytest.mark.parametrize("job", [CHAT, GENERATE, Embed("m", ("a", "what is it?"))])
@pytest.mark.parametrize(
    ("script", "fits"),
    [
        (Script(), True),
        (Script(model="m"), True),
        (Script(model="library/M:latest"), True),
        (Script(model="n"), False),
        (Script(contains="is"), True),
        (Script(contains="be"), False),
        (Script(matches="i[st] it"), True),
        (Script(matches="^it"), False),
        (Script(contains="what", matches="nope"), False),
    ],
)
def test_fitting(job: Infer | Embed, script: Script, fits: bool) -> None:
    """By model, and by what stands in the last message, the prompt or an input."""
    assert Scripts([script]).take(job) == (script if fits else None)


def test_the_first_that_fits_as_often_as_it_may() -> None:
    """Then the next one."""
    first, second = Script(contains="it", times=2), Script()
    scripts = Scripts([Script(contains="nope"), first, second])
    assert [scripts.take(CHAT) for _ in range(4)] == [first, first, second, second]
    scripts.replace([first])
    assert [scripts.take(CHAT) for _ in range(3)] == [first, first, None]
    assert scripts.all == (first,)


def test_the_name_that_a_model_is_installed_under() -> None:
    """It counts where a job calls it by another one."""
    scripts = Scripts([Script(model="m")])
    local = Infer("m:local", CHAT.messages)
    assert scripts.take(local) is None
    assert scripts.take(local, "m:latest") is not None


def test_a_mere_load_uses_only_what_tells_of_loads() -> None:
    """All others are left for answers."""
    load = Script(load=Load(delay_ms=1.0), times=1)
    scripts = Scripts([Script(times=1), load])
    assert scripts.take(Infer("m")) == load
    assert scripts.take(Infer("m")) is None
    assert scripts.take(CHAT) == Script(times=1)
