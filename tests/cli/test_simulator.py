"""What the options of `ollama_simulator` mean."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ollama_simulator import hardware
from ollama_simulator.cli import simulator
from ollama_simulator.cli.program import application
from ollama_simulator.fleet_file import FleetFile
from tests.acceptance.program import Program, run_to_end
from tests.acceptance.rawhttp import ask


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, FleetFile]]:
    """What would be served: the port of the control API, and the fleet."""
    noted: list[tuple[int, FleetFile]] = []

    def serve(control_port: int, fleet: FleetFile, *_: object) -> None:
        noted.append((control_port, fleet))

    monkeypatch.setattr(simulator, "_serve", serve)
    return noted


def run(*options: str) -> Result:
    """Start the program with these options."""
    return CliRunner().invoke(application(simulator.simulator), options)


def test_without_options(served: list[tuple[int, FleetFile]]) -> None:
    """Three servers of no time of their own, as ever."""
    assert run().exit_code == 0
    ((control_port, fleet),) = served
    assert (control_port, fleet.ports) == (11500, [11501, 11502, 11503])
    assert (fleet.seed, fleet.clock_speed) == (0, 1.0)
    assert {(each.profile, each.engine, each.wire) for each in fleet.servers} == {
        ("seed", "seed", "0.33")
    }


def test_options_hold_for_every_server(served: list[tuple[int, FleetFile]]) -> None:
    words = "--profile rtx-5090-qwen3-32b --engine legacy --speed 20 --seed 7 --servers 4"
    assert run(*words.split(), "--wire", "0.13.5").exit_code == 0
    ((_, fleet),) = served
    assert fleet.ports == [11501, 11502, 11503, 11504]
    assert (fleet.seed, fleet.clock_speed) == (7, 20.0)
    assert {(each.profile, each.engine, each.wire) for each in fleet.servers} == {
        ("rtx-5090-qwen3-32b", "legacy", "0.13.5")
    }


def test_workers(served: list[tuple[int, FleetFile]], tmp_path: Path) -> None:
    """The option wins over a file, and what neither can say is refused in either's words."""
    file = tmp_path / "fleet.toml"
    file.write_text("workers = 2\n[[servers]]\ncount = 4\n", encoding="utf-8")
    config = ("--config", str(file))
    for options in ((), ("--workers", "3"), config, (*config, "--workers", "1")):
        assert run(*options).exit_code == 0
    assert [fleet.workers for _, fleet in served] == [1, 3, 2, 1]
    for number in (0, -1, 65):
        done = run("--workers", str(number))
        words = f"error: --workers: there can be 1 to 64, and not {number}\n"
        assert (done.exit_code, done.stderr) == (2, words)
        file.write_text(f"seed = 1\nworkers = {number}\n[[servers]]\n", encoding="utf-8")
        done = run(*config)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"error: --config: {file}:2:1: workers: ")


def test_helpers_are_beside_every_server(served: list[tuple[int, FleetFile]]) -> None:
    """If somebody wants them."""
    assert run("--helpers").exit_code == run().exit_code == 0
    assert [{each.helper for each in fleet.servers} for _, fleet in served] == [{True}, {False}]


def test_how_much_of_the_journal_is_kept(
    served: list[tuple[int, FleetFile]], tmp_path: Path
) -> None:
    """A part, unless somebody says so; options win over a file, whose paths are beside it."""
    file = tmp_path / "fleet.toml"
    file.write_text(
        "journal_size = 7\njournal_file = 'j.jsonl'\njournal_file_max = 5\n[[servers]]\n",
        encoding="utf-8",
    )
    other = ("--journal-size", "9", "--journal-file", "o.jsonl", "--journal-file-max", "6")
    for options in ((), ("--config", str(file)), ("--config", str(file), *other)):
        assert run(*options).exit_code == 0
    assert [(f.journal_size, f.journal_file, f.journal_file_max) for _, f in served] == [
        (100_000, None, None),
        (7, str(tmp_path / "j.jsonl"), 5),
        (9, "o.jsonl", 6),
    ]
    alone = run("--journal-file-max", "5")
    assert (alone.exit_code, alone.stderr) == (
        2,
        "error: --journal-file-max: there is no --journal-file\n",
    )


