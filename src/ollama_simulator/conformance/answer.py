"""What the probing client saw of one request.

It must not import the scenarios or the player.
"""

import codecs
import json
from enum import Enum
from typing import Any

import msgspec

from ollama_simulator.conformance import dialect
from ollama_simulator.net.client import End

NO_DATA = (b"event:", b":", b"id:", b"retry:")
"""How those lines of a stream of events begin that carry none."""


class Outcome(Enum):
    """What a client made of an answer."""

    COMPLETE = "complete"
    """The framing says that it is whole, and so does its last line."""
    SILENT = "ended as if it were complete, without its last line"
    IN_BAND = "an error within a 200 answer"
    CUT = "cut"
    """It began with 200 and ended visibly before its end."""
    ERROR = "an error status"
    NONE = "no answer"
    """The connection ended without a status."""
    HANG = "nothing more came"
    LEFT = "we left"
    GOING_ON = "still going on"


class Piece(msgspec.Struct, frozen=True):
    """Bytes of a body that came together."""

    t: float
    data: bytes


class Answer(msgspec.Struct):
    """One request and how its answer went. It fills up while the answer comes."""

    nonce: str
    expected: str
    """The text that a server generates for this prompt."""
    asked_at: float
    label: str = ""
    """What the reports call the request."""
    asked: str = ""
    """What was asked for, in words."""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    head_at: float | None = None
    pieces: list[Piece] = msgspec.field(default_factory=list)
    end: End | None = None
    """None while it is going on."""
    detail: str = ""
    alone: slice | None = None
    """The part of the journal in which no other request of ours was begun."""
    ended_at: float = 0.0
    interim: list[int] = msgspec.field(default_factory=list)
    """Statuses below 200 that came first."""
    trailers: tuple[tuple[str, str], ...] = ()
    """What came behind the body like headers, if it is complete."""

    @property
    def body(self) -> bytes:
        """All bytes of the body that came."""
        return b"".join(piece.data for piece in self.pieces)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def seconds(self) -> float:
        """From asking to the end."""
        return self.ended_at - self.asked_at

    @property
    def complete(self) -> bool:
        """Whether the answer's framing says that it is whole."""
        return self.end is End.COMPLETE

    @property
    def outcome(self) -> Outcome:
        """What a client made of it."""
        if self.end is None:
            return Outcome.GOING_ON
        if self.end is End.LEFT:
            return Outcome.LEFT
        if self.end is End.SILENT:
            return Outcome.HANG
        if self.status is None:
            return Outcome.NONE
        if self.end is not End.COMPLETE:
            return Outcome.CUT
        if self.status >= 400:
            return Outcome.ERROR
        if any(dialect.is_error(line) for _, line in self.lines()) or dialect.is_error(self.json()):
            return Outcome.IN_BAND
        return Outcome.COMPLETE if self.finished() else Outcome.SILENT

    @property
    def good(self) -> bool:
        """Whether it is complete and exactly what a server generates for its prompt."""
        return self.outcome is Outcome.COMPLETE and self.content() == self.expected

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.end is None:
            return "still going on"
        return self.end.value + (f" ({self.detail})" if self.detail else "")

    @property
    def state(self) -> str:
        """Its status and the beginning of its body, in words."""
        if self.status is None:
            return f"no status; {self.ending}"
        return f"{self.status} {self.text[:80]!r}"

    @property
    def story(self) -> str:
        """Status, outcome and length, in words."""
        if self.status is None:
            return f"{self.outcome.value} ({self.ending})"
        return f"{self.status}, {self.outcome.value}, {len(self.body)} bytes"

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        return _parsed(self.body)

    def lines(self) -> list[tuple[float, Any]]:
        """The whole lines of an NDJSON or SSE body, each with the time of its last byte.

        What is no JSON is None; SSE's framing and its `[DONE]` are left out.
        """
        found: list[tuple[float, Any]] = []
        rest = b""
        for piece in self.pieces:
            *whole, rest = (rest + piece.data).split(b"\n")
            for line in whole:
                # A byte-order mark may stand before the first line of a stream of events.
                line = line.rstrip(b"\r").removeprefix(codecs.BOM_UTF8).removeprefix(b"data:")
                line = line.strip()
                if not line or line == b"[DONE]" or line.startswith(NO_DATA):
                    continue
                found.append((piece.t, _parsed(line)))
        return found

    def tokens(self) -> list[tuple[float, str]]:
        """The generated pieces of a stream of any dialect, each with the time when it came."""
        return [(t, text) for t, line in self.lines() if (text := dialect.generated(line))]

    def pure(self) -> bool:
        """Whether a cut stream holds nothing but generated pieces, the last maybe cut, too."""
        rest = self.body.rpartition(b"\n")[2]
        whole = len(self.lines()) == len(self.tokens())
        return whole and (b'{"model":'.startswith(rest) or rest.startswith(b'{"model":'))

    def last_line(self) -> str:
        """The last line of the body, in words."""
        rest = self.text.rpartition("\n")[2]
        lines = self.text.splitlines()
        if rest:
            return f"{len(rest)} characters without an end of line: {rest[:80]!r}"
        return repr(lines[-1]) if lines else "nothing"

    def content(self) -> str:
        """The generated text, streamed or not; empty if there is none."""
        text = dialect.whole(self.json())
        return "".join(text for _, text in self.tokens()) if text is None else text

    def finished(self) -> bool:
        """Whether the last line says that the text is all there, as only a whole answer does."""
        if dialect.is_last(self.json()) or self.body.rstrip().endswith(dialect.DONE):
            return True
        lines = self.lines()
        return bool(lines) and dialect.is_last(lines[-1][1])


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
