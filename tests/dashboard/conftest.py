"""One simulator and one browser for each file of tests; a new page for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.program import Program
from tests.dashboard.browser import Visit, browsing, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLEET = """
seed = 7
control_port = 0
[defaults]
engine = "current"
profile = "rtx-4090-llama3-8b"
num_parallel = 2
[[servers]]
[[servers]]
[[servers]]
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def program(browser: Browser, tmp_path_factory: Any) -> Iterator[Program]:
    """A simulator with three servers. It is started only if there is a browser to look at it."""
    file = tmp_path_factory.mktemp("fleet") / "fleet.toml"
    file.write_text(FLEET, encoding="utf-8")
    with Program("--config", str(file)) as program:
        yield program


@pytest.fixture
def fleet(program: Program) -> Program:
    """The same, as it was at the start."""
    program.accepted("POST", "/reset", {"clear_counters": True})
    return program


@pytest.fixture
def visit(browser: Browser, fleet: Program) -> Iterator[Visit]:
    """A page that shows it."""
    with visiting(browser, fleet.control_port) as visit:
        yield visit


@pytest.fixture
def page(visit: Visit) -> Page:
    """The page itself."""
    return visit.page
