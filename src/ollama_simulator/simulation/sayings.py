"""Scripts that say a text, in a few words.

It must not import anything of this package but `script`.
"""

import re
from typing import Annotated, Any, TypedDict, Unpack

import msgspec

from ollama_simulator.script import Milliseconds, Script, Step


class Saying(TypedDict, total=False):
    """The fields of `Script` that say when it is given, and how fast."""

    model: str
    contains: str
    matches: str
    times: Annotated[int, msgspec.Meta(ge=1)] | None
    prompt_ms: Milliseconds | None
    gap_ms: Milliseconds | None


def says(text: str, **when: Unpack[Saying]) -> Script:
    """A script that answers with a text, a word to a token.

    `says("It is blue.", contains="sky")` answers whoever speaks of the sky.

    Args:
        text: What is said.
        when: Fields of `Script`: the `model`, what the last message `contains` or `matches`, how
            many `times`; how long the prompt (`prompt_ms`) and each token (`gap_ms`) take.

    Raises:
        TypeError: There is no such field.
        ValueError: `matches` is no regular expression.
    """
    pieces = re.findall(r"\s*\S+|\s+$", text)
    fields: dict[str, Any] = dict(when)
    return Script(answer=tuple(Step(content=piece) for piece in pieces), **fields)
