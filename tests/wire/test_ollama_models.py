"""`/`, `/api/version`, `/api/tags` and `/api/ps`."""

from __future__ import annotations

import msgspec
import pytest

from ollama_simulator.model import Answer, Installed, ListLoaded, ListModels, Model, Nothing
from ollama_simulator.settings import Settings
from tests.wire.speaking import COMMUNITY, INSTALLED, LOADED, MODEL, ask

JSON = "application/json; charset=utf-8"
OLD = Settings(wire="0.13.5")
HELSINKI = Settings(zone="Europe/Helsinki")
DETAILS = (
    '"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],'
    '"parameter_size":"8.0B","quantization_level":"Q4_K_M"}'
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_root(method: str) -> None:
    """The sign of life."""
    codec = ask(method, "/")
    assert (codec.job, codec.media) == (Nothing(), "text/plain; charset=utf-8")
    assert codec.collect([Answer(None)]) == b"Ollama is running"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_version(method: str) -> None:
    """The version that is imitated."""
    codec = ask(method, "/api/version")
    assert (codec.job, codec.media) == (Nothing(), JSON)
    assert codec.collect([Answer(None)]) == b'{"version":"0.33.0-rc2"}'
    old = ask(method, "/api/version", settings=OLD)
    assert old.collect([Answer(None)]) == b'{"version":"0.13.5"}'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_tags(method: str) -> None:
    """Each installed model, under its canonical name."""
    codec = ask(method, "/api/tags")
    assert (codec.job, codec.media) == (ListModels(), JSON)
    assert codec.collect([Answer((INSTALLED,))]).decode() == (
        '{"models":[{"name":"plain:latest","model":"plain:latest",'
        '"modified_at":"2025-10-09T08:53:20Z","size":67134368,"digest":"3a2f",'
        f'{DETAILS},"capabilities":["completion"]}}]}}'
    )
    assert codec.collect([Answer(())]) == b'{"models":[]}'
    assert b'"name":"hf.co/bart/Foo-GGUF:Q4_K_M"' in codec.collect([Answer((COMMUNITY,))])


def test_ps() -> None:
    """Each model in memory, with the time of its end."""
    codec = ask("GET", "/api/ps")
    assert (codec.job, codec.media) == (ListLoaded(), JSON)
    assert codec.collect([Answer((LOADED,))]).decode() == (
        '{"models":[{"name":"plain:latest","model":"plain:latest","size":70000000,"digest":"3a2f",'
        f'{DETAILS},"expires_at":"2026-11-23T14:12:49.443536332Z","size_vram":70000000,'
        '"context_length":4096}]}'
    )
    assert codec.collect([Answer(())]) == b'{"models":[]}'


def test_ps_for_ever() -> None:
    """No end is the farthest time that Go knows."""
    loaded = msgspec.structs.replace(LOADED, expires_ns=None)
    body = ask("GET", "/api/ps").collect([Answer((loaded,))])
    assert b'"expires_at":"2319-03-05T13:52:38.29368430' in body


def test_details_are_those_of_the_model() -> None:
    """Nothing of the fixture is wired in."""
    model = msgspec.structs.replace(MODEL, family="qwen3", parameter_size="32.8B")
    body = ask("GET", "/api/tags").collect([Answer((Installed(model, 0),))])
    assert b'"family":"qwen3","families":["qwen3"],"parameter_size":"32.8B"' in body


FULL = msgspec.structs.replace(
    MODEL,
    families=("llama", "clip"),
    format="safetensors",
    capabilities=("tools", "thinking", "completion"),
    listed_capabilities=("completion",),
    context_length=8192,
    embedding_length=64,
    remote_model="gpt-oss:20b",
    remote_host="https://ollama.com:443",
)
FULL_DETAILS = (
    '"details":{"parent_model":"","format":"safetensors","family":"llama",'
    '"families":["llama","clip"],"parameter_size":"8.0B","quantization_level":"Q4_K_M"'
)


def tags(model: Model, settings: Settings) -> str:
    """The list of one model."""
    return (
        ask("GET", "/api/tags", settings=settings)
        .collect([Answer((Installed(model, 0),))])
        .decode()
    )


def test_all_that_tags_tell() -> None:
    """In the order of Ollama's keys."""
    assert tags(FULL, Settings()) == (
        '{"models":[{"name":"plain:latest","model":"plain:latest","remote_model":"gpt-oss:20b",'
        '"remote_host":"https://ollama.com:443","modified_at":"1970-01-01T00:00:00Z",'
        f'"size":67134368,"digest":"3a2f",{FULL_DETAILS},"context_length":8192,'
        '"embedding_length":64},"capabilities":["completion"]}]}'
    )
    assert '"capabilities":["tools","thinking","completion"]}]}' in tags(
        msgspec.structs.replace(FULL, listed_capabilities=None), Settings()
    )


def test_what_tags_leave_out() -> None:
    """Empty capabilities, and all that the old version didn't know. No families are null."""
    bare = msgspec.structs.replace(MODEL, families=(), listed_capabilities=())
    assert tags(bare, Settings()).endswith('"quantization_level":"Q4_K_M"}}]}')
    assert '"families":null' in tags(bare, Settings())
    assert tags(FULL, OLD).endswith(f"{FULL_DETAILS}}}}}]}}")


def test_times_are_those_of_the_zone() -> None:
    """With its offset."""
    assert '"modified_at":"1970-01-01T02:00:00+02:00"' in tags(MODEL, HELSINKI)
    loaded = ask("GET", "/api/ps", settings=HELSINKI).collect([Answer((LOADED,))])
    assert b'"expires_at":"2026-11-23T16:12:49.443536332+02:00"' in loaded


def test_ps_details_are_short() -> None:
    """They have no lengths."""
    loaded = msgspec.structs.replace(LOADED, model=FULL)
    assert f'{FULL_DETAILS}}},"expires_at"' in (
        ask("GET", "/api/ps").collect([Answer((loaded,))]).decode()
    )
