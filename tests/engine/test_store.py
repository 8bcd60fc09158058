"""The models on a server's disk."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.store import TEST_MODEL, Store
from ollama_simulator.model import Layer, Model, ModelMissing, Refusal
from ollama_simulator.names import parse


def model(name: str, size: int = 1) -> Model:
    """A model of this name."""
    return Model(name, size, "digest", "family", "7B", "Q4")


def test_one_model_is_installed_at_the_start() -> None:
    """The seed's defaults."""
    store = Store(VirtualClock())
    assert store.names == ["test-model:latest"]
    found = store.find("test-model").model
    assert found == TEST_MODEL
    assert found.size == 4_000_000_000
    assert found.digest.startswith("abc123def456abc123")
    assert len(found.digest) == 64
    assert (found.family, found.parameter_size, found.quantization_level) == (
        "test",
        "7B",
        "Q4_K_M",
    )


@pytest.mark.parametrize(
    "name",
    ["test-model", "test-model:latest", "TEST-Model", "library/test-model", " test-model:LATEST "],
)
def test_any_spelling_finds_it(name: str) -> None:
    """The tag `latest`, the default host and namespace and any case are understood."""
    store = Store(VirtualClock())
    assert store.find(name).model is TEST_MODEL
    assert store.get(name) is store.find(name)


@pytest.mark.parametrize("name", ["", "test", "test-model:7b", "me/test-model", "test-model2"])
def test_other_names_are_missing(name: str) -> None:
    """There is no prefix matching, and the name is told as it was typed."""
    store = Store(VirtualClock())
    assert store.get(name) is None
    with pytest.raises(ModelMissing) as caught:
        store.find(name)
    assert caught.value.model == name


def test_replace_installs_exactly_these() -> None:
    """What was there before is gone; names stay as given, in the order given."""
    store = Store(VirtualClock())
    store.replace([model("b"), model("A:7b"), model("c:latest")])
    assert store.names == ["b", "A:7b", "c:latest"]
    assert store.get("test-model") is None
    assert store.find("a:7B").model.name == "A:7b"
    store.replace([])
    assert store.names == []
    assert store.newest_first() == ()


def test_of_two_with_one_name_the_last_wins() -> None:
    """`m` and `M:latest` are one model."""
    store = Store(VirtualClock(), [model("m", 1), model("n", 2), model("M:latest", 3)])
    assert [store.find("m").model.size, len(store.names)] == [3, 2]


def test_newest_first() -> None:
    """Models of one second stand in the order given; each has the time it was installed."""
    clock = VirtualClock()
    store = Store(clock)
    clock.advance(10.25)
    store.replace([model("b"), model("a")])
    assert [entry.model.name for entry in store.newest_first()] == ["b", "a"]
    assert {entry.modified_ns for entry in store.newest_first()} == {
        clock.EPOCH_NS + 10_250_000_000
    }


def test_a_damaged_manifest() -> None:
    """It is installed and found, but not listed, and who looks into it is refused."""
    broken = replace(model("broken"), broken="no JSON")
    store = Store(VirtualClock(), [model("sound"), broken])
    assert store.get("broken") is not None
    assert [entry.model.name for entry in store.newest_first()] == ["sound"]
    with pytest.raises(Refusal) as caught:
        store.find("broken")
    assert (caught.value.status, caught.value.message) == (500, "no JSON")


def test_a_time_of_installation_is_believed() -> None:
    """Of a model that says so; all others are as old as the server."""
    store = Store(VirtualClock(), [replace(model("old"), modified_ns=5), model("new")])
    assert [entry.model.name for entry in store.newest_first()] == ["new", "old"]
    assert store.find("old").modified_ns == 5


def test_install_and_remove() -> None:
    """One more, in place of one with the same name; one less. Files go with their last model."""
    shared = Layer("model", "aa" * 32, 10)
    first = replace(model("first"), layers=(shared, Layer("config", "bb" * 32, 1)))
    second = replace(model("second"), layers=(shared, Layer("config", "cc" * 32, 1)))
    store = Store(VirtualClock(), [first])
    store.install(second)
    assert store.blobs.keys() == {"aa" * 32, "bb" * 32, "cc" * 32}
    store.install(replace(second, name="FIRST"))
    assert store.names == ["FIRST", "second"]
    assert store.blobs.keys() == {"aa" * 32, "cc" * 32}
    store.remove("second:latest")
    assert store.blobs.keys() == {"aa" * 32, "cc" * 32}
    store.remove("first")
    assert (store.names, store.blobs) == ([], {})
    with pytest.raises(ModelMissing):
        store.remove("first")


def test_old_files_can_be_kept() -> None:
    """As a copy over another model keeps them."""
    store = Store(VirtualClock(), [model("m", 1)])
    before = set(store.blobs)
    store.install(replace(model("m", 1), digest="other"), prune=False)
    assert before < store.blobs.keys()


def test_a_name_takes_the_case_of_what_is_there() -> None:
    """Each part on its own."""
    store = Store(VirtualClock(), [model("MyUser/Camel:7B"), model("Host.io/you/m")])
    assert store.spelled(parse("host.IO/MYUSER/new:7b")).full == "Host.io/MyUser/new:7B"
    assert store.spelled(parse("new")) == parse("new")
