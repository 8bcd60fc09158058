"""What the guides to scripts and fleets say is true: snippets run, and every field stands there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator import environment, fleet_file, fleet_types, script, settings
from ollama_simulator.model import Model
from tests.acceptance.program import Program

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
FLEET = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")


def blocks(guide: str, language: str) -> list[str]:
    """The code blocks of a language."""
    found = re.findall(r"```(\w*)\n(.*?)```", guide, re.DOTALL)
    return [text for name, text in found if name == language]


@pytest.mark.parametrize("name", ["scripts", "calibrate", "profiles", "time", "record", "scale"])
def test_the_program_prints_what_it_says(name: str) -> None:
    guide = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    (code,) = blocks(guide, "python")
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdout == blocks(guide, "")[-1]


def test_the_script_in_json_is_one() -> None:
    (text,) = blocks(SCRIPTS, "json")
    assert len(msgspec.json.decode(text, type=script.Script).answer or ()) == 3


@pytest.mark.parametrize("text", blocks(SCRIPTS, "toml") + blocks(FLEET, "toml"))
def test_the_files_are_fleets(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    assert fleet_file.read(file).servers


def test_the_curl_lines_are_taken() -> None:
    """Each as printed, but for the ports."""
    commands = "".join(blocks(SCRIPTS, "bash") + blocks(FLEET, "bash"))
    lines = commands.splitlines()
    with Program("--control-port", "0", "--server-ports", "0") as program:
        real = {"11500": program.control_port, "11501": program.ports[0]}
        for line in lines:
            found = re.sub(r"\b1150[01]\b", lambda port: str(real[port[0]]), line)
            words = shlex.split(found)[1:]
            data = words[words.index("-d") + 1] if "-d" in words else None
            url = next(word for word in words if word.startswith("http"))
            method = "POST" if data else "GET"
            path = "/" + url.split("/", 3)[3]
            answer = program.control(method, path, json.loads(data) if data else None)
            assert answer.status == 200, answer.body
    assert len(lines) == 3


def fields(kind: Any) -> list[str]:
    """The names of a struct's fields."""
    return [field.encode_name for field in msgspec.structs.fields(kind)]


@pytest.mark.parametrize("kind", [script.Script, script.Step, script.Load, script.Vectors])
def test_every_field_of_a_script_stands_there(kind: Any) -> None:
    for name in fields(kind):
        assert f"`{name}`" in SCRIPTS, name


@pytest.mark.parametrize(
    "kind", [settings.Settings, Model, fleet_types.Server, fleet_types.FleetFile]
)
def test_every_field_of_a_server_stands_there(kind: Any) -> None:
    for name in fields(kind):
        if name != "given":  # what a file says at its servers
            assert f"`{name}`" in FLEET, name


def test_mistakes_are_told_as_it_says(tmp_path: Path) -> None:
    """The lines of the example, for a file that has these mistakes in these places."""
    (said,) = [text for text in blocks(FLEET, "") if text.startswith("fleet.toml:")]
    file = tmp_path / "fleet.toml"
    file.write_text(
        '[[servers]]\nport = 11501\nnum_paralel = 2\nwire = "0.34"\n\n[[servers]]\nport = 11501\n',
        encoding="utf-8",
    )
    with pytest.raises(fleet_file.BadFile) as caught:
        fleet_file.read(file)
    assert f"{caught.value}\n".replace(f"{tmp_path}/", "") == said


def test_every_variable_stands_there() -> None:
    for name in environment.KNOWN:
        assert f"`{name}`" in FLEET, name


def test_defaults_are_told_truly() -> None:
    """Those of the table that are numbers and words."""
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", FLEET, re.MULTILINE))
    default = settings.Settings()
    for name in ("num_parallel", "max_queue", "max_loaded_models", "context_length"):
        assert rows[name] == str(getattr(default, name))
    for name in ("wire", "bind", "hostname", "zone", "models", "cloud"):
        assert rows[name] == f"`{getattr(default, name)}`"
    assert rows["load_timeout"] == f"{default.load_timeout:.0f}"
    assert rows["pull_bytes_per_second"] == f"{default.pull_bytes_per_second:,.0f}"
