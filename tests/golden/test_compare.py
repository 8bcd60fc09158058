"""Each kind of difference is found, and what only differs from run to run is not."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.golden.compare import differences, too_soon
from ollama_simulator.golden.recording import Reply
from tests.golden.making import DATE, chunked, reply

LATER = "Mon, 23 Nov 2026 15:09:00 GMT"


def kinds(expected: Reply, actual: Reply) -> list[str]:
    """What differs."""
    return [each.what for each in differences([expected], [actual])]


def test_the_same() -> None:
    """Nothing differs, at another time and with other ids and durations either."""
    assert kinds(reply(), reply()) == []
    text = '{"created_at":"%s","id":"call_%s","total_duration":%s}\n'
    one = (text % ("2026-11-23T15:07:53.5Z", "abcdefgh", 5)).encode()
    two = (text % ("2026-11-24T01:00:00.123456789Z", "12345678", 98765)).encode()
    assert kinds(reply(one), reply(two)) == []
    assert kinds(chunked(one, one), chunked(two, two)) == []


TYPE, LENGTH = ("Content-Type", "application/json; charset=utf-8"), ("Content-Length", "24")
DATED = ("Date", DATE)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"status_line": "HTTP/1.1 500 Internal Server Error"}, ["status line"]),
        ({"status_line": "HTTP/1.0 200 OK"}, ["status line"]),
        ({"status_line": None}, ["status line"]),
        ({"headers": (DATED, TYPE, LENGTH)}, ["order of headers"]),
        ({"headers": (TYPE, DATED)}, ["headers"]),
        ({"headers": (TYPE, DATED, LENGTH, ("Vary", "Origin"))}, ["headers"]),
        ({"headers": (TYPE, TYPE, DATED, LENGTH)}, ["headers"]),
        ({"headers": (("content-type", TYPE[1]), DATED, LENGTH)}, ["headers"]),
        ({"headers": (("Content-Type", "application/json"), DATED, LENGTH)}, ["headers"]),
        ({"headers": (TYPE, ("Date", "yesterday"), LENGTH)}, ["headers"]),
        ({"framing": "close"}, ["framing"]),
        ({"ended": "reset"}, ["end"]),
        ({"after": "closed"}, ["connection afterwards"]),
        ({"body": b'{"version":"0.33.0-rc2"}\n'}, ["body at byte 24"]),
        ({"body": b'{"version":"0.33.1"}'}, ["body at byte 17"]),
        ({"body": b""}, ["body at byte 0"]),
    ],
)
def test_a_difference(changes: dict[str, Any], what: list[str]) -> None:
    """It is found, and it alone."""
    assert kinds(reply(), reply(**{"headers": (TYPE, DATED, LENGTH), **changes})) == what


def test_a_header_that_comes_twice() -> None:
    """It is shown as what is too much."""
    (found,) = differences([reply()], [reply(headers=(TYPE, TYPE, DATED, LENGTH))])
    assert (found.expected, found.actual) == ("none", ": ".join(TYPE))


def test_a_length_that_is_not_the_body_s() -> None:
    """It is no length that follows from something volatile."""
    volatile = b'{"total_duration":12}'
    wrong = reply(volatile, headers=(TYPE, DATED, ("Content-Length", "20")))
    assert kinds(reply(volatile), wrong) == ["headers"]


def test_chunk_boundaries() -> None:
    """The same bytes in other chunks."""
    found = differences([chunked(b"ab", b"c")], [chunked(b"a", b"bc")])
    assert [str(each) for each in found] == [
        "chunk boundaries: expected chunks of [2, 1] bytes, got of [1, 2]"
    ]


def test_an_id_that_changes() -> None:
    """A stream has one."""
    one = chunked(b'{"id":"cmpl-5"}\n', b'{"id":"cmpl-5"}\n')
    two = chunked(b'{"id":"cmpl-5"}\n', b'{"id":"cmpl-6"}\n')
    assert kinds(one, two) == ["body at byte 45"]


def test_the_number_of_answers() -> None:
    """And each of several is compared."""
    assert [each.what for each in differences([reply(), reply()], [reply()])] == [
        "number of answers"
    ]
    found = differences([reply(), reply()], [reply(), reply(b"{}")])
    assert [each.what for each in found] == ["headers of answer 2", "body at byte 1 of answer 2"]


def loaded(expires: str, date: str = DATE) -> Reply:
    """An answer that says when a model expires."""
    return reply(f'{{"expires_at":"{expires}"}}'.encode(), headers=(("Date", date),))


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("2026-11-23T15:17:47.5Z", "2026-11-23T15:18:59Z", True),
        ("2026-11-23T15:17:47.5Z", "2026-11-23T15:14:00Z", False),
        ("2319-03-05T14:55:40.01Z", "2319-03-05T15:00:00Z", True),
        ("2319-03-05T14:55:40.01Z", "2026-11-23T15:14:00Z", False),
    ],
)
def test_when_a_model_expires(one: str, two: str, same: bool) -> None:
    """Counted from the answer; how long it stays is no matter of chance."""
    assert kinds(loaded(one), loaded(two, LATER)) == ([] if same else ["seconds to expiry"])


def test_what_is_shown() -> None:
    """The surroundings of the first byte that differs."""
    (found,) = differences([reply(b"x" * 100 + b"abc" * 99)], [reply(b"x" * 100 + b"abd" * 99)])
    assert found.what == "body at byte 102"
    assert "…'xxx" in found.expected
    assert "abc" in found.expected
    assert "abd" in found.actual
    assert len(found.actual) < 100


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [(1000.0, 400.0, 1), (1000.0, 600.0, 0), (1000.0, 9000.0, 0), (80.0, 0.0, 0), (None, 1.0, 0)],
)
def test_what_comes_too_soon(expected: float | None, actual: float, found: int) -> None:
    """Only that; a slow machine is no difference."""
    assert len(too_soon("end", expected, actual)) == found
