"""Real messages for made-up lengths.

Source: the seed's tokens, as `docs/text.md` tells: a run of letters, one mark, or one blank.

Rules of this file:

1. A text of n tokens has exactly n of those: words and blanks take turns, and a full stop ends it
   where a blank would.
2. Its first word is its name, which no other text of the workload has. So two texts differ from
   their first token on, and no cache mistakes one for another.
3. With another nonce every name is another one, so that a run finds nothing in the caches that
   the run before has left.

It must not import anything but its own package.
"""

import functools
from collections.abc import Sequence
from random import Random

from ollama_simulator.workload.session import BadWorkload, Session

WORDS = (
    "able acorn amber apple arrow aspen autumn badge barrel basket beacon berry birch blanket "
    "bottle branch brick bridge bronze brook butter button cabin candle canoe carbon carpet cedar "
    "cellar chalk cherry circle clover cobalt copper coral cotton cradle cricket crystal dahlia "
    "desert dragon eagle ember engine falcon feather fennel fern ferry flint forest fossil garden "
    "garnet ginger glacier granite harbor harvest hazel heron honey island ivory jasmine juniper "
    "kettle lagoon lantern lemon lilac linen maple marble meadow mirror nectar needle oasis olive "
    "orchard oyster paddle pebble pepper pillow pocket quartz quill rabbit raven ribbon saddle "
    "saffron sandal silver sparrow spruce summit thimble thunder timber tulip tunnel turtle valley "
    "velvet violet walnut willow window winter yarrow zephyr"
).split()


def text(name: str, tokens: int) -> str:
    """A text of this many tokens, which begins with its name (letters and digits) as a word."""
    words, rest = divmod(tokens + 1, 2)
    if words == 0:
        return ""
    spelled = " ".join([name, *Random(name).choices(WORDS, k=words - 1)])
    return spelled + "." if rest else spelled


def system(session: Session, nonce: str = "") -> str:
    """Its system prompt; empty for none. Its parts are lines."""
    return "\n".join(
        _shared(f"{_checked(nonce)}g{part.group}", part.tokens) for part in session.system
    )


def question(session: Session, turn: int, nonce: str = "") -> str:
    """The new message of one of its turns."""
    asked = session.turns[turn].asked
    return text(f"{_checked(nonce)}s{session.number}t{turn}", asked)


def messages(
    session: Session, turn: int, replies: Sequence[str], nonce: str = ""
) -> list[dict[str, str]]:
    """What a client sends for a turn, with the replies to those before as they really were."""
    out = []
    if session.system:
        out.append({"role": "system", "content": system(session, nonce)})
    for number, reply in enumerate(replies[:turn]):
        out.append({"role": "user", "content": question(session, number, nonce)})
        out.append({"role": "assistant", "content": reply})
    out.append({"role": "user", "content": question(session, turn, nonce)})
    return out


@functools.lru_cache(maxsize=64)
def _shared(name: str, tokens: int) -> str:
    """A text that many sessions send."""
    return text(name, tokens)


def _checked(nonce: str) -> str:
    if nonce and not (nonce.isascii() and nonce.isalnum()):
        raise BadWorkload(f"a nonce must be of letters and digits, not {nonce!r}")
    return nonce
