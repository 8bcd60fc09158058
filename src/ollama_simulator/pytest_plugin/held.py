"""The fleet of one test: how it starts, ends, and what is told of it.

Rules of this file:

1. Each test has a fleet of its own, on ports that the kernel chose.
2. A test that did not pass is not judged by what it left behind; that is told with its journal.

It must not import the programs.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet_file import BadFile
from ollama_simulator.presence import Unsupported
from ollama_simulator.pytest_plugin import HELD
from ollama_simulator.pytest_plugin.findings import BUSY, Finding, findings, running
from ollama_simulator.pytest_plugin.marker import Wish, wish
from ollama_simulator.records import Finished, Record
from ollama_simulator.simulation.blocking_fleet import Fleet
from ollama_simulator.simulation.simulate import simulate
from ollama_simulator.simulation.verdict import Unverified
from ollama_simulator.transcript import transcript

MARKER = "ollama"
SECTION = "ollama_simulator journal"
"""What the journal is called in a report."""
GRACE_S = 1.0
"""Seconds that requests in progress have to end, after their test. What a client that left still
causes is over in milliseconds."""
MOST = 80
"""Lines of a journal in a report."""
FLEET, ALONE = 3, 1
"""How many servers there are, unless a marker says so: for a test that asks for a fleet, and for
one that asks for a server."""
LONGEST = 120
"""Characters of a test's name in the name of a file."""
PACKAGE = str(Path(__file__).parent.parent)


class Held:
    """A fleet while a test has it, and what is known of it afterwards."""

    def __init__(self, item: pytest.Item, fleet: Fleet, wish: Wish) -> None:
        self.fleet = fleet
        self._wish = wish
        self._file = _file(item)
        self._properties = item.user_properties
        self._records: list[Record] | None = None
        """The whole journal, when the fleet has ended."""
        self._passed = True
        self._told = False

    def look(self, call: "pytest.CallInfo[None]") -> None:
        """Learn how a phase of the test ended. An exception in any of them, even one that skips the
        test, means that it did not do all that it wanted to."""
        if call.excinfo is not None:
            self._passed = False
            _shorten(call.excinfo.value)

    def tell(self, report: pytest.TestReport) -> None:
        """Attach the journal to the report of the first phase that failed, and to JUnit's file."""
        if not report.failed or self._told:
            return
        self._told = True
        text = self._text()
        report.sections.append((SECTION, text))
        self._properties.append((SECTION, text))
        if report.when == "teardown":  # the one whose properties pytest writes
            report.user_properties.append((SECTION, text))

    def end(self) -> list[Finding]:
        """Keep the journal, and find what the test should not have left behind. The fleet must
        still be there."""
        if self._passed and BUSY not in self._wish.allow:
            self._wait()
        self._records, rules = self.fleet.journal.records, self._rules()
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lines = [msgspec.json.encode(record) for record in self._records]
            self._file.write_bytes(b"\n".join([*lines, b""]))
        if not self._passed:
            return []
        return [
            each for each in findings(self._records, rules) if each.kind not in self._wish.allow
        ]

    def _wait(self) -> None:
        """Give requests in progress the grace to end, one after the other."""
        journal = self.fleet.journal
        for number in running(journal.records):
            try:
                journal.wait_for(Finished, exchange=number, timeout=GRACE_S)
            except Unverified:
                return

    def _rules(self) -> dict[int, Rule]:
        return {each.id: each.rule for server in self.fleet for each in server.rules}

    def _text(self) -> str:
        """The journal for people; of one that goes on still, what there is."""
        records = self.fleet.journal.records if self._records is None else self._records
        places = ", ".join(f"{server.name} {server.url}" for server in self.fleet)
        lines = [f"{places}; seed {self.fleet.seed}"]
        lines += transcript(records, MOST) or ["Nothing happened: nobody connected."]
        if self._file is not None:
            lines.append(f"The whole journal is in {self._file}")
        elif len(records) > MOST:
            lines.append("With --ollama-journal DIR the whole journal is kept in a file.")
        if self._records is None:
            # What is busy now may end by itself before the test is torn down.
            left = [each.text for each in findings(records, self._rules()) if each.kind != BUSY]
            lines += [f"Note: {text}" for text in left]
        return "\n".join(lines)


def holding(request: pytest.FixtureRequest) -> Iterator[Held]:
    """The fixture that the others stand on."""
    with contextlib.ExitStack() as stack:
        held = _started(request, stack)
        request.node.stash[HELD] = held
        yield held
        left = held.end()
    if left:
        pytest.fail(_report(left), pytrace=False)


def _started(request: pytest.FixtureRequest, stack: contextlib.ExitStack) -> Held:
    """A fleet as its markers want it. What can't be so is an error that names test and argument."""
    item: pytest.Item = request.node
    try:
        wanted = wish((mark.args, mark.kwargs) for mark in item.iter_markers(MARKER))
        fleet = stack.enter_context(simulate(**_arguments(request, wanted)))
        _prepare(fleet, wanted)
        return Held(item, fleet, wanted)
    except (TypeError, ValueError, LookupError, OSError, BadFile, Unsupported) as error:
        problem = f"{item.nodeid}: the marker `{MARKER}`: {error}"
    pytest.fail(problem, pytrace=False)


def _arguments(request: pytest.FixtureRequest, wanted: Wish) -> dict[str, Any]:
    """The arguments of `simulate`: those of the markers, and ours where these say nothing. A file
    is looked for beside that of the test, wherever pytest was started."""
    arguments = dict(wanted.simulate)
    if arguments.get("config") is not None:
        return arguments | {"config": request.path.parent / arguments["config"]}
    if "ports" not in arguments:
        usual = FLEET if "ollama_fleet" in request.fixturenames else ALONE
        arguments.setdefault("servers", usual)
    seed = request.config.getoption("--ollama-seed")
    if seed is not None:
        arguments.setdefault("seed", seed)
    return arguments


def _prepare(fleet: Fleet, wanted: Wish) -> None:
    """Bring a fleet to where its test begins."""
    if wanted.models is not None:
        for server in fleet:
            server.install(*wanted.models)
    if wanted.behavior is not None:
        fleet.behave(wanted.behavior)
    for rule in wanted.rules:
        fleet.inject(rule)


def _file(item: pytest.Item) -> Path | None:
    """Where the journal of a test is to be kept."""
    folder = item.config.getoption("--ollama-journal")
    if folder is None:
        return None
    words = re.sub(r"[^\w.\[\]=-]+", "-", item.nodeid).strip("-")
    if len(words) > LONGEST:  # what follows may be the same for two parameters
        digest = hashlib.sha256(item.nodeid.encode()).hexdigest()[:8]
        words = f"{words[:LONGEST]}-{digest}"
    return Path(item.config.invocation_params.dir, folder, f"{words}.jsonl")


def _report(left: Sequence[Finding]) -> str:
    kinds = ", ".join(repr(kind) for kind in dict.fromkeys(each.kind for each in left))
    return "\n".join(
        [
            *(f"{each.kind}: {each.text}" for each in left),
            "The test itself passed. If it is meant to leave that behind:",
            f"@pytest.mark.{MARKER}(allow=[{kinds}])",
        ]
    )


def _shorten(error: BaseException) -> None:
    """Leave out of a failed verification's traceback what goes on within this package."""
    if not isinstance(error, Unverified):
        return
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        if trace.tb_next.tb_frame.f_code.co_filename.startswith(PACKAGE):
            trace.tb_next = None
        trace = trace.tb_next
