"""The pytest plugin, in sessions of a user's own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.plugin.session import OPTIONS, REPOSITORY, Case, Session, session

pytestmark = pytest.mark.timeout(300)  # a session of its own may be short of CPU
USERS = Path(__file__).with_name("users_tests.py")
SECTION = "ollama_simulator journal"


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Session:
    """The user's tests, run once."""
    folder = tmp_path_factory.mktemp("users")
    shutil.copy(USERS, folder / "test_users.py")
    strict = ["-W", "error", "--strict-markers", "--ollama-journal=journals"]
    done = session(folder, *strict, site=site)
    done.cases["folder"] = Case(text=str(folder))
    return done


@pytest.mark.parametrize(
    "name",
    [
        "test_one_server",
        "test_a_fleet_of_three",
        "test_both_fixtures_are_the_same_fleet",
        "test_each_test_has_its_own[1]",
        "test_each_test_has_its_own[2]",
        "test_a_marker_says_what_it_is",
        "test_faults_from_the_start",
        "test_argument_by_argument",
        "test_that_of_the_class",
        "test_an_async_test",
        "test_rule_that_never_struck_may",
        "test_request_in_progress_may",
        "test_request_that_ends_soon",
        "test_client_that_left",
        "test_simulator_that_failed_may",
        "test_of_another_kind",
    ],
)
def test_passes(users: Session, name: str) -> None:
    """With nothing to say."""
    assert users.cases[name].outcome == "passed", users.cases[name].text
    assert users.cases[name].properties == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown_argument", "it has no argument 'server'; did you mean 'servers'?"),
        ("argument_without_a_name", "3 has no name; every argument is given by name"),
        ("unknown_profile", "profile: there is no profile 'no-such'; there are seed, "),
        ("unknown_leftover", "allow: there is nothing like 'unstruk'; did you mean 'unstruck'?"),
        ("rule_that_cannot_be", "path: ConnectionRefused works before there is a request"),
    ],
)
def test_a_bad_marker_names_the_test_and_the_argument(
    users: Session, name: str, words: str
) -> None:
    """As an error of its setup, in one line, without a traceback of ours."""
    case = users.cases[f"test_{name}"]
    assert case.outcome == "error"
    assert f"test_users.py::test_{name}: the marker `ollama`: {words}" in case.text
    assert "held.py" not in case.text


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (
            "rule_that_never_struck",
            "unstruck",
            r"rule 1 'cut', FailMidStream on s2 \(path='/api/generate'\), never struck: "
            r"meanwhile it was asked for POST /api/chat\.",
        ),
        (
            "behavior_that_never_struck",
            "unstruck",
            r"the behaviour Hang of s1 never struck: nobody asked for anything meanwhile\.",
        ),
        (
            "request_in_progress",
            "busy",
            r"request #1, GET /api/tags on s1, is still running: its client has neither read the "
            r"answer to its end nor closed the connection\.",
        ),
        (
            "simulator_that_failed",
            "internal-error",
            r"s1 failed: KeyError: 'lost'\. This is a bug of the simulator\.",
        ),
    ],
)
def test_what_is_left_behind_is_an_error_of_the_teardown(
    users: Session, name: str, kind: str, words: str
) -> None:
    """It says what, and how to allow it; the journal is there."""
    case = users.cases[f"test_{name}"]
    assert case.outcome == "error"
    assert re.search(rf"^{kind}: {words}$", case.text, re.MULTILINE), case.text
    assert f"@pytest.mark.ollama(allow=['{kind}'])" in case.text
    assert f"ERROR at teardown of test_{name} " in users.output
    assert "s1 http://127.0.0.1:" in case.properties[SECTION]


