"""Prompts by the Jinja template of a weight file, as the runner makes them.

Source: native specification 5.1 (path N), 7.

Rules of this file:

1. Templates run in a sandbox, with the filters and functions that templates in the wild expect.
2. What goes wrong is the runner's error: JSON, which Ollama passes on as the text of its own.
3. What an answer of the history thought is not passed on to the runner.
4. `messages` are what templates in the wild expect: texts with marks for pictures, arguments of
   calls as objects. `sent` are the messages that Ollama sends to the runner.
5. All loops of one run have so many turns together, and no product is longer than so much: others
   are waiting meanwhile.

It must not import anything but layer 0 and its own package.
"""

import functools
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sized
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.runtime
import jinja2.sandbox
import msgspec

from ollama_simulator.engine.remembered import remembered
from ollama_simulator.engine.render.day import TODAY
from ollama_simulator.engine.render.sent import named, sent
from ollama_simulator.engine.render.turns import Turns, marked
from ollama_simulator.model import Message, Refusal

DEFAULT = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}\n{% endfor %}"
    "<|assistant|>{{ '\n' }}"
)
"""For a model that has no template of this kind."""

TURNS = 1_000_000
LONGEST = 10_000_000
"""Characters, or digits, of a product."""
_TURNS_LEFT = "turns left"
"""Where a run counts; no template has such a variable."""


def conversation(source: str, turns: Turns) -> str:
    """The prompt of a conversation. Raises `Refusal` with the runner's error."""
    given: dict[str, Any] = {
        "messages": [_message(turn) for turn in marked(turns.messages)],
        "sent": list(map(sent, turns.messages)),
        "tools": [json.loads(tool.source) for tool in turns.tools or ()] or None,
        "add_generation_prompt": True,
        "bos_token": "",
        "eos_token": "",
        _TURNS_LEFT: itertools.repeat(None, TURNS),
    }
    if turns.think is not None:
        given["enable_thinking"] = bool(turns.think)
    if isinstance(turns.think, str):
        given["reasoning_effort"] = turns.think
    try:
        return _read(source).render(given)
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise _failed(str(error)) from None
    except RecursionError:
        raise _failed("the template is too deep") from None


def _failed(message: str) -> Refusal:
    said = {"code": 500, "message": message, "type": "server_error"}
    return Refusal(500, msgspec.json.encode({"error": said}).decode())


def _message(turn: Message) -> dict[str, Any]:
    given = named(turn, turn.content)
    if turn.tool_calls:
        given["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.loads(call.arguments)},
            }
            for call in turn.tool_calls
        ]
    return given


@remembered
def _read(source: str) -> jinja2.Template:
    environment = _environment()
    tree = environment.parse(source)
    for loop in tree.find_all(jinja2.nodes.For):
        loop.iter = jinja2.nodes.Filter(loop.iter, "counted", [], [], None, None)
    return environment.from_string(tree)


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """The sandbox, in which nothing gets too long."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(
        self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        """A product or a power. Raises `ValueError` for one that is too long."""
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            size = left.bit_length() * right
        else:
            sizes = (len(v) if isinstance(v, Sized) else v for v in (left, right))
            size = math.prod(sizes) if isinstance(left, Sized) or isinstance(right, Sized) else 0
        if size > LONGEST:
            raise ValueError("the result is too long")
        return super().call_binop(context, operator, left, right)


@jinja2.pass_context
def _counted(context: jinja2.runtime.Context, items: Iterable[Any]) -> Iterator[Any]:
    """What a loop is about."""
    left = context.parent[_TURNS_LEFT]
    for item in items:
        if next(left, _TURNS_LEFT) is not None:
            raise ValueError(f"no end after {TURNS} turns")
        yield item


@functools.cache
def _environment() -> jinja2.Environment:
    environment = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.filters["counted"] = _counted
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = TODAY.strftime
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as chat templates expect it, not as Jinja's own filter makes it safe for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
