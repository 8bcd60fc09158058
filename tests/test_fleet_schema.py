"""The JSON Schema of fleets' files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ollama_simulator import fleet_schema
from ollama_simulator.environment import KNOWN
from ollama_simulator.faults import fault
from ollama_simulator.fleet_file import BadFile, read
from tests.test_fleet_file import WHOLE
from tests.test_guides import FLEET, SCRIPTS, blocks

FILE = Path(__file__).parent.parent / "docs" / "fleet.schema.json"

SCHEMA = fleet_schema.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_file_is_up_to_date() -> None:
    """Renew it with `ollama_simulator check --schema > docs/fleet.schema.json`."""
    assert FILE.read_text(encoding="utf-8") == fleet_schema.text()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [WHOLE, *blocks(SCRIPTS, "toml"), *blocks(FLEET, "toml")])
def test_sound_files_conform(text: str) -> None:
    assert [*VALIDATOR.iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "seed = 7",
        "servers = []",
        "[[servers]]\nport = 70000",
        "[[servers]]\nports = 1",
        "[[servers]]\nwire = '0.12'",
        "[[servers]]\nenvironment = { OLLAMA_QUEUE = 1 }",
        "[[servers]]\nbehavior = { type = 'Hng' }",
        "[[servers]]\nbehavior = { type = 'AbruptClose' }",
        "[[servers]]\n[[servers.installed_models]]\nname = 'a'",
        "[defaults]\nport = 1\n[[servers]]",
    ],
)
def test_what_the_reader_refuses_does_not(text: str, tmp_path: Path) -> None:
    """As far as a schema can say it."""
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile):
        read(file)
    assert not VALIDATOR.is_valid(tomllib.loads(text))


def properties(name: str) -> Any:
    """Those of a table."""
    return SCHEMA["$defs"][name]["properties"]


def test_an_editor_can_explain_what_it_completes() -> None:
    """The words under fields, Ollama's variables, and every fault with its own words."""
    assert "0 takes a free one." in properties("Servers")["port"]["description"]
    assert set(KNOWN) < set(properties("Defaults")["environment"]["properties"])
    for name, kind in fault.known().items():
        assert kind.__doc__ is not None
        found = [each for each in SCHEMA["$defs"].values() if each.get("title") == name]
        told = [" ".join(each["description"].split()) for each in found]
        assert " ".join(kind.__doc__.split()) in told
