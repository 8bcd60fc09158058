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
