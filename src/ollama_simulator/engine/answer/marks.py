"""The marks that a model's template implies: around its thinking, and before its calls.

Source: native specification 5.1 (path T), and the recordings of the model `gotmpl`.

Rules of this file:

1. Thinking stands between the texts that begin and end the list of nodes in which the template
   names it, within a loop over the messages. Of several such places the last counts.
2. Calls stand behind the first text within the first `if` that asks for them.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ollama_simulator.engine.remembered import remembered
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Command,
    Field,
    Node,
    Pipe,
    Text,
)
from ollama_simulator.engine.render.gotemplate.template import read

_BARE = "{"
"""What calls begin with where the template has no mark for them: their JSON."""

Nodes = tuple[Node, ...]


class Marks(msgspec.Struct, frozen=True):
    """What a model puts around its thinking and before its calls."""

    opening: str = ""
    closing: str = ""
    """Both empty where the template knows no thinking."""
    call: str = _BARE


@remembered
def implied(template: str) -> Marks:
    """The marks that a Go template implies; those of a template that can't be read are none."""
    try:
        root = read(template).root
    except TemplateError:
        return Marks()
    opening = closing = ""
    for nodes in _thinking(root, loops=False):
        if isinstance(nodes[0], Text):
            opening = nodes[0].text.strip()
        if isinstance(nodes[-1], Text):
            closing = nodes[-1].text.strip()
    both = bool(opening and closing)
    return Marks(opening if both else "", closing if both else "", _call(root))


def _thinking(nodes: Nodes, *, loops: bool) -> Iterator[Nodes]:
    """The lists that name thinking; `loops`: within a loop over the messages."""
    for node in nodes:
        match node:
            case Action(pipe=pipe) | Call(pipe=Pipe() as pipe):
                named = _fields(pipe)
            case Branch(pipe=pipe):
                # A loop's own pipeline is within the loop to Ollama.
                within = "Messages" in _fields(pipe) if node.word == "range" else loops
                if within and "Thinking" in _fields(pipe):
                    yield nodes
                yield from _thinking(node.body, loops=within)
                yield from _thinking(node.otherwise or (), loops=within)
                continue
            case _:
                continue
        if loops and "Thinking" in named:
            yield nodes


def _fields(pipe: Pipe) -> list[str]:
    """The first names of the fields in a pipeline."""
    found: list[str] = []
    for command in pipe.commands:
        for word in command.words:
            if isinstance(word, Pipe):
                found += _fields(word)
            elif isinstance(word, Field):
                found.append(word.names[0])
    return found


def _call(root: Nodes) -> str:
    asking = next(_asking(root), None)
    text = _first(asking.body) if asking is not None else None
    return (text or "").replace("\r\n", "\n").partition(_BARE)[0].strip() or _BARE


def _asking(nodes: Nodes) -> Iterator[Branch]:
    """The `if`s that ask for calls, in the order of the template."""
    for node in nodes:
        if isinstance(node, Branch):
            if node.word == "if" and any(map(_asks, node.pipe.commands)):
                yield node
            yield from _asking(node.body)
            yield from _asking(node.otherwise or ())


def _asks(command: Command) -> bool:
    return any(isinstance(word, Field) and "ToolCalls" in word.names for word in command.words)


def _first(nodes: Iterable[Node]) -> str | None:
    """The first text that isn't blank, unless something is printed or decided before it."""
    for node in nodes:
        match node:
            case Text(text=text) if text.strip():
                return text
            case Branch(body=body, otherwise=otherwise):
                return _first(body) or _first(otherwise or ())
            case Action():
                return None
            case _:
                continue
    return None
