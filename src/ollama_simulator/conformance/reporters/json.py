"""The report as JSON, which is its natural form: other programs and `compare` read it.

The document is described in docs/report.md, and by `schema()`.

It must not import the player.
"""

from pathlib import Path
from typing import Any

import msgspec

from ollama_simulator.conformance.report import FORMAT, Report
from ollama_simulator.conformance.reporters.reporter import reporter


class BadReport(Exception):
    """A file is no report that we can read. The text says which, and why."""


@reporter("json")
def json(report: Report) -> str:
    """The whole report."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


def read(path: Path) -> Report:
    """A report from its file. Raises `BadReport`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadReport(f"{path}: {error.strerror}") from None
    try:
        found = msgspec.json.decode(data)
        number = found.get("format") if isinstance(found, dict) else None
        if number != FORMAT:
            raise BadReport(f"{path}: a report of format {number!r}; format {FORMAT} can be read")
        return msgspec.convert(found, Report)
    except msgspec.DecodeError as error:
        raise BadReport(f"{path}: no report: {error}") from None


def schema() -> dict[str, Any]:
    """The JSON schema of the document."""
    return msgspec.json.schema(Report)
