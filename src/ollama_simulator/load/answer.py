"""One answer while it comes: when its pieces came, and in the end what became of it.

Rules of this file:

1. Whoever reads the network hands on bytes with the time when they came; nothing here waits, so
   that the clients of asyncio and of Locust share it.
2. An answer is whole when its transfer is and its last line said so. A transfer that ends well
   without that line was cut by somebody in between.

It must not import the player.
"""

from collections.abc import Callable

import msgspec

from ollama_simulator.load.dialects import Dialect
from ollama_simulator.load.sample import Sample
from ollama_simulator.net.client import End

NO_LAST_LINE = "truncated: no last line"
ERROR_LINE = "error in the stream"
MALFORMED = "malformed"
TIMEOUT = "timeout"
NOT_SENT = "not sent in time"
"""Ours: as many as we allow were in flight for the whole timeout."""

BEFORE = {
    End.REFUSED: "connection refused",
    End.UNREACHABLE: "unreachable",
    End.CUT: "closed without an answer",
    End.RESET: "reset",
    End.SILENT: TIMEOUT,
    End.MALFORMED: MALFORMED,
}
"""What an end before the head of an answer is called."""
WITHIN = {
    End.CUT: "truncated: end of file",
    End.RESET: "truncated: reset",
    End.SILENT: TIMEOUT,
    End.MALFORMED: MALFORMED,
}
"""What an end in the body of an answer is called."""

LONGEST = 4096
"""Bytes kept of the body of an error."""


class Answer:
    """What has come of one answer. `Sample` is what stays of it."""

    def __init__(self, dialect: Dialect, now: Callable[[], float], due: float) -> None:
        """`now` tells the seconds since the play began, as `due` does."""
        self._dialect = dialect
        self.now = now
        self.due = due
        self._sent: float | None = None
        self._status: int | None = None
        self._rest = b""
        self._first: float | None = None
        self._last = 0.0
        self._gaps: list[float] = []
        self._count = 0
        self._done = False
        self._error: tuple[str, str] | None = None
        self._tokens: tuple[int | None, int | None] = (None, None)
        self.size = 0
        """Bytes of the body."""
        self.texts: list[str] = []
        """The pieces of the answer's text."""
        self.thoughts = 0
        """Pieces without text: thinking, and calls of tools."""

    def begin(self) -> None:
        """We begin to connect."""
        self._sent = self.now()

    def head(self, status: int) -> None:
        """The head has come."""
        self._status = status
        if status != 200:
            self._fail(f"status {status}", "")

    def take(self, data: bytes) -> None:
        """Bytes of the body have come, just now."""
        self.size += len(data)
        if self._status != 200:
            self._rest = (self._rest + data)[:LONGEST]
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take_line(line)

    def end(self) -> None:
        """The transfer is complete."""
        if self._status != 200:
            return
        if self._rest.strip():
            rest, self._rest = self._rest, b""
            self._take_line(rest)
        if not self._done:
            self._fail(NO_LAST_LINE, f"the answer ended after {self._count} pieces")

    def broken(self, end: End, detail: str) -> None:
        """The transfer failed."""
        kind = (BEFORE if self._status is None else WITHIN)[end]
        if self._status is not None:
            detail = f"{detail} (after {self._count} pieces)"
        self._fail(kind, detail)

    def give_up(self, seconds: float) -> None:
        """Its time is over."""
        if self._sent is None:
            self._fail(NOT_SENT, f"too many requests were in flight for {seconds:g} s")
        else:
            where = "no head" if self._status is None else f"{self._count} pieces"
            self._fail(TIMEOUT, f"{where} within {seconds:g} s")

    def sample(self, session: int, turn: int) -> Sample:
        """All there is to tell, now that it is over."""
        kind, detail = self._error or (None, "")
        if kind is not None and self._status not in (None, 200):
            detail = self._rest.decode("utf-8", "replace").strip() or detail
        asked, answered = self._tokens
        return Sample(
            session=session,
            turn=turn,
            due=self.due,
            sent=self._sent,
            first=self._first,
            gaps=tuple(self._gaps),
            ended=self.now(),
            pieces=self._count,
            answered=answered,
            asked=asked,
            status=self._status,
            error=kind,
            detail=detail,
        )

    def _take_line(self, data: bytes) -> None:
        try:
            line = self._dialect.read(data)
        except msgspec.MsgspecError as error:
            self._fail(MALFORMED, f"{error}: {data[:80]!r}")
            return
        if line is None:
            return
        if line.error is not None:
            self._fail(ERROR_LINE, line.error)
        if line.speaks:
            self._speak(line.text)
        self._done = self._done or line.done
        asked, answered = self._tokens
        self._tokens = (
            asked if line.asked is None else line.asked,
            answered if line.answered is None else line.answered,
        )

    def _speak(self, text: str) -> None:
        now = self.now()
        if self._first is None:
            self._first = now
        else:
            self._gaps.append(now - self._last)
        self._last = now
        self._count += 1
        if text:
            self.texts.append(text)
        else:
            self.thoughts += 1

    def _fail(self, kind: str, detail: str) -> None:
        # What went wrong first is the cause of what followed.
        self._error = self._error or (kind, detail)
