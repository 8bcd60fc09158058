"""One program for all acceptance tests, brought back to its start before each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.program import Fleet, Program


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """Run a fleet of four servers; at the end it must stop well and have said nothing."""
    with Program("--control-port", "0", "--server-ports", "0,0,0,0") as running:
        yield running


@pytest.fixture
def fleet(program: Program) -> Iterator[Fleet]:
    """Give the running fleet, reset; afterwards no server may be busy with what we left."""
    said = len(program.stderr)
    program.accepted("POST", "/reset", {"clear_counters": True})
    fleet = Fleet(program)
    yield fleet
    fleet.close()
    for port in program.ports:
        program.await_active(port, 0)
    assert program.process.poll() is None, f"the program died: {program.stderr}"
    assert program.stderr[said:] == ""
