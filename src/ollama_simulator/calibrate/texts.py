"""The prompts of a measurement: as long as wanted, and none begins as another one.

Source: engine model, 2.4.

Rules of this file:

1. What a prompt begins with is in no other prompt of this or any other measurement, so that no
   server has it in its cache.
2. Nobody knows the server's tokenizer: how many tokens a word has is learnt from what the server
   counts.

It must not import anything but its own package.
"""

import random

WORDS = (
    "apple bird boat bread chair cloud coat door dress earth field fire fish flower glass grass "
    "hand heart horse house island key lake leaf light milk moon mountain night paper rain ring "
    "river road rock salt sea ship shoe snow song star stone street sun table tree wall water wind"
).split()
COUNT = "\n\nThe numbers from 1 to 10,000, one in each line, and nothing else:\n1\n2\n3\n4\n5\n"
"""An end that a model goes on with for longer than it is let."""


class Texts:
    """Makes prompts."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._drawn = random.Random(nonce)
        self._number = 0
        self._per_word = 1.0

    def learn(self, words: int, tokens: int) -> None:
        """So many words had so many tokens."""
        self._per_word = tokens / words

    def words(self, count: int) -> str:
        """A prompt of so many words beside those that make it unlike all others."""
        self._number += 1
        drawn = " ".join(self._drawn.choices(WORDS, k=count))
        return f"{self._number}{self._nonce} {drawn}"

    def tokens(self, count: int) -> str:
        """A prompt of about so many tokens."""
        return self.words(max(round(count / self._per_word), 1)) + COUNT
