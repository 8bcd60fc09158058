"""Tokens in, text out.

Rules of this file:

1. A token is what the seed's tokenizer makes: a run of other characters, one ASCII
   punctuation mark, or one blank; other white space only separates.
2. Generated text is a pure function of (seed, model, prompt, number of tokens), made from
   SHA-256 alone, so that a client in any language can recompute it.
3. One generated piece is exactly one token of rule 1.

4. `docs/text.md` tells users how, so no change may pass it by.

It must not import anything but layer 0.
"""

import hashlib
import re
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ollama_simulator.model import Message

_SPECIAL = re.escape(string.punctuation + " ")
_TOKEN = re.compile(rf"[{_SPECIAL}]|[^\s{_SPECIAL}]+")

WORDS = (
    "about after again air all along also always among answer any area ask away back balance "
    "been before below better between book both bring build call can carry change clear close "
    "come could country course day different done down draw each early earth east end enough "
    "even every example eye face far farm feel few field figure fill find fire first five food "
    "form found four free friend from full gave general give go gold good great green ground "
    "group grow half hand hard have head hear help here high hold home hour house how idea "
    "inch island just keep kind king know land language large last late lead learn leave left "
    "let letter life light like line list listen little live long look low made main make many "
    "map mark may mean measure might mile mind minute money moon more morning most mountain "
    "move much music must name near need never new next night north note nothing notice now "
    "number object ocean often old once one only open order other our over own page paper part "
    "pass pattern perhaps person picture piece place plain plan plant play point power problem "
    "produce pull question quick rain ran reach read ready real record red rest right river "
    "road rock room round rule run said same saw school sea second see seem sentence serve set "
    "several shape ship short should show side simple since sing six sleep slow small snow"
).split()[:256]
"""The vocabulary: one word for each value of a byte, wrapping round where it is shorter."""
_WORD_OF = tuple(WORDS[byte % len(WORDS)] for byte in range(256))
_WORDS = frozenset(WORDS)
_BETWEEN = frozenset(" .")
BLOCK = 32
"""Tokens that are drawn from one digest, a byte each."""


def tokenize(text: str) -> list[str]:
    """Split a text into the seed's tokens."""
    # Caches keep many tokens, and the same ones again and again: each is in memory once.
    return [*map(sys.intern, _TOKEN.findall(text))]


def retokenized(said: Sequence[str]) -> Sequence[str]:
    """The tokens of pieces that follow each other. Those of `pieces` are tokens already."""
    if _WORDS.issuperset(said[::2]) and _BETWEEN.issuperset(said[1::2]):
        return said
    return tokenize("".join(said))


def prompt_tokens(messages: Iterable[Message]) -> list[str]:
    """The tokens of a conversation: each message begins with a marker of its role."""
    tokens: list[str] = []
    for message in messages:
        tokens.append(f"<|{message.role}|>")
        tokens.extend(tokenize(message.content))
    return tokens


def questions(tokens: Iterable[str]) -> tuple[int, ...]:
    """Where messages of the user begin in a prompt."""
    return tuple(i for i, token in enumerate(tokens) if token == "<|user|>")


def pieces(seed: int, model: str, prompt: list[str], count: int) -> Iterator[str]:
    """The `count` tokens of the answer to a prompt.

    `model` is the canonical name. Token i is drawn from byte i of the SHA-256 stream over
    `seed`, `model` and the prompt's tokens, joined by NUL. Words and blanks take turns; a
    full stop stands where a blank would be the last.
    """
    return chain.from_iterable(_blocks(seed, model, prompt, count))


def _blocks(seed: int, model: str, prompt: list[str], count: int) -> Iterator[list[str]]:
    """The same, as many at a time as are drawn from one digest."""
    key = "\0".join([str(seed), model, *prompt]).encode("utf-8", "replace")
    state = hashlib.sha256(key)
    for start in range(0, count, BLOCK):
        numbered = state.copy()
        numbered.update(b"\0%d" % (start // BLOCK))
        said = [" "] * BLOCK
        said[::2] = map(_WORD_OF.__getitem__, numbered.digest()[::2])
        left = count - start
        del said[left:]
        if left <= BLOCK and left % 2 == 0:
            said[-1] = "."
        yield said
