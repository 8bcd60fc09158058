"""Runs a template.

Source: the documentation of Go's text/template, and what the package says of mistakes.

Rules of this file:

1. A mistake is reported at the node that was looked at last, as Go does.
2. A key that a map doesn't have is an interface without a value, unless it is told otherwise; as
   the value of a pipeline it is no value at all.
3. A template has a budget of steps: one that would run for ever fails instead.

Longer than 300 lines because the evaluation of all nodes is read together.

It must not import anything but layer 0 and its own package.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping

from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.functions import Function
from ollama_simulator.engine.render.gotemplate.nodes import (
    Action,
    Bool,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Leave,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Text,
    Variable,
    shown,
)
from ollama_simulator.engine.render.gotemplate.parse import Trees
from ollama_simulator.engine.render.gotemplate.values import (
    NIL,
    Record,
    Value,
    plain,
    printed,
    settled,
    truth,
    type_of,
)
from ollama_simulator.golang.gojson import quote

STEPS = 1_000_000
"""Steps that one run may take; Go would go on for ever. A node is one, and so is a turn of a loop;
long texts are more."""
PRINTED = 256
"""Characters that are printed in one step."""
LOOKED_AT = 64
"""Characters that a function takes or makes in one step."""
DEEPEST = 100_000
"""The depth of templates that Go's complaint names."""

_NONE = object()
"""What stands for the value of a pipeline before its first command."""


class _Break(Exception):
    """`break`."""


class _Continue(Exception):
    """`continue`."""


def execute(
    source: str,
    trees: Trees,
    name: str,
    functions: Mapping[str, Function],
    data: Value,
    *,
    missing: Value = NIL,
) -> str:
    """What a template prints, given its data. Raises `TemplateError`.

    `missing` is what a map has for a key that it doesn't have.
    """
    out: list[str] = []
    run = _Run(source, trees, functions, out, missing)
    try:
        run.template(name, data)
    except RecursionError:
        raise run.too_deep() from None
    return "".join(out)