def test_a_failure_shows_the_journal_with_faults_marked(users: Session) -> None:
    """In the report and in JUnit's file; what it left behind is a note."""
    case = users.cases["test_failure"]
    assert case.outcome == "failure"
    for text in (users.output, case.properties[SECTION]):
        assert re.search(r"^ +\d\.\d{3}  s1   #1    !  HttpError strikes, by rule 2$", text, re.M)
        assert "Note: rule 1, Hang on s1 (path='/v1/*'), never struck: meanwhile" in text
    assert "ERROR at teardown of test_failure" not in users.output
    assert f"- {SECTION} -" in users.output


def test_a_failed_verification_ends_in_the_user_s_own_line(users: Session) -> None:
    """Nothing of our code is in the traceback."""
    text = users.cases["test_failed_verification"].text
    assert "target is '/api/chat', not '/api/generate'" in text
    assert "test_users.py:" in text
    assert ".py:" not in text.replace("test_users.py:", "")


def test_a_long_journal_is_shortened_and_kept_in_a_file(users: Session) -> None:
    """Its file has every record, and its name stands in the report."""
    text = users.cases["test_long_failure"].properties[SECTION]
    assert len(text.splitlines()) < 90
    assert re.search(r"\.\.\. \d+ records are left out here \.\.\.", text)
    assert "number=0 " in text
    assert "number=39 " in text
    (file,) = re.findall(r"The whole journal is in (.+\.jsonl)", text)
    assert Path(file).name == "test_users.py-test_long_failure.jsonl"
    kept = [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]
    asked = [record["target"] for record in kept if record["kind"] == "Asked"]
    assert asked == [f"/api/version?number={number}" for number in range(40)]


def test_journals_are_kept_of_tests_that_passed_too(users: Session) -> None:
    folder = Path(users.cases["folder"].text) / "journals"
    assert (folder / "test_users.py-test_one_server.jsonl").stat().st_size > 0
    assert not list(folder.glob("*another_kind*"))


@pytest.mark.parametrize("name", ["test_skipped", "test_expected_failure"])
def test_what_did_not_come_to_its_end_is_not_judged(users: Session, name: str) -> None:
    assert users.cases[name].outcome == "skipped"
    assert f"teardown of {name}" not in users.output


@pytest.mark.parametrize(
    ("name", "phase"), [("failing_fixture", "setup"), ("fixture_that_fails_late", "teardown")]
)
def test_a_failing_fixture_of_the_user_shows_the_journal(
    users: Session, name: str, phase: str
) -> None:
    case = users.cases[f"test_{name}"]
    assert f"ERROR at {phase} of test_{name}" in users.output
    assert "is asked POST /api/chat" in case.properties[SECTION]


def test_no_other_test_failed(users: Session) -> None:
    """And there was no warning."""
    named = re.findall(r"^(FAILED|ERROR) test_users.py::test_(\w+)", users.output, re.MULTILINE)
    assert {name for how, name in named if how == "FAILED"} == {
        "failure",
        "failed_verification",
        "long_failure",
    }
    assert len([name for how, name in named if how == "ERROR"]) == 5 + 4 + 2
    assert "warning" not in users.output.splitlines()[-1]


def test_several_processes(tmp_path: Path, site: Path) -> None:
    """Each has fleets of its own."""
    (tmp_path / "test_many.py").write_text(
        "import httpx, pytest\n\n"
        "@pytest.mark.parametrize('number', range(12))\n"
        "def test_it(ollama, number, worker_id):\n"
        "    assert httpx.get(f'{ollama.url}/?{worker_id}').status_code == 200\n"
        "    (asked,) = ollama.journal.where('Asked')\n"
        "    assert asked.target == f'/?{worker_id}'\n",
        "utf-8",
    )
    done = session(tmp_path, "-n", "2", "-W", "error", site=site)
    assert done.status == 0, done.output
    assert len(done.cases) == 12


LOOKS = """
import sys

def pytest_sessionfinish():
    names = [name for name in sys.modules if name.startswith("ollama_simulator")]
    print("LOADED", *names, *({"msgspec", "asyncio", "uvloop"} & set(sys.modules)))
"""


