"""The file of a profile can be read, and says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ollama_simulator import hardware
from ollama_simulator.calibrate.facts import _kv_bytes
from ollama_simulator.calibrate.findings import Findings, Stream
from ollama_simulator.calibrate.write import name_of, toml
from ollama_simulator.clock import VirtualClock
from ollama_simulator.fleet import Fleet
from tests.calibrate.bench import concluded, findings, settings


@pytest.mark.parametrize("name", hardware.names())
def test_every_profile_survives_its_file(tmp_path: Path, name: str) -> None:
    """What is read is what was written."""
    profile = hardware.named(name)
    file = tmp_path / "profile.toml"
    file.write_text(toml(profile), encoding="utf-8")
    assert hardware.read(file) == profile


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives_it(words: str) -> None:
    """Marks of TOML and control characters, too."""
    profile = replace(hardware.named("tiny"), note=words)
    assert hardware._read(toml(profile), "here") == profile


def test_what_the_file_says() -> None:
    """Source, engine, what was worked out, and what is missing."""
    profile = hardware.named("rtx-4090-llama3-8b")
    clock = VirtualClock()

    async def main() -> hardware.HardwareProfile:
        async with Fleet(clock=clock, settings=settings(profile, "current", 2)) as fleet:
            (port,) = fleet.ports
            return concluded(await findings(clock, port, profile.model.name)).profile

    found = clock.run(main())
    assert found.source == (
        "ollama_simulator calibrate http://a on 2026-11-29: Ollama 0.33.0-rc2, "
        "8,192 tokens of context, 2 answers at a time"
    )
    assert (found.trust, found.engine) == ("A", "current")
    assert found.derived == ("load.fixed_s", "model.kv_bytes_per_token")
    assert "Not measured: decode.g: it takes more slots" in found.note
    assert "A batch of 1,024 was seen with this context." in found.note
    assert "behind another one it was still there." in found.note
    assert found.model.size == profile.model.size
    assert found.model.family == "llama"


def test_an_exponent_that_no_machine_has(tmp_path: Path) -> None:
    """What an unsteady server seems to have is cut to what can be read again."""
    profile = hardware.named("tiny")
    clock = VirtualClock()

    async def main() -> Findings:
        async with Fleet(clock=clock, settings=settings(profile, "current")) as fleet:
            (port,) = fleet.ports
            return await findings(clock, port, "test-model:latest")

    found = clock.run(main())
    gap, contexts = found.shallow.gap, found.shallow.contexts
    crowds = (Stream(gap * 1.001, 2, contexts), Stream(gap * 2, 3, contexts))
    written = concluded(replace(found, crowds=crowds)).profile
    assert written.decode.g == hardware.STEEPEST
    file = tmp_path / "found.toml"
    file.write_text(toml(written), encoding="utf-8")
    assert hardware.read(file) == written


def test_names() -> None:
    """Of a model, as a file could be called."""
    names = ["qwen3:32b", "hf.co/Some/Model:Q4_K_M", "::"]
    assert [name_of(name) for name in names] == ["qwen3-32b", "hf.co-some-model-q4-k-m", "model"]


def test_the_cache_of_a_token() -> None:
    """By the shape of the attention; 0 if that isn't told, or differs from layer to layer."""
    info = {
        "general.architecture": "qwen3",
        "qwen3.block_count": 64,
        "qwen3.attention.head_count_kv": 8,
        "qwen3.attention.key_length": 128,
        "qwen3.attention.value_length": 128,
    }
    assert _kv_bytes(info) == 262_144
    assert _kv_bytes({**info, "qwen3.attention.head_count_kv": [8, 0]}) == 0
    assert _kv_bytes({}) == 0
    del info["qwen3.attention.key_length"], info["qwen3.attention.value_length"]
    info |= {"qwen3.embedding_length": 5_120, "qwen3.attention.head_count": 40}
    assert _kv_bytes(info) == 262_144
