"""Path `native`: the runner splits; here the calls that it tells of are put together.

Source: native specification 5.2 and 7, and the recordings `tools/native-*`.

Rules of this file:

1. Calls come in parts and are told in the last line, all together, in the order of the indexes
   that the runner gave them. One below zero is never told.
2. Every part of a call adds to what is known of it: to its id and its name, too.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine.answer.parsers.parsed import SPACE, Unparsable
from ollama_simulator.golang.gojson import quote
from ollama_simulator.golang.printed import printed
from ollama_simulator.golang.unmarshal import NotJson, arguments
from ollama_simulator.model import ToolCall


class CallPart(msgspec.Struct, frozen=True):
    """A part of a call, as the runner tells it."""

    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""


class Gathered:
    """The calls of one answer."""

    def __init__(self, *, sorts: bool = False) -> None:
        """`sorts`: whether the keys of arguments are sorted (0.13.5)."""
        self._sorts = sorts
        self._calls: dict[int, CallPart] = {}

    def add(self, part: CallPart) -> None:
        """Take a part."""
        known = self._calls.get(part.index, CallPart(part.index))
        self._calls[part.index] = CallPart(
            part.index,
            known.id + part.id,
            known.name + part.name,
            known.arguments + part.arguments,
        )

    def end(self) -> tuple[ToolCall, ...]:
        """The calls, whole. Raises `Unparsable`."""
        return tuple(self._whole(self._calls[i]) for i in sorted(self._calls) if i >= 0)

    def _whole(self, call: CallPart) -> ToolCall:
        try:
            value = arguments(call.arguments) if call.arguments.strip(SPACE) else {}
        except NotJson as wrong:
            name = quote(call.name)
            raise Unparsable(
                f"llama-server returned invalid tool call arguments for {name}: {wrong}"
            ) from None
        return ToolCall(call.name, printed(value, keep_order=not self._sorts), call.id, call.index)
