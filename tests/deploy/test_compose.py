"""The Compose file: it is one, its parts fit together, and its nginx passes requests on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ollama_simulator.cli.judged import SERVER_PORTS
from ollama_simulator.conformance.balancers import ports
from ollama_simulator.conformance.balancers.installed import as_root
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import Ended, ask

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
NGINX = (ROOT / "deploy" / "compose" / "nginx.conf").read_text(encoding="utf-8")
PORT = 8080
"""Where nginx listens in its container."""


def test_it_is_a_compose_file() -> None:
    """By the schema of the Compose Specification."""
    command = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_is_root_or_writes_but_to_tmp() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["tmpfs"] == "/tmp", name
        assert service["cap_drop"] == ["ALL"], name
        # The image of the project says so itself.
        assert service["image"] == "ollama_simulator" or int(service["user"].split(":")[0]) > 0


def test_everything_is_published_on_this_machine_alone() -> None:
    published = [each for service in SERVICES.values() for each in service.get("ports", ())]
    assert published == [
        f"127.0.0.1:11500-{SERVER_PORTS[-1]}:11500-{SERVER_PORTS[-1]}",
        f"127.0.0.1:{PORT}:{PORT}",
    ]


def test_the_nginx_that_is_judged_is_the_one_before_the_fleet() -> None:
    """But for where its servers are, and that it waits for nobody."""
    fleets, judged = dict(SERVICES["balancer"]), dict(SERVICES["judged"])
    assert fleets.pop("depends_on") == {"fleet": {"condition": "service_healthy"}}
    assert fleets.pop("ports")
    assert judged.pop("profiles") == SERVICES["suite"]["profiles"] == ["test"]
    assert judged.pop("extra_hosts") == ["fleet:127.0.0.1"]
    assert judged == fleets
    (mount,) = judged["volumes"]
    assert (ROOT / mount.split(":")[0]).read_text(encoding="utf-8") == NGINX


def test_the_suite_is_on_one_machine_with_it() -> None:
    """Its servers are where nginx looks for them, and its URL is where nginx listens."""
    suite = SERVICES["suite"]
    assert suite["network_mode"] == "service:judged"
    assert suite["depends_on"] == {"judged": {"condition": "service_healthy"}}
    url = f"http://127.0.0.1:{PORT}"
    assert suite["entrypoint"][:3] == ["load_balancer_test", "--url", url]
    assert re.findall(r"listen (\d+);", NGINX) == [str(PORT)]
    servers = re.findall(r"server (\w+):(\d+) ", NGINX)
    assert servers == [("fleet", str(port)) for port in SERVER_PORTS]


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[tuple[Program, int]]:
    """A fleet, and the port of an nginx in front of it: ours, with other ports and folders."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    nginx = shutil.which("nginx") or nginx
    if nginx is None:
        pytest.skip("nginx is not installed")
    with (
        Program("--control-port", "0", "--server-ports", "0,0,0") as program,
        ports.claimed() as (port,),
    ):
        told = NGINX.replace("/tmp/", f"{tmp_path}/").replace(f"listen {PORT};", f"listen {port};")
        for before, after in zip(SERVER_PORTS, program.ports, strict=True):
            told = told.replace(f"fleet:{before} ", f"127.0.0.1:{after} ")
        path = tmp_path / "nginx.conf"
        path.write_text(told, encoding="utf-8")
        # The workers of a master that runs as root would not be let into the folder.
        told = "daemon off;" + (" user root;" if as_root() else "")
        command = [nginx, "-c", str(path), "-e", "stderr", "-g", told]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if ask(port, "GET", "/api/version").ended is not Ended.REFUSED:
                    break
                time.sleep(0.05)
            yield program, port
        finally:
            running.terminate()
            running.wait(10)


def test_its_nginx_passes_requests_on_and_asks_another_if_one_fails(
    balanced: tuple[Program, int],
) -> None:
    program, port = balanced
    program.behave(program.ports[0], "ConnectionRefused")
    program.behave(program.ports[1], "EmptyReply")
    body = {"model": "test-model", "prompt": "Hello", "stream": False}
    for _ in range(3):
        assert ask(port, "POST", "/api/generate", body).status == 200
    assert program.status(program.ports[2])["request_count"] >= 3
