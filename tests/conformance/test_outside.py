"""What is wrong with a file from outside is told with its name, the line and the reason."""

import sys
from pathlib import Path

import pytest

from ollama_simulator.conformance.outside import BadFile, load


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("x = 1\ny = (\n", "bad_rules.py:2: SyntaxError: '(' was never closed"),
        ("\n\nimport no_such_thing\n", "bad_rules.py:3: ModuleNotFoundError: No module named"),
        (
            "def f():\n    return 1 / 0\nf()\n",
            "bad_rules.py:2: ZeroDivisionError: division by zero",
        ),
        ("import sys\nsys.exit('I will not')\n", "bad_rules.py:2: SystemExit: I will not"),
    ],
)
def test_what_goes_wrong_in_it(tmp_path: Path, source: str, complaint: str) -> None:
    """Nothing of it stays."""
    path = tmp_path / "bad_rules.py"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(BadFile) as raised:
        load(path)
    assert complaint in str(raised.value)
    assert "bad_rules" not in sys.modules


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("no_such_file.py", "there is no such file"),
        ("house-rules.py", "its name must be a Python name"),
        ("json.py", "there is a module 'json' already"),
        ("this.py", "there is a module 'this' already"),
        ("house_rules", "it must end in .py"),
    ],
)
def test_files_that_are_not_even_tried(tmp_path: Path, name: str, complaint: str) -> None:
    """A module of the standard library counts as there, whether anybody has imported it or not."""
    if not name.startswith("no_"):
        (tmp_path / name).write_text("", encoding="utf-8")
    with pytest.raises(BadFile, match=complaint):
        load(tmp_path / name)