def test_a_journal_in_a_file(tmp_path: Path) -> None:
    """All that happened until the end, one record a line, with the indices of the control API."""
    file = tmp_path / "journal.jsonl"
    options = ("--control-port", "0", "--server-ports", "0", "--journal-file", str(file))
    with Program(*options) as program:
        for _ in range(20):
            assert ask(program.ports[0], "GET", "/api/version").status == 200
        fleet = program.accepted("GET", "/fleet")
        page = program.accepted("GET", "/journal")
    assert (fleet["dropped"], fleet["journal_file"]["lost"]) == (0, 0)
    started, *lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert started["kind"] == "Started"
    assert [line["index"] for line in lines] == [*range(len(lines))]
    assert sum(line["kind"] == "Finished" for line in lines) == 20
    told = [{"index": index, **record} for index, record in enumerate(page["records"])]
    assert told == lines[: page["next"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_under_the_journal() -> None:
    """It is said once; everything else goes on, and ends as ever."""
    options = ("--control-port", "0", "--server-ports", "0", "--journal-file", "/dev/full")
    with Program(*options) as program:
        for _ in range(5):
            assert ask(program.ports[0], "GET", "/api/version").status == 200
        deadline = time.monotonic() + 20
        while not program.stderr and time.monotonic() < deadline:
            time.sleep(0.01)
        fleet = program.accepted("GET", "/fleet")
        records = program.accepted("GET", "/journal?kind=Hindered,Eased")["records"]
        program.send(signal.SIGTERM)
        assert program.wait() == 0
    assert fleet["journal_file"] == {
        "written": 0,
        "lost": 0,
        "trouble": "No space left on device",
    }
    (record,) = records
    assert (record["kind"], record["server"], record["what"]) == ("Hindered", "", "journal-file")
    assert program.stderr.splitlines() == [
        "warning: the simulator lacks journal-file: /dev/full: No space left on device; it is "
        "tried again every second"
    ]


def test_a_journal_that_can_not_be_in_its_file(tmp_path: Path) -> None:
    """One line that names it, and 2."""
    options = ("--control-port", "0", "--server-ports", "0")
    ended = run_to_end(*options, "--journal-file", str(tmp_path / "no" / "journal.jsonl"))
    assert (ended.returncode, ended.stderr) == (
        2,
        f"error: {tmp_path / 'no' / 'journal.jsonl'}: No such file or directory\n",
    )


def test_a_fault_by_header_where_it_is_allowed() -> None:
    """And nowhere else."""
    asked = {"X-Simulator-Fault": '{"type": "HttpError", "status_code": 503, "message": "no"}'}
    for option, status in (((), 200), (("--fault-header",), 503)):
        with Program("--control-port", "0", "--server-ports", "0", *option) as program:
            assert ask(program.ports[0], "GET", "/", headers=asked).status == status


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no second loopback address")
def test_another_address() -> None:
    """Servers and helpers listen there and on no other; the control API where its own option
    says."""
    free = ("--control-port", "0", "--server-ports", "0")
    options = (*free, "--host", "127.0.0.2", "--helpers", "--control-host", "127.0.0.3")
    with subprocess.Popen(
        [sys.executable, "-m", "ollama_simulator", *options], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        _, *lines = [running.stdout.readline().rstrip() for _ in range(4)]
        try:
            for line in lines:
                port = int(line.rpartition(":")[2])
                host = "127.0.0.3" if "Control" in line else "127.0.0.2"
                assert line.endswith(f"http://{host}:{port}")
                with socket.create_connection((host, port), timeout=5):
                    pass
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), timeout=5)
        finally:
            running.terminate()


def test_helpers_listen_when_the_program_says_so() -> None:
    """Each says what type its server has, and switches it."""
    with Program("--control-port", "0", "--server-ports", "0,0", "--helpers") as program:
        helpers = [
            int(line.rpartition(":")[2]) for line in program.banner if line.startswith("  Helper")
        ]
        assert helpers == [port + 100 for port in program.ports]
        for helper in helpers:
            answer = ask(helper, "GET", "/health")
            assert answer.json() == {"status": "healthy", "kv_cache_type": "q16"}
        assert ask(helpers[1], "POST", "/set-kv-cache", {"type": "q8_0"}).status == 202
        assert ask(helpers[1], "GET", "/health").json()["status"] == "restarting"


def test_a_file_says_everything(served: list[tuple[int, FleetFile]], tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text("seed = 3\nclock_speed = 4\n[[servers]]\nport = 11700\n", encoding="utf-8")
    assert run("--config", str(file), "--control-port", "11600").exit_code == 0
    ((control_port, fleet),) = served
    assert (control_port, fleet.ports, fleet.seed, fleet.clock_speed) == (11600, [11700], 3, 4.0)


def test_what_is_doubtful_in_a_file_is_told(
    served: list[tuple[int, FleetFile]], tmp_path: Path
) -> None:
    """On standard error, and the fleet is served."""
    file = tmp_path / "fleet.toml"
    file.write_text("[[servers]]\nenvironment = { OLLAMA_KEEP_ALIVE = '10q' }\n", encoding="utf-8")
    done = run("--config", str(file))
    assert (done.exit_code, len(served)) == (0, 1)
    place = f"{file}:2:17: warning: servers[0].environment.OLLAMA_KEEP_ALIVE"
    assert done.stderr == f"--config: {place}: Ollama ignores '10q', and takes its default\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--profile x", "--profile: there is no profile 'x'; there are seed, "),
        ("--profile none.toml", "--profile: none.toml: No such file or directory"),
        ("--engine mlx", "--engine: 'mlx' is none; there are seed, legacy, current"),
        ("--speed 0", "--speed: time can't go 0 times as fast"),
        ("--speed inf", "--speed: time can't go inf times as fast"),
        (
            "--speed 1e12",
            "--speed: time can't go 1e+12 times as fast; a millionth to a million can be",
        ),
        ("--speed nan", "--speed: time can't go nan times as fast"),
        ("--servers 0", "--servers: there can be 1 to 54035, and not 0"),
        ("--servers 54036", "--servers: there can be 1 to 54035, and not 54036"),
        ("--servers 2 --server-ports 0", "--servers: --server-ports says how many there are"),
        ("--servers 2 --control-port 11502", "--servers: 11502 is the control port, too"),
        (f"--server-ports {'9' * 5000}", f"--server-ports: '{'9' * 40}' is no port; it must be "),
        ("--server-ports 7 --control-port 7", "--server-ports: 7 is the control port, too"),
        ("--servers 101 --helpers", "--helpers: 11601, the port of the helper of 11501, is a "),
        ("--server-ports 65500 --helpers", "--helpers: there is no port 65600 for the helper of "),
        ("--helpers --control-port 11602", "--helpers: 11602, the port of the helper of 11502, "),
        ("--log all", "--log: 'all' is none; there are auto, live, plain, json, none"),
        ("--log live", "--log: live needs a terminal, and standard output is none"),
        ("--control-host ::", "--control-host: '::' is no address of IPv4"),
        (
            "--control-token short",
            "--control-token, or OLLAMA_SIMULATOR_CONTROL_TOKEN: a token has",
        ),
        ("--host localhost", "--host: 'localhost' is no address of IPv4; there are 127.0.0.1"),
        ("--wire 0.12", "--wire: '0.12' is not imitated; there are 0.13.5 and 0.33"),
    ],
)
def test_options_that_can_not_be_meant(
    served: list[tuple[int, FleetFile]], options: str, words: str
) -> None:
    """Status 2, one line that names the option, and nothing is started."""
    done = run(*options.split())
    assert (done.exit_code, done.stdout, served) == (2, "", [])
    assert done.stderr.startswith(f"error: {words}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        "--servers 3",
        "--profile seed",
        "--engine seed",
        "--speed 1",
        "--seed 0",
        "--helpers",
        "--host 127.0.0.1",
        "--fault-header",
    ],
)
def test_an_option_beside_a_file_is_refused(
    served: list[tuple[int, FleetFile]], options: str, tmp_path: Path
) -> None:
    """The file tells that, and one of the two would have no effect."""
    file = tmp_path / "fleet.toml"
    file.write_text("[[servers]]\n", encoding="utf-8")
    done = run("--config", str(file), *options.split())
    option = options.split()[0]
    assert (done.exit_code, served) == (2, [])
    assert done.stderr == f"error: {option}: with --config, the file says that\n"


