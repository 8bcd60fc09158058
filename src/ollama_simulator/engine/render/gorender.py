"""Prompts by a Go template.

Source: native specification 4.7, 4.8, 5.1.

Rules of this file:

1. A template that names `.Messages` gets the whole conversation at once.
2. Any other gets a round at a time (`.System`, `.Prompt`, `.Response`); of the last round only
   what stands before its answer, and the answer that is to be continued.
3. A template that has no place for the answer gets one at its end.
4. In the last round a template has only itself: none that it defines, no function of Ollama's, and
   what a field of a missing key leads to is no mistake.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator.engine.remembered import remembered
from ollama_simulator.engine.render import fields
from ollama_simulator.engine.render.cut import Broken, cut
from ollama_simulator.engine.render.gotemplate.nodes import Action, Command, Field, Pipe
from ollama_simulator.engine.render.gotemplate.template import Template, read
from ollama_simulator.engine.render.gotemplate.values import Value
from ollama_simulator.engine.render.turns import Turns
from ollama_simulator.model import Message, Origin, Refusal


class _Prepared(msgspec.Struct, frozen=True):
    """A template, and what follows from it alone."""

    whole: Template
    last: Template | None
    """Up to the answer: for the last round. None if it can't be cut there."""
    knows_messages: bool


@remembered
def _prepared(source: str) -> _Prepared:
    template = read(source)
    names = template.names()
    if not names & {"messages", "response"}:
        response = Pipe(0, (Command(0, (Field(0, ("Response",)),)),))
        template = template.with_root((*template.root, Action(0, response)))
    try:
        last = template.alone(cut(template.root))
    except Broken:
        last = None
    return _Prepared(template, last, "messages" in names)


def conversation(source: str, turns: Turns) -> str:
    """The prompt of a conversation. Raises `TemplateError`, and `Refusal` if it breaks down."""
    prepared = _prepared(source)
    merged = _merged(turns.messages)
    if not prepared.knows_messages:
        return _rounds(prepared, turns, merged)
    system = "\n\n".join(turn.content for turn in turns.messages if turn.role == "system")
    return prepared.whole.execute(
        {
            "System": system,
            "Messages": fields.messages(merged),
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
    if prepared.last is None:
        raise Refusal(500, "", Origin.PANIC)
    return "".join(out) + printed(prepared.last, now)
