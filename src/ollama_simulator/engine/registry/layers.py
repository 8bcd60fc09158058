"""The files that a model consists of, as Ollama writes them: so their digests are the real ones.

Source: native specification 4.4, 4.11 and 4.13.

Rules of this file:

1. A model that doesn't say what it consists of gets the layers that follow from its fields.
2. Files of JSON end in a newline, as Go's encoder writes them.

It must not import anything but layer 0, `blobs` and `gguf`.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ollama_simulator.engine.registry import gguf
from ollama_simulator.engine.registry.blobs import Blob, bare, sha256
from ollama_simulator.engine.registry.gguf import Head
from ollama_simulator.golang import gojson
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Layer, Message, Model, ToolCall

DEFAULT_TEMPLATE = "{{ .Prompt }}"
"""The template of a model that has no file with one."""

_FILE_TYPES = {name: number for number, name in gguf.FILE_TYPES.items()}
_OLLAMA = "application/vnd.ollama.image."
_CONFIG = "application/vnd.docker.container.image.v1+json"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Config(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The last file of a model: what it is, in the order in which Ollama writes it."""

    model_format: str
    model_family: str
    model_families: tuple[str, ...] | None
    model_type: str
    """The number of its parameters."""
    file_type: str
    """How it is quantised."""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    embedding_length: int = 0
    base_name: str = ""
    architecture: str
    os: str

    def file(self) -> bytes:
        """The bytes of the file."""
        return gojson.encode(self) + b"\n"


def text_layer(kind: str, content: str | bytes) -> Layer:
    """The layer of a file with this content."""
    data = content if isinstance(content, bytes) else content.encode()
    return Layer(kind, sha256(data), len(data))


def parameters_file(parameters: Mapping[str, Any]) -> bytes:
    """The file of a model's options."""
    return printed(parameters).encode() + b"\n"


def _call(call: ToolCall) -> dict[str, Any]:
    function = {
        "index": call.index,
        "name": call.name,
        "arguments": msgspec.Raw(call.arguments.encode()),
    }
    return ({"id": call.id} if call.id else {}) | {"function": function}


def _turn(message: Message) -> dict[str, Any]:
    images = [base64.b64encode(image).decode() for image in message.images]
    calls = [_call(call) for call in message.tool_calls]
    rest = {
        "thinking": message.thinking,
        "images": images,
        "tool_calls": calls,
        "tool_name": message.tool_name,
        "tool_call_id": message.tool_call_id,
    }
    shown = {key: value for key, value in rest.items() if value}
    return {"role": message.role, "content": message.content} | shown


def messages_file(messages: Iterable[Message]) -> bytes:
    """The file of the turns that a model begins with."""
    return gojson.encode([_turn(message) for message in messages]) + b"\n"


def config_of(model: Model) -> Config:
    """What a model's last file says."""
    return Config(
        model_format=model.format,
        model_family=model.family,
        model_families=families_of(model),
        model_type=model.parameter_size,
        file_type=model.quantization_level,
        renderer=model.renderer,
        parser=model.parser,
        requires=model.requires,
        remote_host=model.remote_host,
        remote_model=model.remote_model,
        architecture="amd64",
        os="linux",
    )


def families_of(model: Model) -> tuple[str, ...] | None:
    """A model's families; None for none at all, which is printed as null."""
    return (model.family,) if model.families is None else model.families or None


def layers_of(model: Model) -> tuple[Layer, ...]:
    """The files of a model with a sound manifest, in its order, the config last."""
    if model.layers:
        return model.layers
    texts: list[Layer] = []
    if model.path != "native" and model.template not in ("", DEFAULT_TEMPLATE):
        texts.append(text_layer("template", model.template))
    if model.system:
        texts.append(text_layer("system", model.system))
    texts += [text_layer("license", text) for text in model.license]
    if model.parameters:
        texts.append(text_layer("params", parameters_file(model.parameters)))
    if model.messages:
        texts.append(text_layer("messages", messages_file(model.messages)))
    texts.append(text_layer("config", config_of(model).file()))
    size = max(0, model.size - sum(layer.size for layer in texts))
    return (Layer("model", weights_of(model), size), *texts)


def weights_of(model: Model) -> str:
    """The digest of a model's weight file."""
    for layer in model.layers:
        if layer.kind == "model":
            return layer.digest
    digest = model.weights or model.digest
    return digest if bare(f"sha256:{digest}") else sha256(model.weight_file)


def head_of(model: Model) -> Head:
    """What a model's weight file says of itself, as far as the model tells."""
    values = dict(model.model_info)
    values.setdefault("general.architecture", model.family)
    values.setdefault("general.file_type", _FILE_TYPES.get(model.quantization_level, 0))
    values.setdefault("general.parameter_count", gguf.count(model.parameter_size))
    values.setdefault(f"{model.family}.context_length", model.context_length)
    values.setdefault(f"{model.family}.embedding_length", model.embedding_length)
    shown = model.template if model.path == "native" else DEFAULT_TEMPLATE
    if model.runner_template or shown != DEFAULT_TEMPLATE:
        values["tokenizer.chat_template"] = model.runner_template or shown
    if "embedding" in model.capabilities:
        values[f"{model.family}.pooling_type"] = 1
    return Head(values, model.tensors)


def blobs_of(model: Model) -> dict[str, Blob]:
    """What the blob store holds of a model, by digest; nothing is known of a damaged one."""
    if model.broken:
        return {}
    found = {layer.digest: Blob(layer.size) for layer in layers_of(model)}
    weights = weights_of(model)
    if weights in found:
        found[weights] = msgspec.structs.replace(found[weights], head=head_of(model))
    return found


class Part(msgspec.Struct, frozen=True):
    """A layer with the name of the model, or the file, that it was taken from."""

    layer: Layer
    source: str = ""


def manifest(parts: Iterable[Part], config: Layer) -> bytes:
    """The manifest of a model."""
    whole = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _entry(Part(config)),
        "layers": [_entry(part) for part in parts],
    }
    return gojson.encode(whole) + b"\n"


def _entry(part: Part) -> dict[str, Any]:
    layer = part.layer
    media = _CONFIG if layer.kind == "config" else _OLLAMA + layer.kind
    entry = {"mediaType": media, "digest": f"sha256:{layer.digest}", "size": layer.size}
    return entry | ({"from": part.source} if part.source else {})
