"""The model that comes out of a creation.

Source: native specification 4.4, 4.6 and 4.13.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.engine.registry import gguf
from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.engine.registry.capabilities import Nature, nature
from ollama_simulator.engine.registry.gguf import Head
from ollama_simulator.engine.registry.info import Info
from ollama_simulator.engine.registry.layers import (
    DEFAULT_TEMPLATE,
    Config,
    manifest,
    text_layer,
    weights_of,
)
from ollama_simulator.engine.registry.new_file import Made
from ollama_simulator.engine.registry.texts import Texts
from ollama_simulator.model import Model
from ollama_simulator.names import Name

_BUILT_IN = {
    "gemma4": "gemma4",
    "laguna": "laguna",
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe", "nemotron_h_omni"), "nemotron-3-nano"),
}
"""Renderer and parser of families that have their own."""
_STOPS: Mapping[str, Mapping[str, Any]] = {"gemma4": {"stop": ["<turn|>"]}}
"""Options of such families, if a request has none of that name."""
_HIDDEN = ("general.name", "tokenizer.chat_template")
"""Metadata that `/api/show` doesn't show."""


class Recipe(msgspec.Struct, frozen=True):
    """What a model is made of."""

    name: Name
    texts: Texts
    base: Model | None
    info: Info
    fields: Mapping[str, Any]
    """The request."""
    remote_host: str
    remote_model: str
    alike: Model | None
    """A model with the same weights: the base, or who had an uploaded file before."""
    native: bool
    """Whether the server knows the path `native`."""

    @property
    def head(self) -> Head | None:
        """What the weight file says of itself."""
        return next((file.head for file in self.texts.files if file.layer.kind == "model"), None)

    def own(self, field: str, built_in: str = "") -> str:
        """A field of the request, or of the base model."""
        inherited = getattr(self.base, field) if self.base is not None else ""
        return str(self.fields.get(field) or inherited or built_in)


def built_in_options(made: Made, base: Model | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a weight file adds to the options of a request, unless something else renders it."""
    if made.layer.kind != "model" or made.head is None or (base and base.renderer and base.parser):
        return {}
    if fields.get("renderer") and fields.get("parser"):
        return {}
    return dict(_STOPS.get(made.head.architecture, {}))


def built(recipe: Recipe) -> Model:
    """The model, with the digest of its manifest."""
    head, info, texts = recipe.head, recipe.info, recipe.texts
    family = info.model_family or (head.architecture if head else "")
    families = [info.model_family] if info.model_family else []
    families += [each.architecture for file in texts.files if (each := _weighs(file))]
    built_in = _BUILT_IN.get(head.architecture, "") if head else ""
    renderer, parser = recipe.own("renderer", built_in), recipe.own("parser", built_in)
    configured = (*_configured(recipe.base), *info.capabilities)
    of = _nature(recipe, family, renderer, parser, configured)
    chat = head.chat_template if head is not None and of.path == "native" else ""
    config = Config(
        model_format=_format(recipe),
        model_family=family,
        model_families=tuple(families) or None,
        model_type=info.parameter_size or _parameters(recipe),
        file_type=info.quantization_level or (head.file_type if head else ""),
        renderer=renderer,
        parser=parser,
        requires=recipe.own("requires"),
        remote_host=recipe.remote_host,
        remote_model=recipe.remote_model,
        capabilities=configured,
        context_length=info.context_length,
        embedding_length=info.embedding_length,
        base_name=info.base_name,
        architecture="amd64",
        os="linux",
    )
    alike = recipe.alike
    last = text_layer("config", config.file())
    layers = (*(file.layer for file in texts.files), last)
    weights = next((layer.digest for layer in layers if layer.kind == "model"), "")
    return Model(
        name=recipe.name.short,
        size=sum(layer.size for layer in layers),
        digest=sha256(manifest([file.part for file in texts.files], last)),
        family=family,
        parameter_size=config.model_type,
        quantization_level=config.file_type,
        format=config.model_format,
        families=tuple(families),
        capabilities=of.capabilities,
        listed_capabilities=of.listed,
        embeds=alike.embeds if alike else "embedding" in of.capabilities,
        path=of.path,
        context_length=info.context_length or (head.number("context_length") if head else 0),
        embedding_length=info.embedding_length or (head.number("embedding_length") if head else 0),
        template=chat or (DEFAULT_TEMPLATE if texts.template is None else texts.template),
        system=texts.system,
        license=texts.license,
        parameters=texts.parameters,
        messages=texts.messages,
        renderer=renderer,
        parser=parser,
        requires=config.requires,
        remote_model=recipe.remote_model,
        remote_host=recipe.remote_host,
        weights=weights,
        layers=layers,
        model_info=_model_info(recipe, family),
        projector_info=recipe.base.projector_info if recipe.base is not None else {},
        tensors=head.tensors if head is not None else (),
        memory_bytes=alike.memory_bytes if alike and weights == weights_of(alike) else 0,
        tokenizer=alike.tokenizer if alike else "words",
        runner_template=alike.runner_template if alike else "",
        parent=next((file.source for file in texts.files if file.layer.kind == "model"), ""),
    )


def _weighs(file: Made) -> Head | None:
    return file.head if file.layer.kind == "model" else None


def _configured(base: Model | None) -> tuple[str, ...]:
    """The capabilities that don't follow from a model's files."""
    if base is None:
        return ()
    if not base.has_weights:
        return base.capabilities
    return tuple(each for each in base.capabilities if each == "image")


def _format(recipe: Recipe) -> str:
    if recipe.base is not None:
        return recipe.base.format
    return "gguf" if recipe.head is not None else ""


def _parameters(recipe: Recipe) -> str:
    count = recipe.head.number("general.parameter_count") if recipe.head is not None else 0
    if not count and recipe.base is not None:
        return recipe.base.parameter_size
    return gguf.human(count) if recipe.head is not None else ""


def _nature(
    recipe: Recipe, family: str, renderer: str, parser: str, configured: tuple[str, ...]
) -> Nature:
    """Path and capabilities: the base model's, unless the request changes what they follow from."""
    base = recipe.base
    changing = ("template", "renderer", "parser", "adapters")
    if base is not None and not any(recipe.fields.get(field) for field in changing):
        more = recipe.info.capabilities
        listed = base.capabilities if base.listed_capabilities is None else base.listed_capabilities
        shown = tuple(dict.fromkeys((*more, *base.capabilities)))
        return Nature(base.path, shown, tuple(dict.fromkeys((*listed, *more))))
    files = recipe.texts.files
    return nature(
        head=recipe.head,
        family=family,
        template=recipe.texts.template,
        renderer=renderer,
        parser=parser,
        configured=configured,
        projectors=[file.head for file in files if file.layer.kind == "projector"],
        native=recipe.native,
    )


def _model_info(recipe: Recipe, family: str) -> dict[str, Any]:
    info, head = recipe.info, recipe.head
    if recipe.remote_host:
        # A stub shows what the request said of it, if that is anything.
        shown = {
            "general.architecture": family,
            "general.basename": info.base_name,
            f"{family}.context_length": info.context_length,
            f"{family}.embedding_length": info.embedding_length,
        }
        return {key: value for key, value in shown.items() if value} if family else {}
    if recipe.base is not None:
        known = dict(recipe.base.model_info)
        if known and head is not None:
            known["general.file_type"] = head.number("general.file_type")
        return known
    if head is None:
        return {}
    return {key: value for key, value in head.values.items() if key not in _HIDDEN}
