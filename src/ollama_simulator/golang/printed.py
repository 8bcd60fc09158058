"""JSON that was read, printed again as Go prints what it read into maps and interfaces.

Source: native specification 1.8 and 5.2, compatibility specification 2.8 and 17.

Rules of this file:

1. Every number was a 64-bit float meanwhile, and the white space is gone.
2. Go's maps are sorted by key; the outermost object keeps its order where Go reads it into an
   ordered map, as it does the arguments of a tool call.

It must not import anything but `gojson`.
"""

from typing import Any

import msgspec

from ollama_simulator.golang import gojson


def printed(value: Any, *, keep_order: bool = False) -> str:
    """The text of a value whose numbers are int, float, or digits in a `msgspec.Raw`.

    `keep_order` is for the outermost object alone.
    """
    return gojson.encode(_prepared(value, keep_order)).decode()


def _prepared(value: Any, keep_order: bool) -> Any:
    match value:
        case bool() | None | str():
            return value
        case dict():
            keys = value if keep_order else sorted(value)
            return {key: _prepared(value[key], False) for key in keys}
        case list() | tuple():
            return [_prepared(item, False) for item in value]
        case msgspec.Raw():
            return msgspec.Raw(gojson.float64(float(bytes(value))).encode())
    return msgspec.Raw(gojson.float64(float(value)).encode())
