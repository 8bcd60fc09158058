"""A Go template: read once, run often.

Source: native specification 4.7, 4.8; the documentation of Go's text/template.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ollama_simulator.engine.remembered import remembered
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.execute import execute
from ollama_simulator.engine.render.gotemplate.functions import BUILT_IN, FUNCTIONS, Function
from ollama_simulator.engine.render.gotemplate.nodes import (
    Call,
    Chain,
    Field,
    Node,
    Variable,
)
from ollama_simulator.engine.render.gotemplate.parse import Trees, parse
from ollama_simulator.engine.render.gotemplate.values import NIL, Value


class Template(msgspec.Struct, frozen=True):
    """A template that was read."""

    source: str
    trees: Trees
    functions: Mapping[str, Function]
    missing: Value = NIL
    """What a map has for a key that it doesn't have."""

    @property
    def root(self) -> tuple[Node, ...]:
        """What the template itself consists of."""
        return self.trees.get("", ())

    def names(self) -> frozenset[str]:
        """All fields and variables that Ollama sees in it, in lower case.

        It doesn't see those within `(...).Field`. Raises `TemplateError` for a `template` that is
        given no value: Go doesn't mind, Ollama does.
        """
        found = (_names(node) for nodes in self.trees.values() for node in nodes)
        return frozenset(name.lower() for names in found for name in names)

    def execute(self, data: Mapping[str, Value]) -> str:
        """What it prints. Raises `TemplateError`."""
        return execute(self.source, self.trees, "", self.functions, data, missing=self.missing)

    def with_root(self, nodes: tuple[Node, ...]) -> "Template":
        """The same template with another body."""
        return msgspec.structs.replace(self, trees={**self.trees, "": nodes})

    def alone(self, nodes: tuple[Node, ...]) -> "Template":
        """A template of these nodes that knows no other one, and no function but Go's own."""
        return Template(self.source, {"": nodes}, BUILT_IN, missing=None)


@remembered
def read(source: str) -> Template:
    """A template from its text. Raises `TemplateError`."""
    return Template(source, parse(source, FUNCTIONS), FUNCTIONS)


def _names(node: Node) -> Iterator[str]:
    match node:
        case Chain():
            return
        case Call(pipe=None):
            raise TemplateError("undefined template specified")
        case Field() | Variable():
            yield from node.names
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Node):
                yield from _names(item)