class _Run:
    """One run of a template: what is printed, and what is looked at."""

    def __init__(
        self,
        source: str,
        trees: Trees,
        functions: Mapping[str, Function],
        out: list[str],
        missing: Value,
    ) -> None:
        self._source = source
        self._trees = trees
        self._functions = functions
        self._out = out
        self._missing = missing
        self._name = ""
        self._node: Node | None = None
        self._called: Node | None = None
        self._variables: list[tuple[str, Value]] = []
        self._steps = 0

    def template(self, name: str, data: Value) -> None:
        """Print a template. It sees no variables but its own."""
        outer = self._name, self._variables
        self._name, self._variables = name, [("$", data)]
        self._walk_all(data, self._trees[name])
        self._name, self._variables = outer

    def wrong(self, message: str) -> TemplateError:
        """A complaint about the node that was looked at last."""
        if self._node is None:
            return TemplateError(f"template: {self._name}: {message}")
        before = self._source[: self._node.at]
        line = before.count("\n") + 1
        column = len(before.rpartition("\n")[2].encode("utf-8", "replace"))
        where = f"template: :{line}:{column}: executing {quote(self._name)}"
        return TemplateError(f"{where} at <{shown(self._node)}>: {message}")

    def too_deep(self) -> TemplateError:
        """A complaint about the template that was called last. At which node the stack came to its
        end is a matter of Python's version."""
        self._node = self._called or self._node
        return self.wrong(f"exceeded maximum template depth ({DEEPEST})")

    # --- printing -------------------------------------------------------------------------

    def _walk_all(self, dot: Value, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._walk(dot, node)

    def _walk(self, dot: Value, node: Node) -> None:
        self._node = node
        self._spend(1)
        match node:
            case Text(text=text):
                self._print(text)
            case Action(pipe=pipe):
                value = self._pipeline(dot, pipe)
                if not pipe.variables:
                    self._node = node
                    self._print(printed(value))
            case Branch(word="range"):
                self._range(dot, node)
            case Branch():
                self._branch(dot, node)
            case Call(name=name, pipe=called):
                self._called = node
                if name not in self._trees:
                    raise self.wrong(f"template {quote(name)} not defined")
                self.template(name, None if called is None else self._pipeline(dot, called))
            case Leave(word=word):
                raise _Break if word == "break" else _Continue

    def _print(self, text: str) -> None:
        self._spend(len(text) // PRINTED)
        self._out.append(text)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > STEPS:
            raise self.wrong(f"no end after {STEPS} steps")

    def _branch(self, dot: Value, node: Branch) -> None:
        scope = len(self._variables)
        value = settled(self._pipeline(dot, node.pipe))
        if truth(value):
            self._walk_all(value if node.word == "with" else dot, node.body)
        elif node.otherwise is not None:
            self._walk_all(dot, node.otherwise)
        del self._variables[scope:]

    def _range(self, dot: Value, node: Branch) -> None:
        scope = len(self._variables)
        value = settled(self._pipeline(dot, node.pipe))
        inner = len(self._variables)
        empty = True
        try:
            for index, item in self._items(value, node.pipe):
                empty = False
                self._spend(1)
                self._bind(node.pipe, index, item)
                with contextlib.suppress(_Continue):
                    self._walk_all(item, node.body)
                del self._variables[inner:]
        except _Break:
            pass
        if empty and node.otherwise is not None:
            self._walk_all(dot, node.otherwise)
        del self._variables[scope:]

    def _items(self, value: Value, pipe: Pipe) -> Iterator[tuple[Value, Value]]:
        """What one ranges over, with the indexes."""
        match value:
            case None:
                return
            case list():
                yield from enumerate(value)
            case dict():
                for key in sorted(value):
                    yield key, value[key]
            case int() if not isinstance(value, bool):
                if len(pipe.variables) > 1:
                    raise self.wrong(f"can't use {value} to iterate over more than one variable")
                for i in range(value):
                    yield None, i
            case _:
                raise self.wrong(f"range can't iterate over {plain(value)}")

    def _bind(self, pipe: Pipe, index: Value, item: Value) -> None:
        names = [variable.names[0] for variable in pipe.variables]
        values = [index, item] if len(names) == 2 else [item]
        for i, (name, value) in enumerate(zip(names, values, strict=False)):
            if pipe.assigns:
                self._set(name, value)
            else:
                # The pipeline declared them, so they are on top.
                self._variables[len(self._variables) - len(names) + i] = (name, value)

    # --- variables ------------------------------------------------------------------------

    def _find(self, name: str) -> int:
        for i in range(len(self._variables) - 1, -1, -1):
            if self._variables[i][0] == name:
                return i
        raise self.wrong(f"undefined variable: {name}")

    def _set(self, name: str, value: Value) -> None:
        self._variables[self._find(name)] = (name, value)

    # --- evaluating -----------------------------------------------------------------------

    def _pipeline(self, dot: Value, pipe: Pipe) -> Value:
        self._node = pipe
        value: Value = _NONE
        for command in pipe.commands:
            self._spend(1)
            value = settled(self._command(dot, command, value))
        for variable in pipe.variables:
            if pipe.assigns:
                self._set(variable.names[0], value)
            else:
                self._variables.append((variable.names[0], value))
        return value

    def _command(self, dot: Value, command: Command, last: Value) -> Value:
        first, *others = command.words
        given = bool(others) or last is not _NONE
        match first:
            case Field() | Chain() | Variable():
                return self._reached(dot, first, given=given)
            case Identifier():
                return self._call(dot, first, command, tuple(others), last)
            case Pipe():
                self._no_arguments(first, given)
                return self._pipeline(dot, first)
        self._node = first
        self._no_arguments(first, given)
        if isinstance(first, Nil):
            raise self.wrong("nil is not a command")
        return self._constant(dot, first)

    def _no_arguments(self, node: Node, given: bool) -> None:
        if given:
            raise self.wrong(f"can't give argument to non-function {shown(node)}")

    def _constant(self, dot: Value, node: Node) -> Value:
        self._node = node
        match node:
            case Dot():
                return dot
            case Bool(value=value) | String(value=value):
                return value
            case Number(text=text, value=value):
                if isinstance(value, int) and value >= 2**63:
                    raise self.wrong(f"{text} overflows int")
                return value
        raise AssertionError(f"not a constant: {node}")

    def _reached(self, dot: Value, node: Field | Chain | Variable, *, given: bool) -> Value:
        """The value that a chain of fields leads to."""
        self._node = node
        match node:
            case Field(names=names):
                value = dot
            case Variable(names=(name, *rest)):
                value, names = self._variables[self._find(name)][1], tuple(rest)
                if not names:
                    self._no_arguments(node, given)
            case Chain(value=start, names=names):
                if isinstance(start, Nil):
                    raise self.wrong(f"indirection through explicit nil in {shown(node)}")
                value = self._argument(dot, start)
        kind = type_of(value)
        for i, name in enumerate(names):
            holder = value
            value = self._field(value, name, kind, given=given and i == len(names) - 1)
            kind = "interface {}" if isinstance(holder, dict) else type_of(value)
        return value

    def _field(self, value: Value, name: str, kind: str, *, given: bool) -> Value:
        match value:
            case None:
                return None
            case Record(fields=fields) if name in fields:
                if given:
                    raise self.wrong(f"{name} has arguments but cannot be invoked as function")
                return fields[name]
            case dict():
                if given:
                    raise self.wrong(f"{name} is not a method but has arguments")
                found = value.get(name, self._missing)
                if found is self._missing:
                    return found
                return NIL if found is None else found
        if value is NIL:
            raise self.wrong(f"nil pointer evaluating interface {{}}.{name}")
        raise self.wrong(f"can't evaluate field {name} in type {kind}")

    def _argument(self, dot: Value, node: Node) -> Value:
        self._node = node
        match node:
            case Field() | Variable() | Chain():
                return self._reached(dot, node, given=False)
            case Pipe():
                return self._pipeline(dot, node)
            case Identifier():
                return self._call(dot, node, node, (), _NONE)
            case Nil():
                return None
        return self._constant(dot, node)

    def _call(
        self, dot: Value, node: Identifier, whole: Node, words: tuple[Node, ...], last: Value
    ) -> Value:
        self._node = node
        name = node.name
        if (function := self._functions.get(name)) is None:
            raise self.wrong(f"{quote(name)} is not a defined function")
        count = len(words) + (last is not _NONE)
        if function.most is not None and count != function.most:
            raise self.wrong(f"wrong number of args for {name}: want {function.most} got {count}")
        if count < function.least:
            wants = f"want at least {function.least} got {len(words)}"
            raise self.wrong(f"wrong number of args for {name}: {wants}")
        if name in ("and", "or"):
            return self._short(dot, name, words, last)
        values: list[Value] = []
        for word in words:
            text_wanted = len(values) < function.texts or function.texts < 0
            values.append(self._typed(dot, word) if text_wanted else self._argument(dot, word))
        if last is not _NONE:
            if len(values) < function.texts or function.texts < 0:
                self._text(last)
            values.append(last)
        try:
            if name == "call":
                raise _not_callable(words, values[0])
            made = function.run(*values)
        except ValueError as error:
            self._node = whole
            raise self.wrong(f"error calling {name}: {error}") from None
        self._spend(sum(map(_size, (*values, made))) // LOOKED_AT)
        return made

    def _short(self, dot: Value, name: str, words: tuple[Node, ...], last: Value) -> Value:
        value: Value = None
        for word in words:
            value = settled(self._argument(dot, word))
            if truth(value) == (name == "or"):
                return value
        return value if last is _NONE else last

    def _typed(self, dot: Value, node: Node) -> Value:
        """An argument that has to be a string."""
        match node:
            case Nil():
                self._node = node
                raise self.wrong("cannot assign nil to string")
            case Bool() | Number():
                self._node = node
                raise self.wrong(f"expected string; found {shown(node)}")
        return self._text(self._argument(dot, node))

    def _text(self, value: Value) -> Value:
        if value is None:
            raise self.wrong("invalid value; expected string")
        if not isinstance(value, str):
            raise self.wrong(f"wrong type for value; expected string; got {type_of(value)}")
        return value


def _size(value: Value) -> int:
    return len(value) if isinstance(value, str | list | dict) else 1


def _not_callable(words: tuple[Node, ...], value: Value) -> ValueError:
    if settled(value) is None:
        return ValueError("call of nil")
    callee = shown(words[0]) if words else plain(value)
    return ValueError(f"non-function {callee} of type {type_of(value)}")
