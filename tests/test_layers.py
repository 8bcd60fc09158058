"""Imports only go down, and the house style's rules on files hold.

`LAYERS` gives each top-level module or folder of the package its number. A module may import
smaller numbers and its own folder. Imports count wherever they stand: inside functions and
under `TYPE_CHECKING` too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "ollama_simulator"
SOURCE = Path(__file__).resolve().parent.parent / "src" / PACKAGE

LAYERS = {
    "model": 0,
    "script": 0,
    "settings": 0,
    "hardware": 0,
    "environment": 0,
    "registry": 0,
    "address": 0,
    "access": 0,
    "limits": 0,
    "recording": 0,
    "golang": 0,
    "names": 0,
    "acts": 0,
    "records": 0,
    "brief": 0,
    "clock": 0,
    "flow": 0,
    "wheel": 0,
    "interrupt": 0,
    "once": 0,
    "orderly": 0,
    "lateness": 0,
    "virtual": 0,
    "complaints": 1,
    "transcript": 1,
    "attributes": 0,
    "places": 0,
    "mistakes": 1,
    "schemas": 1,
    "tally": 1,
    "workload": 1,
    "collector": 0,
    "receiving": 1,
    "engine": 1,
    "wire": 1,
    "net": 1,
    "exchange": 2,
    "answering": 2,
    "passing": 2,
    "looking": 2,
    "relaying": 2,
    "replaying": 2,
    "stand_in": 2,
    "faults": 3,
    "journal": 4,
    "served": 4,
    "downtime": 3,
    "presence": 4,
    "shortage": 5,
    "spill": 6,
    "ports": 4,
    "rules": 4,
    "overriding": 4,
    "lab": 5,
    "directory": 5,
    "server": 5,
    "fleet": 6,
    "fleet_types": 5,
    "fleet_checks": 6,
    "fleet_file": 6,
    "fleet_schema": 6,
    "control": 7,
    "load": 7,
    "conformance": 8,
    "golden": 8,
    "calibrate": 8,
    "simulation": 8,
    "workers": 8,
    "pytest_plugin": 10,
    "terminal": 9,
    "console": 9,
    "cli": 10,
    "entry": 11,
    "__main__": 12,
}

ALLOWED = {
    ("brief", "records"),  # a brief is told as records
    ("records", "acts"),  # a record says which Door moved and How a connection ended
    ("flow", "wheel"),  # a flow rings an alarm at each of its moments
    ("acts", "flow"),  # one act is to do as a flow says
    ("model", "flow"),  # ... which the engine offered
    ("clock", "interrupt"),  # an interrupt ends waits
    ("virtual", "wheel"),  # the longest timer is the same everywhere
    ("clock", "wheel"),  # real alarms share timers
    ("clock", "lateness"),  # a clock knows how late what it told was done
    ("virtual", "clock"),  # one virtual clock is a faster one
    ("golang", "model"),  # what Go can't read is a Refusal
    ("script", "model"),  # a script is matched on a Job
    ("registry", "model"),  # a registry holds models
    ("settings", "hardware"),  # ... and with a machine
    ("settings", "registry"),  # a server is set up with its registries
    ("settings", "names"),  # a profile of a single model is found by its name
    ("names", "golang"),  # a name is quoted in a complaint as Go quotes it
    ("overriding", "rules"),  # what a header asks for is a rule of one request
    ("presence", "rules"),  # what rules want of the door is one of the things it stands by
    ("settings", "limits"),  # ... which bears so much of its clients
    ("settings", "address"),  # another server may answer
    ("settings", "recording"),  # ... or a recording
    ("recording", "script"),  # what was recorded can be made a script
    ("passing", "exchange"),  # what is passed on answers an exchange
    ("relaying", "exchange"),  # ... of which another server is asked
    ("relaying", "passing"),
    ("replaying", "exchange"),  # ... or a recording
    ("replaying", "passing"),
    ("replaying", "relaying"),  # an answer that never came is told in the same words
    ("stand_in", "exchange"),  # one of these is chosen as settings say
    ("stand_in", "answering"),
    ("stand_in", "relaying"),
    ("stand_in", "replaying"),
    ("answering", "exchange"),  # what is answered is an exchange
    ("looking", "answering"),  # what only looks is answered in the same words
    ("settings", "model"),  # a web search finds values that a job answers with
    ("settings", "script"),  # a server may have scripts from its start
    ("environment", "golang"),  # the environment holds Go's durations
    ("environment", "model"),  # ... and what Go can't read is a Refusal
    ("console", "terminal"),  # what it tells goes where all programs speak
    ("fleet_file", "fleet_checks"),  # a file that is read is checked
}
"""Imports within one layer, as (who, whom), each with its reason."""

LONG = "Longer than 300 lines because"


def imports(source: str, module: str, is_folder: bool = False) -> Iterator[tuple[int, str]]:
    """Each import of this package: the line, and the dotted path below the package.

    The path of `from ollama_simulator import acts` is "acts", and of a bare
    `import ollama_simulator` it is empty.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                here = [PACKAGE, *module.split("."), *([""] if is_folder else [])]
                origin = ".".join([*here[: -node.level], *filter(None, [node.module])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if f"{name}.".startswith(f"{PACKAGE}."):
                yield node.lineno, name.removeprefix(PACKAGE).removeprefix(".")


def complaints(source: str, module: str, is_folder: bool = False) -> list[str]:
    """What is wrong with the imports of a module, a sentence each."""
    own = module.partition(".")[0]
    if own not in LAYERS:
        return [f"{own!r} has no layer: add it to LAYERS in tests/test_layers.py"]
    found = []
    for line, path in imports(source, module, is_folder):
        top = path.partition(".")[0]
        if top in (own, "__version__") or (own, top) in ALLOWED:
            continue
        if top not in LAYERS:
            found.append(
                f"line {line}: {PACKAGE}.{path} has no layer: import the module that has the "
                f"name, or add a new module to LAYERS in tests/test_layers.py"
            )
        elif LAYERS[top] >= LAYERS[own]:
            found.append(
                f"line {line}: {own} (layer {LAYERS[own]}) must not import "
                f"{top} (layer {LAYERS[top]})"
            )
    return found


def opening(source: str) -> str:
    """The comments at the head of a file, and its docstring."""
    tree = ast.parse(source)
    above = source.splitlines()[: tree.body[0].lineno - 1] if tree.body else []
    return "\n".join([*above, ast.get_docstring(tree) or ""])


def modules() -> list[Path]:
    """Every source file of the package."""
    return sorted(SOURCE.rglob("*.py"))


def relative(path: Path) -> str:
    """A file's name in a report."""
    return path.relative_to(SOURCE).as_posix()


each_module = pytest.mark.parametrize("path", modules(), ids=relative)


def test_there_is_something_to_check() -> None:
    """A moved source tree must not make this file pass by looking at nothing."""
    assert {"acts.py", "clock.py", "model.py", "records.py"} <= {relative(p) for p in modules()}


@each_module
def test_imports_only_go_down(path: Path) -> None:
    """The package's front door is exempt: it shows public names of every layer."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    is_folder = parts[-1] == "__init__"
    if parts != ("__init__",):
        module = ".".join(parts[:-1] if is_folder else parts)
        assert complaints(path.read_text(encoding="utf-8"), module, is_folder) == []


@each_module
def test_a_module_says_what_it_is(path: Path) -> None:
    """Every module has a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "no docstring"


@each_module
def test_a_module_is_short_or_says_why_not(path: Path) -> None:
    """At most 300 lines, or a reason at the head of the file."""
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    assert lines <= 300 or LONG in opening(source), f"{lines} lines, and no {LONG!r} at its head"


@pytest.mark.parametrize(
    ("module", "source", "whom"),
    [
        ("acts", "import ollama_simulator.cli", "cli"),
        ("acts", "from ollama_simulator import clock", "clock"),
        ("clock", "def later():\n    from ollama_simulator.fleet import Fleet", "fleet"),
        ("engine.slots", "if TYPE_CHECKING:\n    from ollama_simulator.wire import codec", "wire"),
        ("wire.openai", "from ..net.perform import Performer", "net"),
        ("net.perform", "from .. import exchange", "exchange"),
        ("cli.suite", "import ollama_simulator.pytest_plugin as plugin", "pytest_plugin"),
    ],
)
def test_an_import_that_goes_up_or_across_is_reported(module: str, source: str, whom: str) -> None:
    """The checker can fail: each way to write a forbidden import is seen."""
    (complaint,) = complaints(source, module)
    own = module.partition(".")[0]
    assert f"{own} (layer {LAYERS[own]}) must not import {whom} (layer {LAYERS[whom]})" in complaint


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine.slots", "from ollama_simulator.engine.store import Store"),
        ("engine.slots", "from .store import Store\nfrom . import text"),
        ("server", "import asyncio, ollama_simulator.acts\nfrom ollama_simulator import faults"),
        ("records", "from ollama_simulator.acts import Door"),
        ("cli", "from ollama_simulator import __version__"),
        ("acts", "import ollama_simulator_plugins"),
    ],
)
def test_an_import_that_goes_down_or_stays_home_is_not(module: str, source: str) -> None:
    """The checker does not cry wolf."""
    assert complaints(source, module) == []


def test_a_relative_import_of_a_folder_starts_in_the_folder() -> None:
    """`from .x` means something else in `control/__init__.py` than in `control.py`."""
    assert [*imports("from .api import App", "control", is_folder=True)] == [(1, "control.api.App")]
    assert [*imports("from .acts import Door", "control")] == [(1, "acts.Door")]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("novelty", ""),
        ("cli", "from ollama_simulator.novelty import Thing"),
        ("cli", "from ollama_simulator import Fleet"),
        ("cli", "import ollama_simulator"),
    ],
)
def test_what_has_no_layer_is_told_where_to_get_one(module: str, source: str) -> None:
    """So are names taken from the front door, which would hide the layer they come from."""
    (complaint,) = complaints(source, module)
    assert "LAYERS in tests/test_layers.py" in complaint


@pytest.mark.parametrize("source", [f'"""A table.\n\n{LONG} …\n"""', f"# {LONG} …\n\nX = 1\n"])
def test_a_reason_for_length_is_found(source: str) -> None:
    """In the docstring, or in a comment before it."""
    assert LONG in opening(source)


def test_a_reason_for_length_stands_at_the_head() -> None:
    """Further down nobody would see it."""
    assert LONG not in opening(f'"""A table."""\n\n# {LONG} …\n')
