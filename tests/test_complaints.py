"""What is wrong with what a user wrote, and what would be right."""

import pytest

from ollama_simulator.complaints import CAPABILITIES, about_models, field_of, with_choices
from ollama_simulator.model import Model


def model(name: str, *capabilities: str) -> Model:
    """A model of this name that can do this."""
    return Model(
        name=name,
        size=1,
        digest="d",
        family="f",
        parameter_size="1B",
        quantization_level="F16",
        capabilities=capabilities,
    )


def test_sound_models_are_no_reason_to_complain() -> None:
    assert about_models([model("a", *CAPABILITIES), model("b"), model("a:1b")]) is None


@pytest.mark.parametrize(
    ("models", "place", "words"),
    [
        ([model("a"), model("b c")], "[1].name", "'b c' is no model name; it must look like"),
        ([model("a"), model("A:latest")], "[1].name", "'A:latest' stands twice, first at [0]"),
        ([model("a", "tools", "tool")], "[0].capabilities[1]", "'tool' is no capability"),
    ],
)
def test_the_first_wrong_model_is_named(models: list[Model], place: str, words: str) -> None:
    found = about_models(models)
    assert found is not None
    assert found[0] == place
    assert found[1].startswith(words)


def test_only_a_field_of_few_values_gets_them_named() -> None:
    wrong = "Invalid enum value 'x'"
    assert with_choices(wrong, "tokenizer") == f"{wrong}; there are words, quarters"
    assert with_choices(wrong, "family") == wrong
    assert with_choices("Expected `str`, got `int`", "tokenizer") == "Expected `str`, got `int`"


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("$.models[0].path", "path"),
        ("wire", "wire"),
        ("servers[0].capabilities[2]", "capabilities"),
    ],
)
def test_the_field_at_a_place(place: str, field: str) -> None:
    assert field_of(place) == field
