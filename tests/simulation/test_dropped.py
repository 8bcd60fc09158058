"""A journal that has dropped records says so, in place of judging by the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollama_simulator import connect, simulate
from tests.acceptance.rawhttp import ask

REQUESTS = 30
NOBODY_KNOWS = "nobody knows: the journal has dropped [0-9]+ of the records .* journal_size"


def test_what_was_dropped_is_not_judged() -> None:
    """Here and over the control API: neither that it happened so often, nor that it didn't."""
    with simulate(journal_size=20, control=True) as fleet:
        for _ in range(REQUESTS):
            assert ask(fleet["s1"].port, "GET", "/api/version").status == 200
        last = fleet.journal.since()
        assert ask(fleet["s1"].port, "HEAD", "/").status == 200
        assert fleet.control_url is not None
        with connect(fleet.control_url) as other:
            for journal in (fleet.journal, other.journal):
                assert 20 <= len(journal.records) <= 25
                for wanted in ({"count": REQUESTS + 1}, {"at_most": 99}, {"at_least": REQUESTS}):
                    with pytest.raises(LookupError, match=NOBODY_KNOWS):
                        journal.verify("Asked", **wanted)
                with pytest.raises(LookupError, match=NOBODY_KNOWS):
                    journal.verify("Behaved", count=0)
                with pytest.raises(LookupError, match=NOBODY_KNOWS):
                    journal.verify_order("Behaved", "Asked")
                journal.verify("Asked")
                journal.verify_order("Asked", "Finished")
        last.verify("Asked", count=1)
        last.verify("Struck", count=0)


def test_all_is_kept_unless_somebody_says_so(tmp_path: Path) -> None:
    """Also of a fleet in a file: its size is for the program that runs for ever."""
    file = tmp_path / "fleet.toml"
    file.write_text("journal_size = 1\njournal_file = 'j.jsonl'\n[[servers]]\n", encoding="utf-8")
    with simulate(config=file) as fleet:
        for _ in range(REQUESTS):
            assert ask(fleet["s1"].port, "GET", "/api/version").status == 200
        fleet.journal.verify("Asked", count=REQUESTS)
    assert (tmp_path / "j.jsonl").read_text(encoding="utf-8").count('"kind":"Asked"') == REQUESTS


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (True, TypeError), ("9", TypeError)])
def test_a_size_that_can_not_be(size: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="journal_size: "):
        simulate(journal_size=size)  # type: ignore[arg-type]
