"""What a parser makes of a piece of a model's output.

Source: native specification 5.1.

It must not import anything but layer 0.
"""

from typing import NamedTuple, Protocol

from ollama_simulator.model import ToolCall


class Parsed(NamedTuple):
    """The parts of what was read; any of them may be empty."""

    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()


NOTHING = Parsed()

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What Go takes for white space; Python takes some control characters for it, too."""


class Unparsable(Exception):
    """The output can't be read. The text is what a client gets to see of it."""


class Parser(Protocol):
    """Reads a model's output as it comes. It may keep back what can't be told yet."""

    def add(self, text: str) -> Parsed:
        """Read on. Raises `Unparsable`."""

    def end(self) -> Parsed:
        """The output is complete. Raises `Unparsable`."""


def overlap(text: str, mark: str) -> int:
    """How many characters at the end of a text may be the beginning of a mark."""
    for size in range(min(len(text), len(mark) - 1), 0, -1):
        if mark.startswith(text[-size:]):
            return size
    return 0
