"""How likely tokens were, as every dialect prints it.

Source: native specification 5.8, compatibility specification 5.2.

It must not import the engine or the network.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.model import Logprob


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token, with others in its place if they were asked for."""

    token: str
    logprob: msgspec.Raw
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple["Entry", ...] = ()


def entries(logprobs: Iterable[Logprob]) -> tuple[Entry, ...]:
    """What is printed of them; nothing for none."""
    return tuple(
        Entry(
            given.token,
            msgspec.Raw(gojson.float64(given.logprob).encode()),
            tuple(given.token.encode("utf-8", "replace")),
            entries(given.top),
        )
        for given in logprobs
    )
