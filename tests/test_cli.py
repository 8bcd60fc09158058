"""The two commands, as programs."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from ollama_simulator.cli import judged
from ollama_simulator.conformance import scenario
from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
from ollama_simulator.conformance.balancers.program import CLAIMS
from ollama_simulator.conformance.balancers.url import Url
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Report, Result, Subject, Verdict
from ollama_simulator.conformance.select import selected
from ollama_simulator.net import kernel

REPOSITORY = Path(__file__).parent.parent
SUITE = "from ollama_simulator.entry import suite; suite()"


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run this Python to its end."""
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=100, check=False
    )


def suite(*options: str) -> "subprocess.CompletedProcess[str]":
    """Run `load_balancer_test`."""
    return run("-c", SUITE, *options)


SIMULATOR = "from ollama_simulator.entry import simulator; simulator()"


@pytest.mark.parametrize(
    ("options", "culprit"),
    [(("--wire", "0.13.5"), "--wire"), (("--server-ports", "0"), "--server-ports")],
)
def test_an_option_that_the_file_decides_is_not_silently_ignored(
    options: tuple[str, str], culprit: str, tmp_path: Path
) -> None:
    """The error names the option and tells where to say it."""
    file = tmp_path / "fleet.toml"
    file.write_text("[[servers]]\n")
    done = run("-c", SIMULATOR, "--config", str(file), *options)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {culprit}: with --config, the file says that\n",
    )


def test_wrong_options_of_the_suite(tmp_path: Path) -> None:
    """Each names the culprit on standard error and ends with 2."""
    cases = {
        ("--balancer", "/no/such/program"): "--balancer /no/such/program: there is no such file",
        ("--flaw", "nonsense"): "there is no flaw 'nonsense'; there are abandons-silent, ",
        ("--flaw", "drops-querry"): "there is no flaw 'drops-querry'; did you mean drops-query?\n",
        ("--flaw", "buffers", "--balancer", "x"): "can't be used with --balancer",
        ("--balancer", "reference", "--program", "x"): "the balancer reference has no program",
        ("--url", "http://127.0.0.1:1", "--program", "x"): "what is at --url runs already",
        ("--url", "http://127.0.0.1:1", "--claim", "drains"): "what is at --url is not ours to end",
        ("--timeout-scale", "0.5"): "it must be 1 to 100, not 0.5",
        ("--timeout-scale", "nan"): "it must be 1 to 100, not nan",
        ("--claim", "-nonsense"): "--claim: 'nonsense' is no feature",
        ("--json", str(tmp_path)): f"{tmp_path}: it is a folder",
        ("--report", f"html={tmp_path}/no/x.html"): f"there is no folder '{tmp_path}/no'",
        ("seed.none",): "no case, scenario or group is called 'seed.none'; did you mean seed.none-",
    }
    for options, words in cases.items():
        done = suite(*options)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert words in done.stderr


def test_a_balancer_that_does_not_start(tmp_path: Path) -> None:
    """That is a broken environment, with its last words, and not a failed scenario."""
    script = tmp_path / "balancer.py"
    script.write_text("import sys; sys.exit('cannot read my configuration')")
    done = suite("--balancer", str(script))
    if "port 1" in done.stderr:
        assert done.returncode == 2, "another program has a default port: that is told, too"
        return
    assert done.returncode == 2
    assert "ended at once with status 1; it said:\n    cannot read my configuration" in done.stderr
    assert "Total:" not in done.stdout


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    """Port 11434 can't be had: the error says who has it."""
    script = tmp_path / "balancer.py"
    script.write_text("")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 11434))
        except OSError:
            holder = ""
        else:
            taken.listen()
            holder = f" by {psutil.Process().name()} (pid {psutil.Process().pid})"
        done = suite("--balancer", str(script))
    assert done.returncode == 2
    assert f"port 11434 is taken{holder}" in done.stderr


