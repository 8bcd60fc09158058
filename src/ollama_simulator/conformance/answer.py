"""What the probing client saw of one request.

It must not import the scenarios or the player.
"""

import json
from typing import Any

import msgspec

from ollama_simulator.net.client import End


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
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    pieces: list[Piece] = msgspec.field(default_factory=list)
    end: End | None = None
    """None while it is going on."""
    detail: str = ""
    alone: slice | None = None
    """The part of the journal in which no other request of ours was begun."""
    ended_at: float = 0.0

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

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def lines(self) -> list[tuple[float, Any]]:
        """The whole lines of an NDJSON or SSE body, each with the time of its last byte.

        What is no JSON is None; SSE's framing and its `[DONE]` are left out.
        """
        found: list[tuple[float, Any]] = []
        rest = b""
        for piece in self.pieces:
            *whole, rest = (rest + piece.data).split(b"\n")
            for line in whole:
                line = line.removeprefix(b"data: ")
                if not line or line == b"[DONE]" or line.startswith(b"event: "):
                    continue
                try:
                    found.append((piece.t, json.loads(line)))
                except ValueError:
                    found.append((piece.t, None))
        return found

    def tokens(self) -> list[tuple[float, str]]:
        """The generated pieces of a stream of any dialect, each with the time when it came."""
        return [(t, text) for t, line in self.lines() if (text := _generated(line))]

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
        """The generated text of a chat, streamed or not; empty if there is none."""
        whole = self.json()
        if isinstance(whole, dict) and isinstance(whole.get("message"), dict):
            return str(whole["message"].get("content"))
        return "".join(text for _, text in self.tokens())

    def finished(self) -> bool:
        """Whether the last line says `done`, as only a whole answer does."""
        whole = self.json()
        if isinstance(whole, dict):
            return whole.get("done") is True
        lines = self.lines()
        return bool(lines) and isinstance(lines[-1][1], dict) and lines[-1][1].get("done") is True


def _generated(line: Any) -> str:
    """The text in one line of a stream: native chat or generate, OpenAI, Anthropic."""
    match line:
        case {"message": {"content": str(text)}, "done": False}:
            return text
        case {"response": str(text), "done": False}:
            return text
        case {"choices": [{"delta": {"content": str(text)}}]}:
            return text
        case {"delta": {"text": str(text)}}:
            return text
    return ""
