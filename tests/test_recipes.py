"""The recipes are the configurations that the suite's adapters start, and products take them."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from ollama_simulator.conformance.balancers import envoy, haproxy, litellm, nginx
from ollama_simulator.conformance.balancers.adapter import Place, Setup

RECIPES = (Path(__file__).resolve().parent.parent / "docs" / "recipes.md").read_text("utf-8")
SETUP = Setup(servers=(11501, 11502, 11503), timeout=60.0)


def recipe(anchor: str, language: str) -> str:
    """The configuration in a section."""
    section = RECIPES.partition(f"({anchor})=\n## ")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found)


def test_nginx(tmp_path: Path) -> None:
    told = nginx.configured("", SETUP, Place(port=8080, folder=tmp_path))
    assert textwrap.indent(recipe("nginx", "nginx"), "    ") in told


def test_haproxy(tmp_path: Path) -> None:
    told = haproxy.configured("", SETUP, Place(port=8080, folder=tmp_path))
    assert told.endswith(recipe("haproxy", "haproxy"))


def test_envoy() -> None:
    assert yaml.safe_load(recipe("envoy", "yaml")) == envoy.configured(SETUP, 8080)


def test_litellm() -> None:
    assert yaml.safe_load(recipe("litellm", "yaml")) == litellm.configured(SETUP)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    spools = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in nginx.SPOOLS)
    path.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{spools}{recipe('nginx', 'nginx')}}}\n",
        "utf-8",
    )
    command = ["nginx", "-t", "-c", str(path), "-p", str(tmp_path), "-e", "stderr"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_haproxy_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(recipe("haproxy", "haproxy"), "utf-8")
    command = ["haproxy", "-c", "-f", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
