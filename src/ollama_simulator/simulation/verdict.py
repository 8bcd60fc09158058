"""What is said when a journal doesn't hold what it should: the nearest thing that did happen.

Rules of this file:

1. Times are seconds since the first record of what was read, as in a transcript.

It must not import anything of this package but `records`, `transcript` and its own folder.
"""

from collections.abc import Sequence
from typing import Any

from ollama_simulator.records import Record
from ollama_simulator.simulation.pattern import Pattern
from ollama_simulator.transcript import words

MOST = 10
"""Records that are shown of those that should not be."""
WIDTH = 6
"""Records that are shown on either side of the nearest one."""


class Unverified(AssertionError):
    """A journal doesn't hold what it should. The text tells the nearest thing that it holds."""


def count_wanted(count: int | None, at_least: int | None, at_most: int | None) -> tuple[int, float]:
    """The fewest and the most that may be found: at least one, if nothing is said.

    Raises `ValueError` for what can't be.
    """
    if count is not None and (at_least is not None or at_most is not None):
        raise ValueError("count: it says all; with at_least or at_most it can't be given")
    if count is not None:
        at_least = at_most = count
    fewest = (0 if at_most is not None else 1) if at_least is None else at_least
    most = float("inf") if at_most is None else at_most
    if fewest < 0 or most < fewest:
        raise ValueError(f"nothing can happen at least {fewest} and at most {most:g} times")
    return fewest, most


def times(fewest: int, most: float) -> str:
    """How often something is wanted, in words."""
    if fewest == most:
        return "never" if most == 0 else _times(fewest)
    if most == float("inf"):
        return f"at least {_times(fewest)}"
    return f"at most {_times(int(most))}" if not fewest else f"{fewest} to {most:g} times"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def counted(
    pattern: Pattern[Any],
    records: Sequence[Record],
    fewest: int,
    wanted: str,
) -> str:
    """What is said when something happened too often or too seldom; `wanted` says how often it was
    to happen, at least `fewest` times."""
    places = [place for place, record in enumerate(records) if pattern.matches(record)]
    found = _times(len(places)) if places else "never"
    said = f"expected {pattern} {wanted}, but it happened {found} (of {len(records)} records)"
    if places and len(places) > fewest:
        first = [_line(records, place, ">") for place in places[:MOST]]
        more = [f"  ... and {len(places) - MOST} times more"] if len(places) > MOST else []
        return "\n".join([said, *first, *more])
    return f"{said}\n{_nearest(pattern, records, places)}"


def disordered(
    patterns: Sequence[Pattern[Any]], records: Sequence[Record], places: Sequence[int]
) -> str:
    """What is said when something didn't happen in its turn; `places` are those of its
    predecessors."""
    missing = patterns[len(places)]
    steps = [
        f"  {number}. {pattern}: "
        + (
            f"at {records[places[number - 1]].t - records[0].t:.3f} s"
            if number <= len(places)
            else "not found"
            if number == len(places) + 1
            else "not looked for"
        )
        for number, pattern in enumerate(patterns, 1)
    ]
    after = places[-1] + 1 if places else 0
    earlier = [
        place for place in range(after) if place not in places and missing.matches(records[place])
    ]
    said = [f"expected {len(patterns)} things in this order:", *steps]
    if earlier:
        t = records[earlier[-1]].t - records[0].t
        said.append(f"{missing} did happen, but before that: at {t:.3f} s")
        marked = [*places, earlier[-1]]
        return "\n".join([*said, _shown(records, earlier[-1], marked)])
    return "\n".join([*said, _nearest(missing, records, places, since=after)])


def _nearest(
    pattern: Pattern[Any], records: Sequence[Record], marked: Sequence[int], since: int = 0
) -> str:
    """The nearest thing that did happen from a place on, but for those that are marked."""
    kind = pattern.kind.__name__
    others = [place for place in range(since, len(records)) if place not in marked]
    place = pattern.nearest(records, others)
    if place is not None:
        differs = "; ".join(pattern.differences(records[place]))
        return f"the nearest {kind}: {differs}\n{_shown(records, place, [*marked, place])}"
    if not records:
        return "the journal is empty"
    other = "no other" if marked else "no"
    last = marked[-1] if marked else len(records) - 1
    return (
        f"there is {other} {kind}{' after that' if since else ''}\n{_shown(records, last, marked)}"
    )


def _shown(records: Sequence[Record], place: int, marked: Sequence[int]) -> str:
    """The records around a place, those that are meant with a mark."""
    first, last = max(0, place - WIDTH), min(len(records), place + WIDTH + 1)
    shown = [f"  ... {first} records before ..."] if first else []
    for index in range(first, last):
        shown.append(_line(records, index, ">" if index in marked else " "))
    if last < len(records):
        shown.append(f"  ... {len(records) - last} records after ...")
    return "\n".join(shown)


def _line(records: Sequence[Record], place: int, mark: str) -> str:
    """One record, by the names of its kind and in words."""
    record = records[place]
    request = "" if record.exchange is None else f"#{record.exchange}"
    where = f"{record.t - records[0].t:9.3f}  {record.server:<4} {request:<5}"
    return f"{mark} {where} {type(record).__name__:<13} {words(record)}"
