"""A Go template up to the answer that it has a place for.

Source: native specification 5.1; the very server, asked what it makes of templates.

Rules of this file:

1. All that stands behind the first `.Response` is left out: in its command, its pipeline, its list
   and the lists around that. What a command or a pipeline is left without words is left out whole.
2. Conditions, variables (`$.Response`), `(...).Response` and what `template` is given are not
   looked at.
3. The server breaks down where an `else` would have to be left out.

It must not import anything but layer 0 and its own package.
"""

from ollama_simulator.engine.render.gotemplate.nodes import (
    Action,
    Branch,
    Command,
    Field,
    Node,
    Pipe,
)


class Broken(Exception):
    """A template that can't be cut."""


def cut(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes up to the answer, that included. Raises `Broken`."""
    return _Cut().list(nodes)


class _Cut:
    def __init__(self) -> None:
        self._done = False

    def list(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        kept = (self._node(node) for node in nodes)
        return tuple(node for node in kept if node is not None)

    def _node(self, node: Node) -> Node | None:
        if self._done:
            return None
        match node:
            case Field(names=names):
                self._done = "Response" in names
            case Branch(body=body, otherwise=otherwise):
                kept = self.list(body)
                if otherwise is not None:
                    if self._done:
                        raise Broken
                    otherwise = self.list(otherwise)
                return Branch(node.at, node.word, node.pipe, kept, otherwise)
            case Action(pipe=pipe):
                left = self._pipe(pipe)
                return None if left is None else Action(node.at, left)
            case Pipe():
                return self._pipe(node)
        return node

    def _pipe(self, pipe: Pipe) -> Pipe | None:
        commands: list[Command] = []
        for command in pipe.commands:
            words = self.list(command.words)
            if not words:
                return None
            commands.append(Command(command.at, words))
        return Pipe(pipe.at, tuple(commands), pipe.variables, pipe.assigns)
