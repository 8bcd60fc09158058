"""The files that a model consists of, and what is written into them."""

from __future__ import annotations

import json

from msgspec.structs import replace

from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.engine.registry.layers import (
    Part,
    blobs_of,
    config_of,
    head_of,
    layers_of,
    manifest,
    messages_file,
    parameters_file,
    text_layer,
    weights_of,
)
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.model import Message, Model, ToolCall

RICH = Model(
    "rich",
    10_000,
    "f00d",
    "llama",
    "8.0B",
    "Q4_K_M",
    template="{{ .System }}",
    system="be",
    license=("one", "two"),
    parameters={"top_k": 3},
    messages=(Message("user", "hi"),),
)


def test_layers_follow_from_the_fields() -> None:
    """In the order of a manifest; together they are as large as the model."""
    layers = layers_of(RICH)
    assert [layer.kind for layer in layers] == (
        "model template system license license params messages config".split()
    )
    assert sum(layer.size for layer in layers) == 10_000
    assert layers[1] == text_layer("template", "{{ .System }}")
    assert layers[4].digest == sha256("two")


def test_a_plain_model_has_two_files() -> None:
    """Its weights, whose digest is the model's, and its config."""
    weights, config = layers_of(TEST_MODEL)
    assert (weights.kind, weights.digest) == ("model", TEST_MODEL.digest)
    assert config.kind == "config"
    assert weights_of(RICH) == sha256("f00d")


def test_a_chat_template_is_part_of_the_weights() -> None:
    """So there is no file of its own for it, and the weight file has it."""
    native = Model("n", 9, "d", "llama", "1B", "F16", path="native", template="{{ messages }}")
    assert [layer.kind for layer in layers_of(native)] == ["model", "config"]
    assert head_of(native).chat_template == "{{ messages }}"
    assert head_of(replace(native, template="{{ .Prompt }}")).chat_template == ""
    assert head_of(replace(native, runner_template="{{ x }}")).chat_template == "{{ x }}"
    assert head_of(replace(RICH, runner_template="{{ x }}")).chat_template == "{{ x }}"


def test_declared_layers_are_taken() -> None:
    """Whoever says what a model consists of is believed."""
    layers = (text_layer("config", "x"),)
    stub = Model("m", 1, "d", "", "", "", layers=layers)
    assert layers_of(stub) is layers
    assert not stub.has_weights
    assert RICH.has_weights


def test_the_blob_store_knows_the_weights() -> None:
    """They describe themselves as the model does."""
    blobs = blobs_of(RICH)
    head = blobs[weights_of(RICH)].head
    assert head is not None
    assert (head.architecture, head.file_type) == ("llama", "Q4_K_M")
    assert head == head_of(RICH)
    assert [blob.head for blob in blobs.values()].count(None) == len(blobs) - 1


def test_nothing_is_known_of_a_damaged_model() -> None:
    """Its manifest can't be read."""
    assert blobs_of(Model("m", 1, "d", "", "", "", broken="no JSON")) == {}


def test_files_of_json() -> None:
    """Byte for byte as Go's encoder writes them: sorted, escaped, with a newline."""
    assert parameters_file({"temperature": 0.1, "stop": ["<a>"], "num_ctx": 10}) == (
        b'{"num_ctx":10,"stop":["\\u003ca\\u003e"],"temperature":0.1}\n'
    )
    call = ToolCall("f", '{"a":1}', id="c1")
    turns = (Message("user", "x", images=(b"hi",)), Message("assistant", tool_calls=(call,)))
    assert messages_file(turns) == (
        b'[{"role":"user","content":"x","images":["aGk="]},'
        b'{"role":"assistant","content":"","tool_calls":'
        b'[{"id":"c1","function":{"index":0,"name":"f","arguments":{"a":1}}}]}]\n'
    )


def test_a_config() -> None:
    """What is empty is left out, but for the first five; no family is null."""
    assert config_of(TEST_MODEL).file() == (
        b'{"model_format":"gguf","model_family":"test","model_families":["test"],'
        b'"model_type":"7B","file_type":"Q4_K_M","architecture":"amd64","os":"linux"}\n'
    )
    stub = Model("m", 1, "d", "", "", "", format="", families=(), remote_host="h", remote_model="r")
    assert json.loads(config_of(stub).file()) == {
        "model_format": "",
        "model_family": "",
        "model_families": None,
        "model_type": "",
        "file_type": "",
        "remote_host": "h",
        "remote_model": "r",
        "architecture": "amd64",
        "os": "linux",
    }


def test_a_manifest() -> None:
    """The config apart, the other layers in their order, each with where it was taken from."""
    config, weights = text_layer("config", "c"), text_layer("model", "m")
    written = manifest([Part(weights, "plain:latest")], config)
    assert written.endswith(b"\n")
    assert json.loads(written) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": f"sha256:{sha256('c')}",
            "size": 1,
        },
        "layers": [
            {
                "mediaType": "application/vnd.ollama.image.model",
                "digest": f"sha256:{sha256('m')}",
                "size": 1,
                "from": "plain:latest",
            }
        ],
    }
