"""How a server is set up."""

from __future__ import annotations

import pytest

from ollama_simulator.settings import Settings


def test_zones() -> None:
    """There is a zone of that name, or it is refused."""
    assert Settings(zone="Asia/Kolkata").zone == "Asia/Kolkata"
    for wrong in ("Mars", "", "../etc", "+03:00"):
        with pytest.raises(ValueError, match=r"is not the name of a time zone"):
            Settings(zone=wrong)


@pytest.mark.parametrize("said", ["small", "small:latest", "Small", "library/small:latest"])
@pytest.mark.parametrize("installed", ["small", "small:latest"])
def test_the_profile_of_a_model_is_found_by_any_spelling_of_its_name(
    said: str, installed: str
) -> None:
    settings = Settings(model_profiles={said: "tiny"})
    assert settings.hardware_for(installed).name == "tiny"
    assert settings.hardware_for("small:1b").name == settings.hardware_for("other").name == "seed"
