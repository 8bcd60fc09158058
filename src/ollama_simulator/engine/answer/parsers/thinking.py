"""Path `template`: thinking between the two marks that the model's template implies.

Source: native specification 5.2 and the recordings `think/*-gotmpl-*`.

Rules of this file:

1. Thinking is at the beginning or nowhere: after the first other word, marks are text.
2. White space around the marks belongs to nobody, and white space before anything is kept back.

It must not import anything but layer 0 and its own package.
"""

from enum import Enum, auto

from ollama_simulator.engine.answer.parsers.parsed import SPACE, Parsed, overlap


class _At(Enum):
    START = auto()
    OPENED = auto()
    """Behind the opening mark, before the first thought."""
    THINKING = auto()
    CLOSED = auto()
    """Behind the closing mark, before the first word."""
    TEXT = auto()


class Thinking:
    """Splits thinking from text."""

    def __init__(self, opening: str, closing: str) -> None:
        self._opening = opening
        self._closing = closing
        self._at = _At.START
        self._kept = ""

    def add(self, text: str) -> Parsed:
        """Read on."""
        if self._at is _At.TEXT:
            return Parsed(text)
        self._kept += text
        if self._at is _At.START:
            self._start()
        if self._at is _At.OPENED:
            self._kept = self._kept.lstrip(SPACE)
            self._at = _At.THINKING if self._kept else _At.OPENED
        thinking = self._thought() if self._at is _At.THINKING else ""
        if self._at is _At.CLOSED:
            self._kept = self._kept.lstrip(SPACE)
            if self._kept:
                self._at = _At.TEXT
        return Parsed(self._rest() if self._at is _At.TEXT else "", thinking)

    def _start(self) -> None:
        """See how the output begins, as soon as that is clear."""
        begun = self._kept.lstrip(SPACE)
        if begun.startswith(self._opening):
            self._kept = begun.removeprefix(self._opening)
            self._at = _At.OPENED
        elif not self._opening.startswith(begun):
            self._at = _At.TEXT

    def _thought(self) -> str:
        thought, closing, rest = self._kept.partition(self._closing)
        if closing:
            self._at = _At.CLOSED
        else:
            cut = len(thought) - overlap(thought, self._closing)
            thought, rest = thought[:cut], thought[cut:]
        self._kept = rest
        return thought

    def _rest(self) -> str:
        text, self._kept = self._kept, ""
        return text
