"""What of a runner's output becomes a line of the answer, and what stays quiet.

Source: native specification 5.2, 5.3, 5.7 and 5.8.

Rules of this file:

1. A token that the runner doesn't tell (an empty one) is quiet, whatever the path is.
2. `/api/generate` has a line for every token of a `template` model, an empty one for marks.
3. Log probabilities go out with the token they belong to, even if its text is kept back; only
   those of marks around thinking are lost.

It must not import anything but layer 0 and its own package.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec

from ollama_simulator.engine.answer.output import Piece
from ollama_simulator.engine.answer.parsers.native import Gathered
from ollama_simulator.engine.answer.parsers.parsed import NOTHING, Parsed, Parser
from ollama_simulator.engine.answer.parsers.thinking import Thinking
from ollama_simulator.engine.answer.parsers.tools import Calls
from ollama_simulator.model import Quiet, Token, ToolCall

QUIET = Quiet()

NewId = Callable[[], str]
"""Makes the id of a call."""


class Lines(ABC):
    """The lines of one answer."""

    plain = False
    """Whether a piece is its text and nothing else, whatever was said before."""
    switched = False
    """Whether the first pass of a formatted answer is over: its text begins (5.7)."""

    @abstractmethod
    def say(self, piece: Piece) -> Token | Quiet:
        """What a piece comes to. Raises `Unparsable`."""

    def end(self, last: Piece) -> Parsed:
        """What the last line tells, with what came with the end. Raises `Unparsable`."""
        said, rest = self.say(last), self.rest()
        if isinstance(said, Quiet):
            return rest
        return Parsed(said.text + rest.text, said.thinking + rest.thinking, said.calls + rest.calls)

    def rest(self) -> Parsed:
        """What was kept back to the end. Raises `Unparsable`."""
        return NOTHING


class Plain(Lines):
    """Every token is text: what `/api/generate` shows of what nobody splits."""

    plain = True

    def say(self, piece: Piece) -> Token | Quiet:
        """A line for each token."""
        return Token(piece.text, logprobs=piece.logprobs) if piece.text else QUIET


class TemplateChat(Lines):
    """`/api/chat` of the path `template`."""

    def __init__(
        self,
        thinking: Thinking | None,
        calls: Calls | None,
        new_id: NewId,
        *,
        switches: bool = False,
    ) -> None:
        self._thinking = thinking
        self._calls = calls
        self._new_id = new_id
        self._switches = switches
        self._thought = False

    def say(self, piece: Piece) -> Token | Quiet:
        """A line where there is text, a thought, or a call that is complete."""
        if not piece.text:
            return QUIET
        text, thought = piece.text, ""
        if self._thinking is not None:
            text, thought, _ = self._thinking.add(piece.text)
            if not text and not thought:
                return QUIET
            self._thought = self._thought or bool(thought)
            if self._switches and self._thought and text:
                self.switched, self._switches = True, False
                return Token("", thought, logprobs=piece.logprobs)
        if self._calls is None:
            return Token(text, thought, logprobs=piece.logprobs)
        said, _, calls = self._calls.add(text)
        if said:
            # Calls that are complete with it are lost.
            return Token(said, thought, logprobs=piece.logprobs)
        if calls:
            return Token("", thought, identified(calls, self._new_id), piece.logprobs)
        if thought:
            # What stands behind a thought is told as it is, whatever may become of it.
            return Token(text, thought, logprobs=piece.logprobs)
        return Token("", logprobs=piece.logprobs) if piece.logprobs else QUIET

    def rest(self) -> Parsed:
        """What looked like a call and was none."""
        return NOTHING if self._calls is None else self._calls.end()


class TemplateGenerate(Lines):
    """`/api/generate` of the path `template`, where the model thinks."""

    def __init__(self, thinking: Thinking) -> None:
        self._thinking = thinking

    def say(self, piece: Piece) -> Token | Quiet:
        """A line for each token, even for marks."""
        if not piece.text:
            return QUIET
        text, thought, _ = self._thinking.add(piece.text)
        return Token(text, thought, logprobs=piece.logprobs)


class ParserChat(Lines):
    """`/api/chat` of the paths `parser` and `harmony`."""

    def __init__(self, parser: Parser, new_id: NewId, *, switches: bool = False) -> None:
        self._parser = parser
        self._new_id = new_id
        self._switches = switches
        self._thought = False

    def say(self, piece: Piece) -> Token | Quiet:
        """A line where the parser tells something."""
        if not piece.text:
            return QUIET
        text, thought, calls = self._parser.add(piece.text)
        self._thought = self._thought or bool(thought)
        if self._switches and self._thought and text:
            self.switched, self._switches = True, False
            return QUIET
        if not (text or thought or calls or piece.logprobs):
            return QUIET
        return Token(text, thought, identified(calls, self._new_id), piece.logprobs)

    def rest(self) -> Parsed:
        """What the parser tells only at the end."""
        text, thought, calls = self._parser.end()
        return Parsed(text, thought, identified(calls, self._new_id))


class ParserGenerate(Lines):
    """`/api/generate` of the paths `parser` and `harmony`: only calls of the last line count."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def say(self, piece: Piece) -> Token | Quiet:
        """A line where the parser tells something. A call that is complete now is lost."""
        if not piece.text:
            return QUIET
        text, thought, _ = self._parser.add(piece.text)
        if not (text or thought or piece.logprobs):
            return QUIET
        return Token(text, thought, logprobs=piece.logprobs)

    def end(self, last: Piece) -> Parsed:
        """What the parser tells at the end; here a call counts."""
        text, thought, calls = self._parser.add(last.text)
        rest = self._parser.end()
        return Parsed(text + rest.text, thought + rest.thinking, calls + rest.calls)


class NativeChat(Lines):
    """`/api/chat` of the path `native`."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def say(self, piece: Piece) -> Token | Quiet:
        """A line for each delta with text or a thought."""
        for part in piece.calls:
            self._gathered.add(part)
        if not (piece.text or piece.thinking or piece.logprobs):
            return QUIET
        return Token(piece.text, piece.thinking, logprobs=piece.logprobs)

    def rest(self) -> Parsed:
        """All calls together."""
        return Parsed(calls=self._gathered.end())


def identified(calls: tuple[ToolCall, ...], new_id: NewId) -> tuple[ToolCall, ...]:
    """Calls with an id each."""
    return tuple(msgspec.structs.replace(call, id=new_id()) for call in calls)
