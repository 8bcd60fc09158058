"""How a model says what it thinks, says and calls: the marks of its path, token by token.

Source: native specification 5.1 and 5.2, and the scripts of the recordings `think` and `tools`.

Rules of this file:

1. What it makes goes through the parser of the path, as a real model's output does. So what a
   path can't tell, such as two calls of a `harmony` model, is not told.
2. A model that was asked not to think skips its thoughts where thinking is up to the prompt
   (paths `template` and `parser`).

It must not import anything but layer 0 and its own package.
"""

import functools
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ollama_simulator.engine.answer.marks import Marks
from ollama_simulator.engine.answer.output import Piece
from ollama_simulator.engine.answer.parsers import harmony, qwen
from ollama_simulator.engine.answer.parsers.native import CallPart
from ollama_simulator.script import Call

BLANK = "\n\n"
"""What models put between their thinking and their answer."""


class Speech(ABC):
    """One answer being made. Each method gives the tokens that it takes."""

    @abstractmethod
    def think(self, text: str) -> tuple[Piece, ...]:
        """Think a piece."""

    @abstractmethod
    def say(self, text: str) -> tuple[Piece, ...]:
        """Say a piece."""

    def says(self, words: Iterable[str]) -> Iterator[Piece]:
        """Say one piece after another."""
        return itertools.chain.from_iterable(map(self.say, words))

    @abstractmethod
    def call(self, calls: tuple[Call, ...]) -> tuple[Piece, ...]:
        """Call tools."""


class Tagged(Speech):
    """Thinking and calls between tags (paths `template` and `parser`, and `native` unsplit)."""

    def __init__(
        self,
        marks: Marks,
        written: Callable[[Call], tuple[str, ...]],
        *,
        thinks: bool,
        opened: bool = False,
    ) -> None:
        """`written` gives the tokens of a call; `opened`: the prompt ends with the opening mark."""
        self._marks = marks
        self._written = written
        self._thinks = thinks
        self._thinking = opened

    def think(self, text: str) -> tuple[Piece, ...]:
        """Think a piece, if it is asked for."""
        if not self._thinks:
            return ()
        if self._thinking:
            return (Piece(text),)
        self._thinking = True
        return (Piece(self._marks.opening), Piece(text))

    def say(self, text: str) -> tuple[Piece, ...]:
        """Say a piece."""
        if not self._thinking:
            return (_plain(text),)
        return (*self._closed(), Piece(text))

    def says(self, words: Iterable[str]) -> Iterator[Piece]:
        """Say one piece after another."""
        words = iter(words)
        # Only the first one can end a thought.
        first = itertools.chain.from_iterable(map(self.say, itertools.islice(words, 1)))
        return itertools.chain(first, map(_plain, words))

    def call(self, calls: tuple[Call, ...]) -> tuple[Piece, ...]:
        """Call tools, one after another."""
        tokens: list[str] = []
        for call in calls:
            tokens += ("\n", *self._written(call)) if tokens else self._written(call)
        return (*self._closed(), *map(Piece, tokens))

    def _closed(self) -> tuple[Piece, ...]:
        """The end of the thinking, if it has one."""
        if not self._thinking:
            return ()
        self._thinking = False
        return (Piece(self._marks.closing), Piece(BLANK))


class Channels(Speech):
    """The channels of the path `harmony`."""

    def __init__(self) -> None:
        self._channel = ""

    def think(self, text: str) -> tuple[Piece, ...]:
        """Think a piece."""
        return (*self._on("analysis"), Piece(text))

    def say(self, text: str) -> tuple[Piece, ...]:
        """Say a piece."""
        return (*self._on("final"), Piece(text))

    def call(self, calls: tuple[Call, ...]) -> tuple[Piece, ...]:
        """Call tools, each in a message of its own."""
        pieces: list[Piece] = []
        for call in calls:
            to = f"commentary to={harmony.FUNCTIONS}{harmony.speakable(call.name)} "
            pieces += self._on(to, harmony.CONSTRAIN, "json")
            pieces.append(Piece(written_arguments(call)))
        return tuple(pieces)

    def _on(self, *channel: str) -> tuple[Piece, ...]:
        """The beginning of a message, unless the last one goes on."""
        header = "".join(channel)
        if header == self._channel and len(channel) == 1:
            return ()
        before = (harmony.END, harmony.START, "assistant") if self._channel else ()
        self._channel = header
        return tuple(map(Piece, (*before, harmony.CHANNEL, *channel, harmony.MESSAGE)))


class Split(Speech):
    """What the runner of a conversation splits itself (path `native`)."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """`new_id` makes the id of a call that has none."""
        self._new_id = new_id
        self._count = 0

    def think(self, text: str) -> tuple[Piece, ...]:
        """Think a piece."""
        return (Piece(thinking=text),)

    def say(self, text: str) -> tuple[Piece, ...]:
        """Say a piece."""
        return (_plain(text),)

    def says(self, words: Iterable[str]) -> Iterator[Piece]:
        """Say one piece after another."""
        return map(_plain, words)

    def call(self, calls: tuple[Call, ...]) -> tuple[Piece, ...]:
        """Call tools."""
        parts: list[CallPart] = []
        for call in calls:
            known = self._new_id() if call.id is None else call.id
            parts.append(CallPart(self._count, known, call.name, written_arguments(call)))
            self._count += 1
        return (Piece(calls=tuple(parts)),)


@functools.lru_cache(maxsize=1024)
def _plain(text: str) -> Piece:
    """A piece of text and nothing else."""
    return Piece(text)


def written_arguments(call: Call) -> str:
    """The arguments of a call as the model writes them."""
    if isinstance(call.arguments, str):
        return call.arguments
    return json.dumps(call.arguments, ensure_ascii=False)


def as_json(mark: str) -> Callable[[Call], tuple[str, ...]]:
    """Calls as JSON behind a mark, which is closed if it is a tag."""
    tag = mark.startswith("<") and mark.endswith(">")
    before = () if mark in ("{", "[") else (f"{mark}\n",)
    after = (f"\n</{mark[1:]}",) if tag else ()

    def written(call: Call) -> tuple[str, ...]:
        name = json.dumps(call.name, ensure_ascii=False)
        body = f'{{"name": {name}, "arguments": {written_arguments(call)}}}'
        return (*before, body, *after)

    return written


def as_markup(call: Call) -> tuple[str, ...]:
    """A call as qwen's models write it."""
    arguments: Any = call.arguments
    if isinstance(arguments, str):
        # Broken on purpose: no parser finds a function in it.
        return f"{qwen.CALL}\n", arguments, f"\n{qwen.CALL_END}"
    parameters = (
        f"<parameter={key}>\n{_written(value)}\n</parameter>\n" for key, value in arguments.items()
    )
    return (
        f"{qwen.CALL}\n<function={call.name}>\n",
        *parameters,
        f"</function>\n{qwen.CALL_END}",
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
