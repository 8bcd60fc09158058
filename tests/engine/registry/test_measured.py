"""The model of a hardware profile, as an installed one."""

from __future__ import annotations

from ollama_simulator import hardware
from ollama_simulator.engine.registry.measured import measured
from ollama_simulator.hardware import Weights


def test_a_profile_for_no_model_has_none() -> None:
    assert measured(hardware.named("seed").model) == ()


def test_a_model_that_the_library_knows_can_what_that_says() -> None:
    """Its size and lengths are the profile's."""
    (model,) = measured(hardware.named("rtx-5090-qwen3-32b").model)
    assert (model.name, model.size, model.family) == ("qwen3:32b", 20_200_000_000, "qwen3")
    assert (model.context_length, model.kv_bytes_per_token) == (40_960, 262_144)
    assert (model.parameter_size, model.quantization_level) == ("32.8B", "Q4_K_M")
    assert model.capabilities == ("completion", "tools", "thinking")
    assert (model.embedding_length, model.embeds) == (5120, False)
    assert len(model.digest) == 64


def test_another_one_can_what_most_can() -> None:
    weights = Weights(name="ours:1b", size=5, family="llama")
    (model,) = measured(weights)
    assert (model.name, model.size, model.family) == ("ours:1b", 5, "llama")
    assert model.capabilities == ("completion", "tools")
    assert model.digest != measured(Weights(name="ours:2b"))[0].digest
