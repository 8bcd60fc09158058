"""What run.py decides, without making an environment."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
Commands = list[list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load run.py afresh, as if it lay in a clone whose environment is already whole."""
    spec = importlib.util.spec_from_file_location("run_py", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "run.stamp")
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text("tool==1\n")
    python = module.program("python")
    python.parent.mkdir(parents=True)
    python.touch()
    module.STAMP.write_text(json.dumps(module.wanted("")))
    return module


@pytest.fixture
def steps(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands of a set-up, which are noted instead of run."""
    noted: Commands = []
    monkeypatch.setattr(run, "step", lambda command, complaint: noted.append(command))
    monkeypatch.setattr(run, "renew_pip", lambda: None)
    monkeypatch.setattr(run, "fetch_node_client", lambda: None)
    return noted


@pytest.fixture
def started(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The programs started, which are noted instead; each gives exit status 7."""
    noted: Commands = []

    def start(command: list[str]) -> int:
        noted.append(command)
        return 7

    monkeypatch.setattr(run, "start", start)
    return noted


# What the words mean


@pytest.mark.parametrize("word", ["tests", "--control-port", ""])
def test_an_unknown_word_is_answered_with_the_usage(
    run: ModuleType, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with status 2, and nothing is set up."""
    assert run.main([word]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"what is {word!r}?" in said.err
    assert "python3 run.py test ..." in said.err


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_who_asks_for_the_usage_gets_it(
    run: ModuleType, word: str, started: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output, as an answer and no complaint, and nothing is set up or started."""
    assert run.main([word]) == 0
    said = capsys.readouterr()
    assert "python3 run.py test ..." in said.out
    assert said.err == ""
    assert started == []


def test_without_words_the_built_in_balancer_is_judged(run: ModuleType, started: Commands) -> None:
    """The README's first command."""
    assert run.main([]) == 7
    assert started == [[str(run.program("load_balancer_test"))]]


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("load_balancer_test", "load_balancer_test"),
        ("ollama_simulator", "ollama_simulator"),
        ("golden", "ollama_golden"),
    ],
)
def test_a_program_gets_its_arguments(
    run: ModuleType, started: Commands, name: str, program: str
) -> None:
    """All of them as they are, also those that look like ours."""
    assert run.main([name, "--control-port", "0", "test", "a b"]) == 7
    assert started == [[str(run.program(program)), "--control-port", "0", "test", "a b"]]


