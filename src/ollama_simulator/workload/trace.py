"""A recorded trace, replayed: when requests came, and how long prompts and answers were.

Source: engine model, 5.1 and 5.3.

Rules of this file:

1. The first request is due at once; the others keep their distances from it.
2. A request is a session of one turn. Where the file says which blocks its prompt consists of,
   whole blocks are parts of a system prompt, so that equal beginnings stay equal.
3. A file is read whole, or as far as rows are wanted, before anything is played. Whatever is
   wrong in it is told with file, line and column.

It must not import anything but its own package.
"""

import csv
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import IO, Any

import msgspec

from ollama_simulator.workload.columns import BadCell, Form, Row, form_of
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Turn

WAVER_S = 0.01
"""How far a rounded time may be off a multiple of its quantum."""


class Trace(msgspec.Struct, frozen=True):
    """An open loop of one-shot requests."""

    rows: tuple[Row, ...]
    block_tokens: int = 0

    @property
    def users(self) -> None:
        return None

    @property
    def rate(self) -> float:
        """Requests in a second, on average; infinite if they all come at once."""
        lasted = self.rows[-1].at - self.rows[0].at
        return (len(self.rows) - 1) / lasted if lasted else math.inf

    def sessions(self) -> Iterator[Session]:
        return (self._session(number, row) for number, row in enumerate(self.rows))

    def _session(self, number: int, row: Row) -> Session:
        whole = (row.prompt - 1) // self.block_tokens if row.blocks else 0
        system = tuple(Shared(block, self.block_tokens) for block in row.blocks[:whole])
        asked = row.prompt - len(system) * self.block_tokens
        return Session(
            number=number,
            turns=(Turn(asked, row.answer),),
            at=row.at,
            system=system,
            model=row.model,
        )


def read(
    path: Path,
    *,
    rate: float | None = None,
    limit: int | None = None,
    smooth: bool = True,
    seed: int = 0,
) -> Trace:
    """The trace in a file of CSV, or of one JSON object a line. Raises `BadWorkload`.

    `rate` stretches its times so that so many requests come in a second on average; `limit` takes
    only its first rows. Where the recording rounded all of its times, `smooth` spreads requests at
    random over the time that they were rounded to.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            form, rows = _rows(file, path, limit)
    except UnicodeDecodeError:
        raise BadWorkload(f"{path}: it is no text in UTF-8") from None
    except OSError as error:
        raise BadWorkload(f"{path}: {error.strerror}") from None
    times = [row.at - rows[0].at for row in rows]
    if smooth and form.quantum_s and _rounded(times, form.quantum_s):
        times = _spread(times, form.quantum_s, Random(f"smooth {seed}"))
    if rate is not None:
        times = _stretched(times, rate, path)
    placed = tuple(msgspec.structs.replace(row, at=at) for row, at in zip(rows, times, strict=True))
    return Trace(placed, form.block_tokens)


def _rows(file: IO[str], path: Path, limit: int | None) -> tuple[Form, list[Row]]:
    form = None
    rows: list[Row] = []
    try:
        for line, record in itertools.islice(_records(file), limit):
            try:
                form = form or form_of(record)
                rows.append(_row(form, record, rows[-1].at if rows else -math.inf))
            except BadCell as error:
                raise _Unreadable(line, str(error)) from None
    except _Unreadable as error:
        raise BadWorkload(f"{path}: line {error.line}: {error}") from None
    if form is None:
        raise BadWorkload(f"{path}: it holds no request")
    return form, rows


def _row(form: Form, record: Mapping[str, Any], before: float) -> Row:
    _known(form, record)
    row = form.row(record)
    if row.at < before:
        name = next(name for name in form.at if name in record)
        raise BadCell(f"column {name!r} goes back in time: a trace must be sorted")
    return row


def _known(form: Form, columns: Collection[str]) -> None:
    if unknown := form.unknown(columns):
        raise BadCell(f"column {unknown!r} is unknown in a trace of the form {form.name}")


class _Unreadable(ValueError):
    """A line is no record."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def _records(file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each row with the number of its line, whatever the file's kind."""
    head = file.read(1024).lstrip()
    file.seek(0)
    return _from_json(file) if head.startswith("{") else _from_csv(file)


def _from_json(file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _Unreadable(number, f"it is no JSON: {error}") from None
        if not isinstance(record, dict):
            raise _Unreadable(number, "it must be a JSON object")
        yield number, record


def _from_csv(file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(file, strict=True, skipinitialspace=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if columns is None:
                columns = [cell.strip() for cell in cells]
                _check_header(columns, reader.line_num)
            elif len(cells) != len(columns):
                text = f"it has {len(cells)} cells, and the first line names {len(columns)} columns"
                raise _Unreadable(reader.line_num, text)
            else:
                yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise _Unreadable(reader.line_num, f"it is no CSV: {error}") from None


def _check_header(columns: list[str], line: int) -> None:
    """Complain of a header before its first row is looked at."""
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise _Unreadable(line, f"column {twice!r} stands twice")
    try:
        _known(form_of(columns), columns)
    except BadCell as error:
        raise _Unreadable(line, str(error)) from None


def _rounded(times: list[float], quantum: float) -> bool:
    """Whether all times are multiples of the quantum, give or take a clock that wavers.

    Of one recording some files are and others aren't.
    """
    return all(abs(at - quantum * round(at / quantum)) <= WAVER_S for at in times)


def _spread(times: list[float], quantum: float, rng: Random) -> list[float]:
    """Spread what came at the same time over the quantum that it was rounded to."""
    out: list[float] = []
    groups = [(at, len(list(together))) for at, together in itertools.groupby(times)]
    ends = [at for at, _ in groups[1:]] + [math.inf]
    for (at, count), end in zip(groups, ends, strict=True):
        # Never beyond the next, or they'd change places.
        width = min(quantum, end - at)
        out.extend(sorted(at + rng.random() * width for _ in range(count)))
    return [at - out[0] for at in out]


def _stretched(times: list[float], rate: float, path: Path) -> list[float]:
    if not (math.isfinite(rate) and rate > 0):
        raise BadWorkload(f"the rate must be a number above 0, not {rate:g}")
    if not times[-1]:
        raise BadWorkload(f"{path}: all its requests come at once: no rate can be made of it")
    factor = (len(times) - 1) / times[-1] / rate
    return [at * factor for at in times]
