"""Faults that happen before there is a request."""

from __future__ import annotations

import pytest

from ollama_simulator.acts import Door
from ollama_simulator.faults.door import ConnectionRefused, ConnectTimeout, Frozen
from ollama_simulator.faults.fault import Fault
from tests.faults.acting import STREAM, bent


@pytest.mark.parametrize(
    ("fault", "door"),
    [
        (ConnectionRefused(), Door.SHUT),
        (ConnectTimeout(), Door.DEAF),
        (Frozen(), Door.FROZEN),
        (Fault(), Door.OPEN),
    ],
)
def test_doors(fault: Fault, door: Door) -> None:
    """Each sets the door, and bends no answer that comes through all the same."""
    assert fault.door is door
    assert bent(fault, STREAM) == list(STREAM)
