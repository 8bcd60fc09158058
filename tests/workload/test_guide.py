"""What `docs/workloads.md` says is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ollama_simulator.workload.arrivals import PROCESSES
from ollama_simulator.workload.columns import FORMS
from ollama_simulator.workload.lengths import TABLES
from ollama_simulator.workload.named import FIELDS, workload
from ollama_simulator.workload.presets import PRESETS
from tests.workload.test_lengths import PUBLISHED

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "workloads.md").read_text(encoding="utf-8")
SPECS, PROGRAM, PRINTED = re.findall(r"```(?:python)?\n(.*?)```", GUIDE, re.DOTALL)


def test_the_program_prints_what_it_says() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdout == PRINTED


@pytest.mark.parametrize("spec", SPECS.splitlines())
def test_the_examples_are_workloads(spec: str) -> None:
    assert next(workload(spec, rate=1.0).sessions()).turns


@pytest.mark.parametrize("name", PRESETS)
def test_every_workload_stands_there_with_its_loop(name: str) -> None:
    (loop,) = re.findall(rf"^\| `{name}` \|.*\| (.*) \|$", GUIDE, re.MULTILINE)
    preset = PRESETS[name]
    assert loop == (f"{preset.users} users" if preset.users else f"{preset.rate} requests a second")


@pytest.mark.parametrize("name", [*FIELDS, *PROCESSES, *TABLES])
def test_every_word_of_a_spec_stands_there(name: str) -> None:
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_of_a_trace_stands_there(form: object) -> None:
    name, at, prompt, answer = (getattr(form, part) for part in ("name", "at", "prompt", "answer"))
    row = rf"^\| {name} \| `{at[0]}`, .* \| `{prompt[0]}` \| `{answer[0]}` \|"
    assert re.search(row, GUIDE, re.MULTILINE)


@pytest.mark.parametrize("name", TABLES)
def test_the_means_are_told_truly(name: str) -> None:
    (mean, trace) = re.findall(rf"^\| `{name}` \| ([^|]*) \| ([^|]*) \|", GUIDE, re.MULTILINE)[0]
    digits = 1 if "." in mean else 0
    assert mean == f"{TABLES[name].mean:,.{digits}f}"
    assert float(trace.replace(",", "")) == PUBLISHED[name]
