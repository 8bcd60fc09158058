"""What is said when a runner fails.

Source: native specification 7; 11 for 0.13.5.

It must not import anything but layer 0 and its own package.
"""

import random

from ollama_simulator.engine.answer.output import Failure, Kind
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.settings import Profile

STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an "
    "internal error, check ollama server logs for details"
)
DIED = "an error was encountered while running the model: "
EPHEMERAL = (32768, 61000)
"""Where Linux takes the ports of connections from, the end excluded."""


_DEAD: dict[Profile, str] = {
    "0.33": "llama-server process no longer running: exit status 1 ",
    "0.13.5": "llama runner process no longer running: 1 ",
}


def found_dead(wire: Profile, last_error: str) -> Refusal:
    """What a request is told that waited for a slot of a runner that died meanwhile."""
    return Refusal(500, _DEAD[wire] + last_error, Origin.RUNNER)


class Failures:
    """The words for the failures of one answer."""

    def __init__(self, wire: Profile, ids: random.Random, *, chats: bool) -> None:
        """`chats`: whether the runner itself makes the prompt of a conversation."""
        self._old = wire == "0.13.5"
        self._ids = ids
        self._source = "llama-server chat response" if chats else "llama-server response"

    def refusal(self, failure: Failure, *, begun: bool) -> Refusal:
        """What a client is told; `begun`: the runner had told something before."""
        return Refusal(failure.status, self._text(failure, begun), Origin.RUNNER)

    @property
    def canceled(self) -> str:
        """What is said when the client left in the middle."""
        return f"{self._reading}context canceled"

    @property
    def _reading(self) -> str:
        return "error reading llm response: " if self._old else f"error reading {self._source}: "

    def _text(self, failure: Failure, begun: bool) -> str:
        match failure.kind:
            case Kind.CRASH if begun:
                return DIED + (failure.text or "unexpected EOF")
            case Kind.CRASH if failure.text and not self._old:
                return f"{STOPPED}: {failure.text}"
            case Kind.CRASH:
                return STOPPED
            case Kind.RESET if not begun:
                return STOPPED
            case Kind.RESET:
                here, there = (self._ids.randrange(*EPHEMERAL) for _ in range(2))
                ends = f"127.0.0.1:{here}->127.0.0.1:{there}"
                return f"{self._reading}read tcp {ends}: read: connection reset by peer"
            case Kind.MALFORMED:
                source = "llm prediction response" if self._old else self._source
                return f"error unmarshalling {source}: {failure.text}"
            case Kind.REPORTED:
                return f"llama-server chat error: {failure.text}"
            case Kind.TOLD:
                return failure.text
