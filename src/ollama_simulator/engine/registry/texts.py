"""The small files of a new model: template, system prompt, licences, options and messages.

Source: native specification 4.13.

Rules of this file:

1. What is given stands in place of what the base model has, but licences are added and options
   are merged.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ollama_simulator.engine.registry.blobs import Blob
from ollama_simulator.engine.registry.layers import (
    messages_file,
    parameters_file,
    text_layer,
)
from ollama_simulator.engine.registry.new_file import Made
from ollama_simulator.engine.registry.remote import failed
from ollama_simulator.engine.registry.sources import bad
from ollama_simulator.engine.render.gotemplate import template as go
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.store import Store
from ollama_simulator.golang.parse import kind
from ollama_simulator.model import Message, Model


class Texts(msgspec.Struct):
    """What the small files say, and the model's files."""

    store: Store
    files: list[Made]
    template: str | None = None
    """None for no file with one."""
    system: str = ""
    license: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}
    messages: tuple[Message, ...] = ()

    def inherit(self, base: Model) -> None:
        """Begin with what another model has."""
        if any(made.layer.kind == "template" for made in self.files):
            self.template = base.template
        self.system = base.system
        self.license = base.license
        self.parameters = base.parameters
        self.messages = base.messages

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write the files that a request asks for. Raises `Refusal`."""
        if template := fields.get("template"):
            self._set_template(template)
        if system := fields.get("system"):
            self.system = system
            self._replace("system", system)
        for text in _licenses(fields.get("license")):
            self.license += (text,)
            self._add("license", text)
        merged = {**self.parameters, **fields.get("parameters", {})}
        if merged:
            self.parameters = merged
            self._replace("params", parameters_file(merged))
        if messages := fields.get("messages"):
            self.messages = messages
            self._replace("messages", messages_file(messages))

    def _set_template(self, text: str) -> None:
        try:
            go.read(text).names()
        except TemplateError as error:
            raise bad(f"template error: {error}") from None
        self.template = text
        self._replace("template", text)

    def _replace(self, of: str, content: str | bytes) -> None:
        self.files = [made for made in self.files if made.layer.kind != of]
        self._add(of, content)

    def _add(self, of: str, content: str | bytes) -> None:
        layer = text_layer(of, content)
        existed = layer.digest in self.store.blobs
        if not existed:
            self.store.blobs[layer.digest] = Blob(layer.size)
        self.files.append(Made(layer, existed=existed))


def _licenses(given: Any) -> Iterator[str]:
    """One text or several. Raises `Refusal` for anything else."""
    match given:
        case None | "":
            return
        case str():
            yield given
        case list():
            for each in given:
                if not isinstance(each, str | None):
                    raise failed(
                        f"json: cannot unmarshal {_kind(each)} into Go value of type string"
                    )
                yield each or ""
        case _:
            raise failed(f"json: cannot unmarshal {_kind(given)} into Go value of type []string")


def _kind(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else kind(value)
