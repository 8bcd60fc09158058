"""Prompts by a Go template.

Source: native specification 4.7, 4.8, 5.1.

Rules of this file:

1. A template that names `.Messages` gets the whole conversation at once.
2. Any other gets a round at a time (`.System`, `.Prompt`, `.Response`); of the last round only
   what stands before its answer, and the answer that is to be continued.
3. A template that has no place for the answer gets one at its end.

It must not import anything but layer 0 and its own package.
"""

import functools
from collections.abc import Iterable

import msgspec

from ollama_simulator.engine.render import fields
from ollama_simulator.engine.render.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Field,
    Node,
    Pipe,
)
from ollama_simulator.engine.render.gotemplate.template import Template, read
from ollama_simulator.engine.render.gotemplate.values import Value
from ollama_simulator.engine.render.turns import Turns
from ollama_simulator.model import Message


class _Prepared(msgspec.Struct, frozen=True):
    """A template, and what follows from it alone."""

    whole: Template
    last: Template
    """Up to the answer: for the last round."""
    knows_messages: bool


@functools.lru_cache(maxsize=256)
def _prepared(source: str) -> _Prepared:
    template = read(source)
    names = template.names()
    if not names & {"messages", "response"}:
        response = Pipe(0, (Command(0, (Field(0, ("Response",)),)),))
        template = template.with_root((*template.root, Action(0, response)))
    return _Prepared(template, template.with_root(_Cut().list(template.root)), "messages" in names)


def conversation(source: str, turns: Turns) -> str:
    """The prompt of a conversation. Raises `TemplateError`."""
    prepared = _prepared(source)
    merged = _merged(turns.messages)
    if not prepared.knows_messages:
        return _rounds(prepared, turns, merged)
    system = "\n\n".join(turn.content for turn in turns.messages if turn.role == "system")
    return prepared.whole.execute(
        {
            "System": system,
            "Messages": [fields.message(turn) for turn in merged],
            "Tools": fields.tools(turns.tools),
            "Response": "",
            **_thinking(turns),
        }
    )


def insertion(source: str, turns: Turns, prompt: str, suffix: str) -> str:
    """The prompt for what belongs between two texts. Raises `TemplateError`."""
    middle = {"Prompt": prompt, "Suffix": suffix, "Response": ""}
    return _prepared(source).whole.execute(middle | _thinking(turns))


def _thinking(turns: Turns) -> dict[str, Value]:
    level = turns.think if isinstance(turns.think, str) else "medium" if turns.think else ""
    return {
        "Think": bool(turns.think),
        "ThinkLevel": level,
        "IsThinkSet": turns.think is not None,
    }


def _merged(messages: Iterable[Message]) -> list[Message]:
    """Neighbours of one role are one message, except what tools say."""
    out: list[Message] = []
    for turn in messages:
        if out and out[-1].role == turn.role != "tool":
            both = f"{out[-1].content}\n\n{turn.content}"
            out[-1] = msgspec.structs.replace(out[-1], content=both)
        else:
            out.append(turn)
    return out


class _Round(msgspec.Struct):
    """What a template without `.Messages` prints at a time."""

    system: str = ""
    prompt: str = ""
    response: str = ""

    def takes(self, role: str) -> bool:
        """Whether a turn of this role still belongs to the round."""
        match role:
            case "system":
                return not (self.prompt or self.response)
            case "user":
                return not self.response
        return True


def _rounds(prepared: _Prepared, turns: Turns, merged: list[Message]) -> str:
    thinking = _thinking(turns)

    def printed(by: Template, said: _Round) -> str:
        spoken = {"System": said.system, "Prompt": said.prompt, "Response": said.response}
        return by.execute(spoken | thinking)

    out: list[str] = []
    now = _Round()
    for turn in merged:
        if not now.takes(turn.role):
            out.append(printed(prepared.whole, now))
            now = _Round()
        match turn.role:
            case "system":
                now.system = turn.content
            case "user":
                now.prompt = turn.content
            case "assistant":
                now.response = turn.content
    return "".join(out) + printed(prepared.last, now)


class _Cut:
    """Leaves out what follows the first `.Response` of a template."""

    def __init__(self) -> None:
        self._done = False

    def list(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """The nodes up to the answer, that included."""
        out: list[Node] = []
        for node in nodes:
            if self._done:
                break
            out.append(self._node(node))
        return tuple(out)

    def _node(self, node: Node) -> Node:
        match node:
            case Branch(pipe=pipe, body=body, otherwise=otherwise):
                # A condition that names the answer doesn't print it.
                cut = self.list(body)
                rest = None if otherwise is None else self.list(otherwise)
                return Branch(node.at, node.word, pipe, cut, rest)
            case Action(pipe=pipe) | Call(pipe=Pipe() as pipe):
                self._done = self._done or _names_answer(pipe)
        return node


def _names_answer(node: Node) -> bool:
    match node:
        case Field(names=names):
            return "Response" in names
        case Chain(value=value):
            return _names_answer(value)
        case Pipe(commands=parts) | Command(words=parts):
            return any(map(_names_answer, parts))
    return False
