"""What the guide to containers says is true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.acceptance.program import run_to_end

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
CHART = ROOT / "deploy" / "helm" / "ollama-simulator"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def test_its_options_are_the_programs() -> None:
    told = run_to_end("--help").stdout
    lines = re.findall(r"^docker run .* ollama_simulator (--.*)$", GUIDE, re.MULTILINE)
    assert len(lines) == 2
    options = {word for line in lines for word in re.findall(r"--[a-z-]+", line)}
    options |= set(re.findall(r"`(--control-[a-z]+)", GUIDE))
    assert {"--host", "--control-host", "--control-name", "--config"} <= options
    for option in options:
        assert f"{option} " in told, option


def test_its_values_are_the_charts() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(block), schema)
    rows = re.findall(r"^\| (`[a-z].*?) \|", GUIDE, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([a-zA-Z.]+)`", row)]
    assert {"load", "costs", "control.existingSecret"} <= set(names)
    for name in names:
        table: Any = VALUES
        for part in name.split("."):
            assert part in table, name
            table = table[part]