def test_one_profile_can_be_looked_at(served: list[tuple[int, FleetFile]], tmp_path: Path) -> None:
    """One's own, before it is used."""
    file = tmp_path / "mine.toml"
    file.write_text('name = "p"\nhardware = "h"\nsource = "s"\ntrust = "B"\n', encoding="utf-8")
    done = run("--list-profiles", "--profile", str(file))
    assert (done.exit_code, served) == (0, [])
    assert "\np: s\n" in done.stdout
    assert "\nseed" not in done.stdout
    done = run("--list-profiles", "--profile", "x")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --profile: there is no profile 'x'")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_more_servers_than_the_system_allows() -> None:
    """Status 2, and one line that says where the limit is."""
    program = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (60, 60))\n"
        "from ollama_simulator.entry import simulator; simulator()"
    )
    ports = ",".join(["0"] * 100)
    done = subprocess.run(
        [sys.executable, "-c", program, "--control-port", "0", "--server-ports", ports],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: this process may not have so many sockets open; `ulimit -n` says how many\n"
    )


def test_a_fleet_in_fast_time() -> None:
    """Ten seconds of tokens take half a second, and the answer tells of ten."""
    options = ["--control-port", "0", "--server-ports", "0", "--speed", "20"]
    with Program(*options) as first, Program(*options, "--seed", "7") as second:
        began = time.monotonic()
        answer = generate(first)
        took = time.monotonic() - began
        assert answer["eval_count"] == 650
        assert answer["eval_duration"] >= 9.9e9
        assert 0.45 < took < 9
        assert generate(second)["response"] != answer["response"], "the seed has an effect"


