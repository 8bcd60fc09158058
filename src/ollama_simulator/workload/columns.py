"""What the columns of a trace file mean: one table of the forms that are known.

Source: engine model, 5.1; the files' own descriptions.

Rules of this file:

1. A file is of the first form that finds all it needs among the columns. Columns that no form
   knows are refused: a name that is nearly right must not be skipped.
2. A form tells which columns it leaves unused.
3. A length of 0 counts as 1: a recording's failed request asked for its prompt, too.

It must not import anything but its own package.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ollama_simulator.workload.lengths import LONGEST


class BadCell(ValueError):
    """What stands in a column isn't what should. The text names the column."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One request of a trace."""

    at: float
    """Seconds on the file's own clock."""
    prompt: int
    answer: int
    blocks: tuple[int, ...] = ()
    """What stands for each block of the prompt: equal numbers for equal blocks."""
    model: str = ""


class Form(msgspec.Struct, frozen=True):
    """A kind of file."""

    name: str
    at: tuple[str, ...]
    """Names that the column may have."""
    prompt: tuple[str, ...]
    answer: tuple[str, ...]
    time: Callable[[Any], float]
    """Seconds, from what stands in the column. Raises `ValueError`."""
    needs: tuple[str, ...] = ()
    """Columns that tell it from others."""
    model: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    block_tokens: int = 0
    unused: tuple[str, ...] = ()
    quantum_s: float = 0.0
    """To which times were rounded when it was recorded."""

    def fits(self, columns: Collection[str]) -> bool:
        """Whether it finds all it needs."""
        return all(
            any(name in columns for name in names)
            for names in (self.at, self.prompt, self.answer, *((need,) for need in self.needs))
        )

    def unknown(self, columns: Collection[str]) -> str | None:
        """The first column that it doesn't know."""
        known = {
            *(*self.at, *self.prompt, *self.answer, *self.needs),
            *(*self.model, *self.blocks, *self.unused),
        }
        return next((column for column in columns if column not in known), None)

    def row(self, record: Mapping[str, Any]) -> Row:
        """A row, from its cells. Raises `BadCell`."""
        return Row(
            at=_read(record, self.at, self.time, "a time"),
            prompt=max(_read(record, self.prompt, _tokens, _A_LENGTH), 1),
            answer=max(_read(record, self.answer, _tokens, _A_LENGTH), 1),
            blocks=_read(record, self.blocks, _numbers, "a list of whole numbers")
            if any(name in record for name in self.blocks)
            else (),
            model=_read(record, self.model, _name, "a model's name")
            if any(name in record for name in self.model)
            else "",
        )


_A_LENGTH = f"a whole number from 0 to {LONGEST:,}"


def _read(
    record: Mapping[str, Any], names: tuple[str, ...], read: Callable[[Any], Any], what: str
) -> Any:
    name = next((name for name in names if name in record), None)
    if name is None:
        raise BadCell(f"column {names[0]!r} is missing")
    try:
        return read(record[name])
    except (ValueError, TypeError, OverflowError, RecursionError):
        shown = json.dumps(record[name])
        raise BadCell(f"column {name!r} must be {what}, not {shown[:60]}") from None


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    raise ValueError


def _tokens(value: Any) -> int:
    number = _whole(value)
    if not 0 <= number <= LONGEST:
        raise ValueError
    return number


def _numbers(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, list):
        raise ValueError
    return tuple(map(_whole, value))


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _milliseconds(value: Any) -> float:
    return _seconds(value) / 1000


def _date(value: Any) -> float:
    """ISO 8601, in UTC if it doesn't say otherwise; digits beyond microseconds are dropped."""
    date = datetime.fromisoformat(value)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


FORMS = (
    Form(
        name="plain",
        at=("at", "arrival", "arrival_time", "arrived_at"),
        prompt=("prompt", "prompt_tokens", "prompt_length", "input_tokens"),
        answer=("output", "output_tokens", "answer", "completion_tokens"),
        time=_seconds,
        model=("model",),
    ),
    Form(
        name="Azure",
        at=("TIMESTAMP",),
        prompt=("ContextTokens",),
        answer=("GeneratedTokens",),
        time=_date,
    ),
    Form(
        name="BurstGPT",
        at=("Timestamp",),
        prompt=("Request tokens",),
        answer=("Response tokens",),
        time=_seconds,
        unused=("Session ID", "SessionID", "Elapsed time", "Model", "Total tokens", "Log Type"),
    ),
    Form(
        name="Qwen-Bailian",
        needs=("chat_id",),
        at=("timestamp",),
        prompt=("input_length",),
        answer=("output_length",),
        time=_seconds,
        blocks=("hash_ids",),
        block_tokens=16,
        unused=("parent_chat_id", "type", "turn"),
    ),
    Form(
        name="Mooncake",
        at=("timestamp",),
        prompt=("input_length",),
        answer=("output_length",),
        time=_milliseconds,
        blocks=("hash_ids",),
        block_tokens=512,
        quantum_s=3.0,
    ),
)


def form_of(columns: Collection[str]) -> Form:
    """The form of a file with these columns. Raises `BadCell`."""
    form = next((form for form in FORMS if form.fits(columns)), None)
    if form is None:
        known = "; ".join(
            f"{form.name}: {', '.join((form.at[0], form.prompt[0], form.answer[0]))}"
            for form in FORMS
        )
        given = ", ".join(columns) or "none"
        raise BadCell(f"these columns are of no known trace: {given[:200]} (known are {known})")
    return form