def test_a_session_that_does_not_use_it_pays_nothing(tmp_path: Path, site: Path) -> None:
    """Nothing is imported but the plugin's front, without a warning."""
    (tmp_path / "conftest.py").write_text(LOOKS, "utf-8")
    (tmp_path / "test_other.py").write_text("def test_it(): pass\n", "utf-8")
    bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plain = session(tmp_path, "-s", "-W", "error", site=site, options="", variables=bare)
    used = session(
        tmp_path,
        "-s",
        "-W",
        "error",
        "-p",
        "ollama_simulator",
        site=site,
        options="",
        variables=bare,
    )
    assert used.status == plain.status == 0, used.output
    (before,) = re.findall(r"LOADED(.*)", plain.output)
    (after,) = re.findall(r"LOADED(.*)", used.output)
    more = set(after.split()) - set(before.split())
    assert more == {"ollama_simulator", "ollama_simulator.pytest_plugin"}


def test_it_can_be_left_out(tmp_path: Path, site: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(ollama): pass\n", "utf-8")
    done = session(tmp_path, site=site, options=f"{OPTIONS} -p no:ollama_simulator")
    assert "fixture 'ollama' not found" in done.output


def test_what_it_adds_is_told(tmp_path: Path, site: Path) -> None:
    """By `--markers` and `--fixtures`."""
    assert "@pytest.mark.ollama(servers=" in session(tmp_path, "--markers", site=site).output
    told = session(tmp_path, "--fixtures", site=site).output
    assert re.search(r"ollama_fleet.*\n +A fleet of simulated Ollama servers of this test", told)


def test_a_file_is_looked_for_beside_that_of_the_test(tmp_path: Path, site: Path) -> None:
    """Wherever pytest was started. What is wrong with it is told as of any other argument."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "fleet.toml").write_text("[[servers]]\ncount = 4\n", "utf-8")
    (folder / "broken.toml").write_text("[[servers]]\nnum_paralel = 4\n", "utf-8")
    (folder / "test_it.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.ollama(config='fleet.toml')\n"
        "def test_it(ollama_fleet): assert len(ollama_fleet) == 4\n\n"
        "@pytest.mark.ollama(config='broken.toml')\n"
        "def test_broken(ollama_fleet): pass\n\n"
        "@pytest.mark.ollama(config=3)\n"
        "def test_number(ollama_fleet): pass\n",
        "utf-8",
    )
    done = session(tmp_path, site=site)
    assert done.cases["test_it"].outcome == "passed", done.cases["test_it"].text
    for name, words in (
        ("test_broken", f"{folder / 'broken.toml'}:2:1: servers[0].num_paralel: there is no such"),
        ("test_number", "config is the path of a fleet's file, and 3 is none"),
    ):
        case = done.cases[name]
        assert (case.outcome, "held.py" in case.text) == ("error", False)
        assert f"tests/test_it.py::{name}: the marker `ollama`: " in case.text
        assert words in case.text


def test_the_seed_of_the_command_line(tmp_path: Path, site: Path) -> None:
    """Holds where no marker names one."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n"
        "def test_it(ollama_fleet): assert ollama_fleet.seed == 5\n\n"
        "@pytest.mark.ollama(seed=6)\n"
        "def test_other(ollama_fleet): assert ollama_fleet.seed == 6\n",
        "utf-8",
    )
    done = session(tmp_path, "--ollama-seed=5", site=site)
    assert done.status == 0, done.output


def test_our_own_settings_bear_it(tmp_path: Path, site: Path) -> None:
    """Those of this repository, where every warning is an error."""
    (tmp_path / "test_it.py").write_text(
        "def test_it(ollama): assert ollama.url.startswith('http://127.0.0.1:')\n", "utf-8"
    )
    own = ["-c", str(REPOSITORY / "pyproject.toml"), f"--rootdir={tmp_path}"]
    done = session(tmp_path, *own, "test_it.py", site=site)
    assert done.status == 0, done.output
