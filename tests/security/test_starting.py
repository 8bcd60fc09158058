"""Where the control API listens, and for whom, as programs and tests start it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import connect, simulate
from ollama_simulator.access import SHORTEST_TOKEN, VARIABLE
from ollama_simulator.simulation.http import Api
from tests.acceptance.program import Program, command, environment

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FREE = ("--control-port", "0", "--server-ports", "0")


# --- the program ----------------------------------------------------------------------------


def test_servers_for_all_leave_the_control_api_to_this_machine() -> None:
    """Without a token, as ever."""
    with Program(*FREE, "--host", "0.0.0.0") as program:
        assert any("Control API: http://127.0.0.1:" in line for line in program.banner)
        assert any("Ollama server: http://0.0.0.0:" in line for line in program.banner)
        assert program.control("GET", "/fleet").status == 200


def test_a_token_is_made_and_told_once() -> None:
    """On standard error, whatever standard output is for."""
    with Program(*FREE, "--control-host", "0.0.0.0") as program:
        (made,) = re.findall(r"made for this run: (\S+)\n", program.stderr)
        assert len(made) >= SHORTEST_TOKEN
        assert program.control("GET", "/fleet").status == 401
        headers = {"Authorization": f"Bearer {made}"}
        assert program.control("GET", "/fleet", headers=headers).status == 200
        program.control("POST", "/servers", "{", headers=headers)
        assert (program.stdout + program.stderr).count(made) == 1
        program.kill()


def test_a_token_of_ones_own_is_told_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the environment nor that of the option, which wins."""
    other = "another-token-of-some-length"
    monkeypatch.setenv(VARIABLE, other)
    for options, token in (((), other), (("--control-token", TOKEN), TOKEN)):
        with Program(*FREE, "--control-host", "0.0.0.0", *options) as program:
            headers = {"Authorization": f"Bearer {token}"}
            assert program.control("GET", "/fleet").status == 401
            assert program.control("GET", "/fleet", headers=headers).status == 200
            assert program.control("GET", "/health").status == 200
            program.stop()
            assert token not in program.stdout + program.stderr


def test_a_token_on_loopback_is_asked_for() -> None:
    with Program(*FREE, "--control-token", TOKEN) as program:
        assert program.control("GET", "/fleet").status == 401
        assert program.control("GET", "/fleet", headers=BEARER).status == 200


def test_names_and_open_metrics() -> None:
    options = ("--control-token", TOKEN, "--control-name", "fleet", "--control-name", "sim-?")
    with Program(*FREE, *options, "--open-metrics") as program:
        for name, status in (("fleet", 200), ("sim-3:11500", 200), ("sim-33", 403)):
            answer = program.control("GET", "/fleet", headers={**BEARER, "Host": name})
            assert answer.status == status
        assert program.control("GET", "/metrics").status == 200


def test_a_file_says_it_too(tmp_path: Path) -> None:
    """But the token, which is no matter of a file that is shown around."""
    file = tmp_path / "fleet.toml"
    file.write_text(
        "control_host = '127.0.0.1'\ncontrol_port = 0\ncontrol_names = ['fleet']\n"
        "open_metrics = true\n[[servers]]\n",
        encoding="utf-8",
    )
    with Program("--config", str(file), "--control-token", TOKEN) as program:
        assert program.control("GET", "/metrics").status == 200
        answer = program.control("GET", "/fleet", headers={**BEARER, "Host": "fleet"})
        assert answer.status == 200
    for options, words in (
        (("--control-host", "0.0.0.0"), "--control-host: with --config, the file says that"),
        (("--host", "0.0.0.0"), "--host: with --config, the file says that"),
    ):
        ended = subprocess.run(
            [*command(), "--config", str(file), *options],
            env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (ended.returncode, words in ended.stderr) == (2, True), ended.stderr


# --- from Python ----------------------------------------------------------------------------


def test_a_fleet_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects shows it, or has it in the environment; else it is told what is missing."""
    with simulate(control=True, token=TOKEN) as fleet:
        url = str(fleet.control_url)
        with connect(url, token=TOKEN) as there:
            assert there[0].name == "s1"
            there.reset()
        monkeypatch.setenv(VARIABLE, TOKEN)
        with connect(url) as there:
            assert len(there) == 1
        monkeypatch.delenv(VARIABLE)
        for wrong, hint in ((None, "token=…"), (TOKEN + "x", "was refused")):
            with pytest.raises(PermissionError, match=hint) as told, connect(url, token=wrong):
                pass
            assert TOKEN not in str(told.value)


def test_a_name_that_is_not_known_is_told() -> None:
    with simulate(control=True) as fleet:
        port = str(fleet.control_url).rpartition(":")[2]
        api = Api(f"http://127.0.0.1:{port}")
        api.url = "http://simulator.lan:80"
        with pytest.raises(PermissionError, match=r"--control-name simulator\.lan"):
            asyncio.run(api.get("/fleet"))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"control": True, "token": "short"}, ValueError, "token: a token has 16 characters"),
        ({"control": True, "token": 7}, TypeError, "token: it is no text"),
        ({"token": TOKEN}, TypeError, "token: without control"),
    ],
)
def test_what_is_no_token(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        simulate(**arguments)


def test_a_file_that_wants_a_token(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text("control_host = '0.0.0.0'\n[[servers]]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"token: whoever reaches 0\.0\.0\.0 could use it"):
        simulate(config=file, control=True)
    with simulate(config=file) as fleet:
        assert fleet.control_url is None
    with simulate(config=file, control=True, token=TOKEN) as fleet:
        assert str(fleet.control_url).startswith("http://127.0.0.1:")


def test_a_token_that_is_none_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="token: a token has letters"):
        connect("http://127.0.0.1:1", token="a\r\nHost: evil.example")


def test_what_is_imported_for_help_stays_little() -> None:
    """Who may use the API is known without the API."""
    code = "import ollama_simulator.access, sys; sys.exit('starlette' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], env=environment(), timeout=60, check=False)
    assert ended.returncode == 0
