"""Text that conforms to a request's `format`.

Source: native specification 3.4; JSON Schema 2020-12.

Rules of this file:

1. A pure function: the same format and the same draws give the same text.
2. A value is drawn from its schema, then checked against it by a library; after a few failures the
   last one is taken. So a schema that nobody can satisfy gets a text nevertheless.
3. Who asks for one text does not keep others waiting: where the work is used up before there is a
   value, the text is `{}`.

It must not import anything but layer 0 and its own package.
"""

import json
from typing import Any

from ollama_simulator.engine.conforming.budget import Budget, Spent
from ollama_simulator.engine.conforming.checker import Checker
from ollama_simulator.engine.conforming.draw import Draw
from ollama_simulator.engine.conforming.value import Source
from ollama_simulator.golang.gojson import quote
from ollama_simulator.model import Origin, Refusal

TRIES = 30
"""Values that are drawn before one is taken that doesn't conform."""
WORK = 500_000
"""Units of work for one text: half a second or so."""

_NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of a schema whose words have values of the wrong kind. Its text is `{}`."""

_PLAIN = ("null", '""', '"json"')
"""The formats that aren't schemas."""

_ANY_OBJECT = {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}
"""What the format `"json"` asks for."""


def check(format: str) -> None:
    """Raise `Refusal` for the JSON of a `format` that asks for nothing that can be done."""
    # Ollama looks at the bytes too, so another spelling of "json" is none.
    if format not in _PLAIN and not format.startswith("{"):
        expected = 'expected "json" or a valid JSON Schema object'
        raise Refusal(500, f"invalid format: {quote(format)}; {expected}", Origin.RUNNER)


def text(format: str, draw: Draw) -> str:
    """JSON that conforms to a format that `check` lets pass."""
    value: Any = {}
    try:
        asked = json.loads(format)
        schema = asked if isinstance(asked, dict) else _ANY_OBJECT
        budget = Budget(WORK)
        source, checker = Source(schema, budget), Checker(schema, budget)
        for _ in range(TRIES):
            value = source.value(draw)
            if source.exhausted or checker.conforms(value):
                break
    except Spent:
        pass
    except _NONSENSE:
        value = {}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
