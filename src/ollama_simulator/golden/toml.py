"""Prints TOML, as far as a fleet's file needs it.

It must not import anything of this package.
"""

import json
from collections.abc import Mapping
from typing import Any


def document(fields: Mapping[str, Any]) -> str:
    """A document of one line for each of its fields, tables within them inline."""
    return "".join(f"{json.dumps(key)} = {value(each)}\n" for key, each in fields.items())


def value(of: Any) -> str:
    """A value of any kind but None. Raises `TypeError`."""
    match of:
        case bool():
            return "true" if of else "false"
        case int():
            return str(of)
        case float():
            return repr(of)
        case str():
            # A JSON string is one of TOML's, but for the one character that TOML forbids.
            return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(value, of))}]"
        case dict():
            pairs = (f"{json.dumps(key)} = {value(each)}" for key, each in of.items())
            return f"{{ {', '.join(pairs)} }}"
    raise TypeError(f"{of!r} can't be said in TOML")
