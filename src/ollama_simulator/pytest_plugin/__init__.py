"""The pytest plugin: simulated Ollama servers as fixtures, and what a test left behind as an error.

Rules of this file:

1. It is loaded in every test session of an environment that has the package, so it imports
   nothing but pytest until a test asks for a fixture of it.
2. What went wrong in a test is never hidden by what it left behind.

It must not import anything of this package when it is imported itself.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ollama_simulator.pytest_plugin.held import Held
    from ollama_simulator.simulation.blocking_fleet import Fleet
    from ollama_simulator.simulation.blocking_server import Server

HELD: "pytest.StashKey[Held]" = pytest.StashKey()
"""The fleet of a test, from its start on."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    group = parser.getgroup("ollama_simulator", "simulated Ollama servers")
    group.addoption(
        "--ollama-seed",
        type=int,
        metavar="N",
        help="the seed of every fleet whose marker names none (default: 0)",
    )
    group.addoption(
        "--ollama-journal",
        metavar="DIR",
        help="keep the journal of each test that had a fleet in a file of this folder (JSON lines)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "ollama(servers=1, profile=..., seed=0, behavior=..., rules=[...], models=[...], "
        "allow=[...], ...): what the fixtures `ollama` and `ollama_fleet` start for a test, and "
        "which of 'unstruck', 'busy' and 'internal-error' may be left behind",
    )


@pytest.fixture
def _ollama_held(request: pytest.FixtureRequest) -> "Iterator[Held]":
    from ollama_simulator.pytest_plugin import held

    yield from held.holding(request)


@pytest.fixture
def ollama_fleet(_ollama_held: "Held") -> "Fleet":
    """A fleet of simulated Ollama servers of this test's own: three, or what its marker `ollama`
    says."""
    return _ollama_held.fleet


@pytest.fixture
def ollama(_ollama_held: "Held") -> "Server":
    """A simulated Ollama server of this test's own, or the first if its marker `ollama` asks for
    more."""
    return _ollama_held.fleet[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the journal to the report of a test that failed."""
    held = item.stash.get(HELD, None)
    if held is None:
        return (yield)
    held.look(call)
    report = yield
    held.tell(report)
    return report
