"""Rows of the kill matrix that were played, kept in a file as they come, so that a matrix goes on
where it stopped.

The file has a JSON object a line: first what was played, then a row a line: a flaw, and what each
case said of it. Of several lines of a flaw the last one counts.

Rules of this file:

1. What is in the file was played to its end: a last line without its end is taken away.

It must not import the command line.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import msgspec

from ollama_simulator import __version__
from ollama_simulator.conformance.report import Result


class BadRows(Exception):
    """A file holds no rows that can be gone on from. The text says which, and why."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    suite: str
    """Version of the suite."""
    seed: int


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any other line."""

    flaw: str
    """Empty for the sound balancer."""
    results: tuple[Result, ...]


class Kept:
    """The file, open for what is to come."""

    def __init__(self, path: Path, seed: int) -> None:
        """Read what is there, if it was played by the same suite with the same seed. Raises
        `BadRows` and `OSError`."""
        self.rows: dict[str, tuple[Result, ...]] = {}
        """What was played before, by the flaw's name."""
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if data and not whole:
            raise BadRows(f"{path}: no rows of a kill matrix")
        head = Head(__version__, seed)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                if number == 1:
                    _compare(path, msgspec.json.decode(line, type=Head), head)
                else:
                    row = msgspec.json.decode(line, type=Row)
                    self.rows[row.flaw] = row.results
            except msgspec.DecodeError as error:
                raise BadRows(f"{path}, line {number}: no row of a kill matrix: {error}") from None
        self._file = path.open("r+b" if data else "wb")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._write(head)

    def add(self, flaw: str, results: Iterable[Result]) -> None:
        """Keep a row."""
        self._write(Row(flaw, tuple(brief(each) for each in results)))

    def _write(self, line: Head | Row) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def __enter__(self) -> "Kept":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _compare(path: Path, found: Head, wanted: Head) -> None:
    if found != wanted:
        raise BadRows(
            f"{path}: played by suite {found.suite} with seed {found.seed}, not by suite "
            f"{wanted.suite} with seed {wanted.seed}"
        )


def brief(result: Result) -> Result:
    """A result without the journals, and of the checks only those that did not hold."""
    return msgspec.structs.replace(
        result, checks=tuple(result.broken), moments=(), figures=(), evidence=()
    )
