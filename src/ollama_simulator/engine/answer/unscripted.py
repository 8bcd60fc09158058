"""What a model says that nobody scripted: words of no meaning, always the same ones.

Source: native specification 5.1, 5.7 and 5.8; seed facts, "Text".

Rules of this file:

1. A pure function of the seed, the model, the prompt and what was asked for.
2. The answer is as long as the server's pace says, unless the request limits it. An answer in a
   format is as long as it needs to be.

It must not import anything but layer 0 and its own package.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator

import msgspec

from ollama_simulator.engine import schema
from ollama_simulator.engine.answer.output import End, Output, Piece
from ollama_simulator.engine.answer.speech import Speech
from ollama_simulator.engine.text import WORDS, pieces
from ollama_simulator.model import Logprob

THOUGHTS = 8
"""Tokens of thinking, the marks not counted."""
THINKING = "<|thinking|>"
"""What stands before the prompt where a thought is drawn, so that it differs from the answer."""

_WORD = re.compile(r"\w+|\W")


class Asked(msgspec.Struct, frozen=True):
    """What decides what a model says."""

    seed: int
    model: str
    """Its canonical name."""
    prompt: tuple[str, ...]
    """The tokens of the prompt."""
    tokens: int
    """Length of an answer that nothing limits."""
    limit: int | None
    """Tokens at most, thinking included; None for no such limit."""
    format: str | None
    """The format of the answer, as JSON; None for free text."""
    thinks: bool
    sized: bool = True
    """Whether it is the request that limits it: then it is as long as that."""


def outputs(asked: Asked, speech: Speech) -> Iterator[Output]:
    """A whole answer."""
    limit = asked.limit
    room = itertools.repeat(True) if limit is None else itertools.repeat(True, limit)
    # Nothing here is done anew for each token.
    return itertools.chain(itertools.compress(_spoken(asked, speech), room), _end(room))


def _end(room: Iterator[bool]) -> Iterator[End]:
    """The end of an answer that left so much room."""
    yield End("stop" if next(room, False) else "length")


def _spoken(asked: Asked, speech: Speech) -> Iterable[Piece]:
    """The tokens of an answer that nothing cuts."""
    if asked.limit == 0:
        return ()
    length = asked.limit if asked.sized else None
    thoughts: list[Piece] = []
    if asked.thinks and (asked.tokens or length or asked.format):
        thought = pieces(asked.seed, asked.model, [THINKING, *asked.prompt], THOUGHTS)
        thoughts = list(itertools.chain.from_iterable(map(speech.think, thought)))
    if asked.format is not None:
        words: Iterable[str] = _WORD.findall(schema.text(asked.format, _Draw(asked)))
    else:
        count = asked.tokens if length is None else max(0, length - len(thoughts))
        words = pieces(asked.seed, asked.model, list(asked.prompt), count)
    return itertools.chain(thoughts, speech.says(words))


class _Draw:
    """Numbers drawn for a job, one after another."""

    def __init__(self, asked: Asked) -> None:
        key = "\0".join([str(asked.seed), asked.model, asked.format or "", *asked.prompt])
        self._state = hashlib.sha256(key.encode("utf-8", "replace"))
        self._count = 0

    def __call__(self, limit: int) -> int:
        numbered = self._state.copy()
        numbered.update(b"\0%d" % self._count)
        self._count += 1
        return int.from_bytes(numbered.digest()[:8]) % limit


def with_logprobs(answer: Iterator[Output], top: int) -> Iterator[Output]:
    """An answer in which every token that has no log probability gets one, and `top` others."""
    for i, output in enumerate(answer):
        text = output.text or output.thinking if isinstance(output, Piece) else ""
        if isinstance(output, Piece) and text and not output.logprobs:
            likely = _likely(text, i, top)
            yield msgspec.structs.replace(output, logprobs=(likely,))
        else:
            yield output


def without(piece: Piece, *, all_of_them: bool) -> Piece:
    """A piece without log probabilities, or without those of other tokens."""
    kept = () if all_of_them else tuple(Logprob(p.token, p.logprob) for p in piece.logprobs)
    return msgspec.structs.replace(piece, logprobs=kept)


def _likely(text: str, place: int, top: int) -> Logprob:
    draws = hashlib.sha256(f"{place}\0{text}".encode("utf-8", "replace")).digest()
    logprob = -(draws[0] + 1) / 1024
    others = sorted({WORDS[draw % len(WORDS)] for draw in draws[1:]} - {text})
    listed = (text, *others[: top - 1]) if top else ()
    return Logprob(
        text, logprob, tuple(Logprob(word, logprob - 2.0 * i) for i, word in enumerate(listed))
    )
