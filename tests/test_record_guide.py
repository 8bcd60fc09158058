"""What the guide to recordings says is true: programs run, files are read, its words exist."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from ollama_simulator import fleet_file
from ollama_simulator.cli import simulator
from ollama_simulator.cli.program import application
from ollama_simulator.cli.record import record
from ollama_simulator.net.timed import LARGEST_CHUNK, PATIENCE_S
from ollama_simulator.recording import entries
from ollama_simulator.recording.matching import VOLATILE
from ollama_simulator.recording.reading import read
from ollama_simulator.recording.writing import MOST_KEPT
from tests.recording.writing import written
from tests.test_guides import blocks

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")


def test_the_file_is_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text(blocks(GUIDE, "json")[0], encoding="utf-8")
    (found,) = read(file).exchanges
    assert found.exchange.ended == "complete"
    assert found.exchange.head is not None
    assert found.exchange.head.length == len(found.exchange.body)


def test_the_fleet_is_one(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(blocks(GUIDE, "toml")[0], encoding="utf-8")
    first, second = fleet_file.read(file).servers
    assert (first.upstream, second.upstream) == ("http://127.0.0.1:11434", "https://gpu.example")


def test_the_commands_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for serving, which others test."""
    served: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulator, "_serve", lambda *fleet: served.append(fleet))
    exchange = entries.Exchange(
        server="s1",
        at="now",
        request=entries.Request(
            method="POST", target="/api/chat", body=entries.Content(text='{"model":"m"}')
        ),
        head=entries.Head(status=200, framing="chunked", seconds=0.0),
        ended="complete",
        seconds=0.0,
    )
    written(tmp_path, exchange)
    lines = [line for block in blocks(GUIDE, "") for line in block.splitlines()]
    commands = [shlex.split(line)[3:] for line in lines if line.startswith("python3 run.py ")]
    assert len(commands) == 5
    for command in commands:
        if command[0] == "record":
            continue
        done = CliRunner().invoke(application(simulator.simulator, simulator.SUB_COMMANDS), command)
        assert done.exit_code == 0, (command, done.stderr)
    replays = [fleet.servers[0] for _, fleet, *_ in served]
    assert [(each.replay, each.replay_speed, each.replay_miss) for each in replays] == [
        ("recording.jsonl", 1.0, "simulate"),
        ("recording.jsonl", 10.0, "refuse"),
        (None, 1.0, "simulate"),
    ]
    assert (tmp_path / "scripts.json").exists()


def test_every_option_stands_there() -> None:
    """And no other."""
    names = [name for name in record.__annotations__ if name not in ("upstream", "return")]
    rows = [
        line.split("`")[1].split()[0] for line in GUIDE.splitlines() if line.startswith("| `--")
    ]
    assert rows == [f"--{name.replace('_', '-')}" for name in names]


@pytest.mark.parametrize(
    "kind", [entries.Recording, entries.Request, entries.Head, entries.Exchange, entries.Content]
)
def test_every_member_stands_there(kind: Any) -> None:
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in GUIDE, field.encode_name


def test_the_numbers_and_names_stand_there() -> None:
    assert f"{MOST_KEPT // 2**20} MiB" in GUIDE
    assert f"{PATIENCE_S * 1000:g} ms" in GUIDE
    assert f"{LARGEST_CHUNK // 1024} KiB" in GUIDE
    for name in VOLATILE:
        assert f"`{name}`" in GUIDE
    for name in entries.SECRETS:
        assert f"`{name}`" in GUIDE.lower()
    for word in (*entries.Ended.__args__, *entries.Framing.__args__):  # type: ignore[attr-defined]
        assert f"`{word}`" in GUIDE