def test_faults_of_a_file_are_there_from_the_start_and_after_a_reset(tmp_path: Path) -> None:
    """Behaviours and rules."""
    file = tmp_path / "fleet.toml"
    file.write_text(
        "control_port = 0\n"
        '[[servers]]\nbehavior = { type = "HttpError", status_code = 503, message = "no" }\n'
        "[[servers]]\n[[servers.rules]]\nlimit = 1\n"
        'fault = { type = "HttpError", status_code = 500, message = "once" }\n',
        encoding="utf-8",
    )
    with Program("--config", str(file)) as program:

        def statuses() -> list[int]:
            return [ask(port, "GET", "/").status for port in program.ports for _ in range(2)]

        assert statuses() == [503, 503, 500, 200]
        heal = {"port": {"all": True}, "behavior": {"type": "Normal"}}
        assert program.control("POST", "/behavior", heal).status == 200
        assert statuses() == [200, 200, 200, 200]
        assert program.control("POST", "/reset").status == 200
        assert statuses() == [503, 503, 500, 200]


def test_each_server_of_a_file_is_its_own_machine(tmp_path: Path) -> None:
    """Its tokens take what its profile says, to the microsecond, at whatever speed time goes."""
    file = tmp_path / "fleet.toml"
    file.write_text(
        "control_port = 0\nclock_speed = 20\n"
        '[[servers]]\nprofile = "rtx-4090-llama3-8b"\n'
        '[[servers]]\nprofile = "m4-llama3.1-8b"\nspeed = 2\n',
        encoding="utf-8",
    )
    with Program("--config", str(file)) as program:
        for index, (name, speed) in enumerate((("rtx-4090-llama3-8b", 1), ("m4-llama3.1-8b", 2))):
            profile = hardware.named(name)
            answer = generate(program, index, profile.model.name, 16)
            # The first token comes with the last of the prompt.
            expected = profile.decode_s(15, depth=answer["prompt_eval_count"]) / speed
            assert answer["eval_duration"] / 1e9 == pytest.approx(expected, abs=1e-6)


def generate(program: Program, index: int = 0, model: str = "test-model", tokens: int = 650) -> Any:
    """So many tokens of a server."""
    options = {"num_predict": tokens}
    body = {"model": model, "prompt": "Hello", "stream": False, "options": options}
    answer = ask(program.ports[index], "POST", "/api/generate", body, silence=15.0)
    assert answer.status == 200
    return answer.json()
