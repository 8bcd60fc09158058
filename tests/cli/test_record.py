"""The commands that record, replay, and make scripts of recordings."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from ollama_simulator.cli import simulator
from ollama_simulator.cli.program import application
from ollama_simulator.fleet import HOST
from ollama_simulator.net import kernel
from ollama_simulator.recording.entries import Content, Exchange, Head, Piece, Request
from ollama_simulator.recording.reading import read
from ollama_simulator.script import Script
from tests.acceptance.program import Program, run_to_end
from tests.acceptance.rawhttp import ask
from tests.recording.writing import written

CHAT = {"model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}


def run(*options: str) -> Result:
    """Start the program with these options."""
    return CliRunner().invoke(application(simulator.simulator, simulator.SUB_COMMANDS), options)


def test_a_server_recorded_replayed_and_scripted(tmp_path: Path) -> None:
    """From end to end: what clients get is the same all the way."""
    file = tmp_path / "recording.jsonl"
    free = ("--control-port", "0", "--server-ports", "0")
    with Program(*free) as real:
        url = f"http://127.0.0.1:{real.ports[0]}"
        with Program("record", url, "--to", str(file), "--port", "0", *free[:2]) as front:
            assert front.banner[0] == f"Recording {url} to {file}"
            recorded = ask(front.ports[0], "POST", "/api/chat", CHAT)
            ask(front.ports[0], "GET", "/api/version")
        with Program("record", url, "--to", str(file), "--port", "0", *free[:2]) as front:
            assert front.banner[0].endswith(f"{file}, which has 2 exchanges already")
            ask(front.ports[0], "GET", "/api/tags")
        assert front.stdout.endswith(f"{file}: 1 exchange recorded\n")
    assert len(read(file).exchanges) == 3
    with Program(*free, "--replay", str(file), "--replay-miss", "refuse") as again:
        assert ask(again.ports[0], "POST", "/api/chat", CHAT).body == recorded.body
        assert ask(again.ports[0], "GET", "/api/ps").status == 501
    done = run_to_end("convert", str(file))
    assert done.returncode == 0
    assert "left out: GET /api/version is said by no script" in done.stderr
    body = json.loads(done.stdout)
    with Program(*free) as told:
        assert told.control("POST", "/scripts", body).status == 200
        said = ask(told.ports[0], "POST", "/api/chat", CHAT).body

    def words(data: bytes) -> list[str]:
        return [json.loads(line)["message"]["content"] for line in data.splitlines()]

    assert words(said) == words(recorded.body)


def chat(said: str = "Hi") -> Exchange:
    """A recorded exchange."""
    lines = [
        {"model": "m", "message": {"role": "assistant", "content": said}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True},
    ]
    return Exchange(
        server="s1",
        at="now",
        request=Request(method="POST", target="/api/chat", body=Content(text=json.dumps(CHAT))),
        head=Head(status=200, framing="chunked", seconds=0.5),
        pieces=tuple(Piece(text=json.dumps(line) + "\n", seconds=0.5) for line in lines),
        ended="complete",
        seconds=0.5,
    )


def test_scripts_in_a_file(tmp_path: Path) -> None:
    """Which `POST /scripts` takes."""
    to = tmp_path / "scripts.json"
    done = run("convert", str(written(tmp_path, chat())), "--to", str(to))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"{to}: 1 script\n"
    body = json.loads(to.read_text(encoding="utf-8"))
    assert body["port"] == {"all": True}
    (script,) = msgspec.convert(body["scripts"], list[Script])
    assert script.answer is not None
    assert [step.content for step in script.answer] == ["Hi"]


def test_it_is_said_to_record_only_when_it_listens(tmp_path: Path) -> None:
    with kernel.listen(HOST, 0) as sock:
        port = str(sock.getsockname()[1])
        to = ("--to", str(tmp_path / "new.jsonl"), "--control-port", "0", "--port", port)
        done = run_to_end("record", "http://127.0.0.1:1", *to)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: port {port} is taken")


def test_nothing_to_convert(tmp_path: Path) -> None:
    """Status 1, and why."""
    file = written(tmp_path, msgspec.structs.replace(chat(), ended="reset"))
    done = run("convert", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{file}:2: left out: its answer ended `reset`, which is a fault's to do",
        f"error: {file}: there is nothing that a script could say",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("record http://127.0.0.1:1 --to no/new.jsonl", "no/new.jsonl: there is no folder 'no'"),
        ("record http://127.0.0.1:1 --to {odd}", "{odd}:1: no line of a recording: "),
        ("record ftp://x --to {new}", "upstream: 'ftp://x': ftp:// is not spoken; http:// and "),
        (
            "record 127.0.0.1:11434 --to {new}",
            "upstream: '127.0.0.1:11434' is no URL; one begins with http:// or https://",
        ),
        ("--upstream foo", "--upstream: 'foo' is no URL; one begins with http:// or https://"),
        ("record http://x --to {new} --port 7 --control-port 7", "--port: 7 is the control port"),
        ("convert {new}", "{new}: No such file or directory"),
        ("convert {odd}", "{odd}:1: no line of a recording: "),
        ("--replay {new}", "--replay: {new}: No such file or directory"),
        ("--replay {odd}", "--replay: {odd}:1: no line of a recording: "),
        ("--replay-speed 2", "--replay-speed: there is no --replay"),
        ("--replay-miss refuse", "--replay-miss: there is no --replay"),
        ("--replay {good} --replay-speed 0", "--replay-speed: it must be above 0, not 0"),
        ("--replay {good} --replay-speed nan", "--replay-speed: it must be above 0, not nan"),
        (
            "--replay {good} --replay-miss ask",
            "--replay-miss: 'ask' is none; there are simulate, refuse, relay",
        ),
        (
            "--replay {good} --replay-miss relay",
            "--replay-miss: there is no upstream that could be asked",
        ),
        ("--upstream http://", "--upstream: 'http://' names no host"),
        ("--upstream http://x --config f.toml", "--upstream: with --config, the file says that"),
    ],
)
def test_options_that_can_not_be_meant(options: str, words: str, tmp_path: Path) -> None:
    """Status 2, one line that names the culprit, and nothing is started or written."""
    files = {
        "odd": str(tmp_path / "odd.txt"),
        "new": str(tmp_path / "new.jsonl"),
        "good": str(written(tmp_path, chat())),
    }
    Path(files["odd"]).write_text("no recording\n", encoding="utf-8")
    done = run(*options.format(**files).split())
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {words.format(**files)}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path(files["new"]).exists()


def test_options_of_recordings_and_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server gets them."""
    served = []
    monkeypatch.setattr(simulator, "_serve", lambda *fleet: served.append(fleet))
    file = str(written(tmp_path, chat()))
    words = f"--replay {file} --replay-speed inf --replay-miss relay --upstream http://x"
    assert run(*words.split(), "--servers", "2").exit_code == 0
    ((_, fleet, *_),) = served
    assert {
        (each.replay, each.replay_speed, each.replay_miss, each.upstream, each.record)
        for each in fleet.servers
    } == {(file, float("inf"), "relay", "http://x", None)}