def test_a_taken_port_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite puts servers there itself: whoever has a simulator there is told to stop it."""
    with kernel.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(judged, "SERVER_PORTS", (port,))
        monkeypatch.setattr(judged, "CONTROL_PORT", port)
        holder = f"port {port} is taken by {psutil.Process().name()}"
        with pytest.raises(
            BrokenEnvironment, match=rf"^{holder}.*: .* so stop your simulator first$"
        ):
            judged.plan_of(Url("http://127.0.0.1:1"), [], 0, 1.0, 1)


def test_a_flawed_balancer_fails() -> None:
    """Exit status 1, an error line under the scenario, its id, and the right sum: what a busy
    machine kept from being judged is counted apart."""
    done = suite("--flaw", "drops-path")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    marks = re.findall(r"^\[([+x?])\] .+ \(\d+ms\)$", done.stdout, re.MULTILINE)
    assert len(marks) == 15
    assert done.stdout.count("\n    Error: ") == marks.count("x") > 0
    assert len(re.findall(r"^    Case: seed\.\S+$", done.stdout, re.MULTILINE)) == sum(
        mark != "+" for mark in marks
    )
    total = f"Total: {marks.count('+')} passed, {marks.count('x')} failed"
    if "?" in marks:
        total += f", {marks.count('?')} not judged"
    assert re.search(rf"^{total}\nDuration: \d+\.\d\ds$", done.stdout, re.MULTILINE)


def test_the_list_has_every_case() -> None:
    """Whoever is judged, unless something is said of what to play; and what is no case, and why."""
    every = suite("--list").stdout
    assert every == suite("--list", "--all").stdout
    assert len(re.findall(r"^\S+ +(?:MUST|SHOULD|TELL) ", every, re.MULTILINE)) > 150
    assert re.search(
        r"^\d+ cases of \d+ scenarios\n\nLooked at, and no case:$", every, re.MULTILINE
    )
    fifteen = suite("--list", "seed").stdout
    assert "\n15 cases of 15 scenarios\n" in fifteen
    for case in (case for case in scenario.known() if case.scenario.name):
        line = rf"^{case.id} +MUST +{re.escape(f'{case.name}: {case.scenario.claim}')}"
        assert re.search(line, fifteen, re.MULTILINE)


@pytest.mark.parametrize(
    ("ids", "claim"),
    [
        (("seed.timing",), "--claim seed has"),
        (("v104",), "--claim v104 has"),
        (("drain",), "--claim drains,retries,retries-5xx has"),
        (("busy.real-queue", "busy.hidden"), "--claim retries-5xx,shares has"),
    ],
)
def test_who_asks_by_name_for_what_is_not_claimed(ids: tuple[str, ...], claim: str) -> None:
    """Nothing was judged, and it is told how it would be."""
    cases = selected(scenario.known(), ids)
    results = tuple(
        Result(case.id, case.name, "", case.level, Verdict.SKIPPED, 0.0) for case in cases
    )
    program = Subject("program", features=tuple(feature.value for feature in CLAIMS))
    report = Report(program, "", 0, "", "", "", 1.0, results=results)
    assert claim in judged.unclaimed(report, cases)
    everything = tuple(feature.value for feature in Feature)
    claimed = msgspec.structs.replace(report, subject=Subject("program", features=everything))
    assert judged.unclaimed(claimed, cases) == ""


def test_help() -> None:
    """The options and their defaults stand in the help of both programs."""
    helped = run("-m", "ollama_simulator", "--help")
    assert helped.returncode == 0
    for words in ("--control-port", "11500", "--server-ports", "11501,11502,11503"):
        assert words in helped.stdout
    assert run("-m", "ollama_simulator", "-h").stdout == helped.stdout
    helped = suite("--help")
    assert helped.returncode == 0
    assert "--balancer" in helped.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to catch on Windows")
def test_a_suite_that_is_ended_ends_its_balancer() -> None:
    """Exit status 143, and no process is left."""
    with subprocess.Popen(
        [sys.executable, "-c", SUITE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        while not running.stdout.readline().startswith("[+]"):
            assert running.poll() is None
        # The second scenario takes seconds, so its balancer is running or about to.
        limit = 100
        while not (children := psutil.Process(running.pid).children()) and limit:
            psutil.Process(running.pid).cpu_percent(0.05)
            limit -= 1
        assert children
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=20) == 143
        assert running.stderr.read() == ""
        assert not any(child.is_running() for child in children)
