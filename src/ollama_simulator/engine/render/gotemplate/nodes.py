"""What a template consists of.

Source: the documentation of Go's text/template.

Rules of this file:

1. `shown` prints a node as Go does in its complaints.
2. `at` is where Go says that the node is. Of `.A.B` that is the second dot.

It must not import anything but layer 0.
"""

from typing import Literal

import msgspec

from ollama_simulator.golang.gojson import quote

BranchWord = Literal["if", "with", "range"]


class Node(msgspec.Struct, frozen=True):
    """A part of a template."""

    at: int


class Text(Node, frozen=True):
    """Text that is printed as it is."""

    text: str


class Bool(Node, frozen=True):
    """`true` or `false`."""

    value: bool


class Number(Node, frozen=True):
    """A number, or a character's."""

    text: str
    value: int | float


class String(Node, frozen=True):
    """A string, as written and as meant."""

    text: str
    value: str


class Nil(Node, frozen=True):
    """`nil`."""


class Dot(Node, frozen=True):
    """`.`."""


class Field(Node, frozen=True):
    """`.A.B`: fields of the cursor."""

    names: tuple[str, ...]


class Variable(Node, frozen=True):
    """`$a.B`: a variable, and fields of it."""

    names: tuple[str, ...]


class Identifier(Node, frozen=True):
    """The name of a function."""

    name: str


class Chain(Node, frozen=True):
    """`(...).A.B`: fields of a value."""

    value: "Node"
    names: tuple[str, ...]


class Command(Node, frozen=True):
    """A value, or a function with its arguments."""

    words: tuple[Node, ...]


class Pipe(Node, frozen=True):
    """Commands, each of which gets the value of the one before; its variables get the last."""

    commands: tuple[Command, ...]
    variables: tuple[Variable, ...] = ()
    assigns: bool = False
    """Whether the variables exist already."""


class Action(Node, frozen=True):
    """Prints the value of a pipeline, if that declares no variables."""

    pipe: Pipe


class Branch(Node, frozen=True):
    """`if`, `with` and `range`."""

    word: BranchWord
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] | None = None


class Call(Node, frozen=True):
    """`template`: prints another template."""

    name: str
    pipe: Pipe | None


class Leave(Node, frozen=True):
    """`break` and `continue`."""

    word: str


class End(Node, frozen=True):
    """`end` and `else`: the parser's alone."""

    word: Literal["end", "else"]


def shown(node: Node) -> str:
    """A node as Go prints it."""
    match node:
        case Text(text=text) | Number(text=text) | String(text=text):
            return text
        case Bool(value=value):
            return "true" if value else "false"
        case Nil():
            return "nil"
        case Dot():
            return "."
        case Field(names=names):
            return "".join("." + name for name in names)
        case Variable(names=names):
            return ".".join(names)
        case Identifier(name=name):
            return name
        case Chain(value=value, names=names):
            return _argument(value) + "".join("." + name for name in names)
        case Command(words=words):
            return " ".join(map(_argument, words))
        case Pipe(commands=commands, variables=variables, assigns=assigns):
            head = ", ".join(map(shown, variables)) + (" = " if assigns else " := ")
            return (head if variables else "") + " | ".join(map(shown, commands))
        case Action(pipe=pipe):
            return f"{{{{{shown(pipe)}}}}}"
        case Branch(word=word, pipe=pipe, body=body, otherwise=otherwise):
            rest = "" if otherwise is None else "{{else}}" + "".join(map(shown, otherwise))
            return f"{{{{{word} {shown(pipe)}}}}}{''.join(map(shown, body))}{rest}{{{{end}}}}"
        case Call(name=name, pipe=called):
            return f"{{{{template {quote(name)}{' ' + shown(called) if called else ''}}}}}"
        case Leave(word=word) | End(word=word):
            return f"{{{{{word}}}}}"
    raise AssertionError(f"no such node: {node}")


def _argument(node: Node) -> str:
    return f"({shown(node)})" if isinstance(node, Pipe) else shown(node)