def test_test_installs_the_test_tools_and_runs_pytest(
    run: ModuleType, steps: Commands, started: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the root of the clone, wherever it was called."""
    monkeypatch.chdir(Path(__file__).parent)
    assert run.main(["test", "-k", "x"]) == 7
    locked, ours = steps
    assert locked[-4:] == ["--require-hashes", "--no-deps", "-r", "requirements/dev.txt"]
    # What builds it is in the lock, too: nothing is taken that has no hash there.
    assert ours[-4:] == ["--no-build-isolation", "--no-deps", "--editable", "."]
    assert started == [[str(run.program("python")), "-m", "pytest", *run.SPREAD, "-k", "x"]]
    assert Path.cwd() == run.ROOT.resolve()


def test_tests_may_write_bytecode(
    run: ModuleType, steps: Commands, started: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says; a program of the project obeys it."""
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    run.main(["golden"])
    assert "PYTHONDONTWRITEBYTECODE" in run.os.environ
    run.main(["test"])
    assert "PYTHONDONTWRITEBYTECODE" not in run.os.environ


def test_an_old_pip_does_if_there_is_no_newer_one(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether pip could be renewed isn't looked at."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(run.subprocess, "run", lambda command, **options: seen.update(options))
    run.renew_pip()
    assert seen["check"] is False


def test_a_python_that_is_too_old_is_named(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the version needed and the version found."""
    monkeypatch.setattr(run.sys, "version_info", (3, 10, 13, "final", 0))
    assert run.main([]) == 2
    needed = "run.py: Python 3.11 or newer is needed, and this is Python 3.10.13\n"
    assert capsys.readouterr().err == needed


def test_the_python_needed_is_the_one_the_project_names(run: ModuleType) -> None:
    """`OLDEST` and `requires-python` say the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">={}.{}".format(*run.OLDEST)
    assert set(project["scripts"]) == set(run.PROGRAMS.values())


def test_an_environment_has_its_programs_where_the_system_wants_them(run: ModuleType) -> None:
    """`Scripts` and `.exe` on Windows, `bin` elsewhere."""
    assert run.program("python", windows=True) == run.VENV / "Scripts" / "python.exe"
    assert run.program("python", windows=False) == run.VENV / "bin" / "python"


# When the environment is made anew


def test_an_environment_that_fits_is_left_alone(
    run: ModuleType, steps: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call says nothing and does nothing."""
    run.prepare("")
    assert steps == []
    assert capsys.readouterr().err == ""


def test_test_tools_are_added_once_and_not_taken_away(run: ModuleType, steps: Commands) -> None:
    """A plain call after `test` finds what it needs, and keeps the tools when it installs."""
    run.prepare("test")
    run.prepare("")
    run.prepare("test")
    assert [command[-1] for command in steps] == [run.LOCK, "."]
    (run.ROOT / "pyproject.toml").write_text("[project] # changed\n")
    run.prepare("")
    assert [command[-1] for command in steps] == [run.LOCK, "."] * 2


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements/dev.txt"])
def test_a_changed_project_is_installed_again(run: ModuleType, steps: Commands, name: str) -> None:
    """Into the same environment, which a program may be using."""
    (run.ROOT / name).write_text("# changed\n")
    run.prepare("")
    assert [command[0] for command in steps] == [str(run.program("python"))]
    assert run.stamped() == run.wanted("")


@pytest.mark.parametrize("key", ["root", "python"])
def test_another_place_or_python_begins_anew(run: ModuleType, steps: Commands, key: str) -> None:
    """An environment cannot be moved, nor change its interpreter."""
    run.STAMP.write_text(json.dumps({**run.wanted(""), key: "another"}))
    run.prepare("")
    making, installing = steps
    assert making == [sys.executable, "-m", "venv", "--clear", str(run.VENV)]
    assert installing[-2:] == ["--editable", "."]


@pytest.mark.parametrize("stamp", ["", "{", "null", "[1]", '"text"'])
def test_a_spoilt_stamp_is_no_stamp(run: ModuleType, steps: Commands, stamp: str) -> None:
    """So is that of an environment whose interpreter has gone."""
    run.STAMP.write_text(stamp)
    assert run.stamped() == {}
    run.prepare("")
    assert len(steps) == 2
    run.program("python").unlink()
    assert run.stamped() == {}


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, SystemExit, OSError])
def test_half_a_set_up_is_not_believed(
    run: ModuleType, trouble: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ends early, no stamp is left."""

    def step(command: list[str], complaint: str) -> NoReturn:
        raise trouble

    monkeypatch.setattr(run, "renew_pip", lambda: None)
    monkeypatch.setattr(run, "step", step)
    with pytest.raises(trouble):
        run.prepare("test")
    assert run.stamped() == {}


def test_an_interrupted_set_up_ends_quietly(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C gives a sentence and the shell's status for it, no traceback."""

    def prepare(extra: str) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "prepare", prepare)
    assert run.main([]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_missing_modules_are_named_with_their_package(
    run: ModuleType,
    steps: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As on a Debian without python3-venv."""
    run.STAMP.unlink()
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"^2$"):
        run.prepare("")
    assert "python3-venv" in capsys.readouterr().err
    assert steps == []


def test_a_failed_step_shows_the_end_of_what_it_said(
    run: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last fifteen lines, then the complaint."""
    program = "print(*range(30), sep='\\n'); raise SystemExit(1)"
    with pytest.raises(SystemExit, match=r"^2$"):
        run.step([sys.executable, "-c", program], "it went wrong")
    said = [str(number) for number in range(15, 30)]
    assert capsys.readouterr().err.splitlines() == [*said, "run.py: it went wrong"]


def test_the_lock_is_free_again_after_a_failure(run: ModuleType) -> None:
    """A lock that stayed would make the second `with` wait for ever."""
    for _ in range(2):
        with pytest.raises(SystemExit), run.locked():
            raise SystemExit


# The client for Node


@pytest.fixture
def npm(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What npm was called with, and how: it does what `ends` says."""
    seen: dict[str, Any] = {"ends": None}

    def call(command: list[str], **options: Any) -> None:
        seen.update(command=command, options=options)
        if seen["ends"] is not None:
            raise seen["ends"]

    monkeypatch.setattr(run.shutil, "which", lambda name: name)
    monkeypatch.setattr(run.subprocess, "run", call)
    return seen


def test_npm_has_a_time_limit(
    run: ModuleType, npm: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run.fetch_node_client()
    assert npm["command"][:2] == ["npm", "install"]
    assert npm["command"][-1] == "ollama@0.6.4"
    assert npm["options"]["timeout"] <= 60
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "ends", [subprocess.TimeoutExpired("npm", 60), subprocess.CalledProcessError(1, "npm")]
)
def test_without_the_client_its_tests_are_skipped(
    run: ModuleType, npm: dict[str, Any], ends: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    npm["ends"] = ends
    run.fetch_node_client()
    assert "could not install ollama@0.6.4" in capsys.readouterr().err


def test_without_npm_nothing_is_said(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run.shutil, "which", lambda name: None)
    run.fetch_node_client()
    assert capsys.readouterr().err == ""
