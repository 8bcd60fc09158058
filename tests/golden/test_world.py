"""The world of the recordings, and what a recording shows of it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from ollama_simulator.fleet_file import read
from ollama_simulator.golden.exceptions import Excused, exceptions
from ollama_simulator.golden.learning import learned
from ollama_simulator.golden.toml import document
from ollama_simulator.golden.world import UnknownServer, world
from tests.golden.making import made, native, posted

MODELS = (
    "plain MyUser/CamelCase rich:7b gotmpl fim nplain milkey/custom:v1 hf.co/bart/Foo-GGUF:Q4_K_M "
    "native qwen3 gptoss:20b vision embed imgen remote broken"
).split()


def test_the_servers() -> None:
    """What sets each apart."""
    servers = world().servers
    assert [model.name for model in servers["small"].models] == ["plain:latest", "embed:latest"]
    assert servers["empty"].models == ()
    assert servers["main"].settings.keep_alive == 600
    assert servers["busy"].settings.max_queue == 1
    assert servers["one-model"].settings.max_loaded_models == 1
    assert servers["any-origin"].settings.origins == ("*",)
    assert {server.settings.hostname for server in servers.values()} == {"simhost"}
    with pytest.raises(UnknownServer, match="no server 'nope'; there are main, small"):
        world().server("nope")


def test_the_models() -> None:
    """All that the specification names, each found in any spelling."""
    assert [world().model(name.upper()) is not None for name in MODELS] == [True] * len(MODELS)
    assert len(world().models) == len(MODELS)
    assert world().model("nope") is None


def test_the_files_of_models() -> None:
    """Their sizes are the model's, and texts have the digests that they must have."""
    for model in world().models:
        assert sum(layer.size for layer in model.layers) == model.size, model.name
        for layer in model.layers:
            if layer.kind == "template":
                assert layer.digest == hashlib.sha256(model.template.encode()).hexdigest()


def test_metadata_has_the_family_s_name() -> None:
    """Keys and values of a weight file; a model may have its own, or more."""
    gptoss, embed, remote = map(world().model, ("gptoss:20b", "embed", "remote"))
    assert gptoss is not None
    assert embed is not None
    assert remote is not None
    assert gptoss.model_info["general.architecture"] == "gptoss"
    assert gptoss.model_info["gptoss.block_count"] == 1
    assert embed.model_info["llama.pooling_type"] == 1
    assert remote.model_info == {"general.architecture": "llama"}


def test_what_is_assumed_gives_way() -> None:
    """To what a recording shows of the model, for that recording."""
    digest = "ab" * 32
    answer = {
        "modelfile": f"# FROM gotmpl:latest\n\nFROM /models/blobs/sha256-{digest}\nTEMPLATE x\n",
        "template": "x",
        "model_info": {"tokenizer.ggml.tokens": ["q"], "general.architecture": "other"},
    }
    response = native()["response"] | {"body": json.dumps(answer)}
    shown = made(posted("/api/show", '{"model":"gotmpl"}', response=response))
    before = world().model("gotmpl")
    assert before is not None
    (after,) = learned([before], shown, world())
    assert (after.weights, after.template, after.layers[0].digest) == (digest, "x", digest)
    assert after.model_info["tokenizer.ggml.tokens"] == ["q"]
    assert after.model_info["general.architecture"] == "llama"


def test_what_is_known_does_not() -> None:
    """A wrong answer must not make itself right."""
    answer = {"modelfile": f"FROM /x/sha256-{'ab' * 32}\n", "template": "x", "model_info": {}}
    response = native()["response"] | {"body": json.dumps(answer)}
    shown = made(posted("/api/show", '{"model":"plain"}', response=response))
    before = world().model("plain")
    assert before is not None
    assert learned([before], shown, world()) == (before,)
    assert learned([before], made(native()), world()) == (before,)


def test_exceptions() -> None:
    """One is for a place and a name, and has a reason."""
    for each in exceptions():
        assert each.why.endswith(".")
        assert each.line > 0
    one = Excused("some.jsonl", 3, "a/b", "Because.")
    assert one.covers(made(native(name="a/b"), 3, "/folder/some.jsonl"))
    assert not one.covers(made(native(name="a/b"), 4, "some.jsonl"))
    assert not one.covers(made(native(name="a/b"), 3, "other.jsonl"))
    assert not one.covers(made(native(name="a/c"), 3, "some.jsonl"))


def test_toml(tmp_path: Path) -> None:
    """What is printed is read as the same."""
    fields = {
        "a b": ['"\\\x7f\n é', True, 5, -1.5, float("inf")],
        "servers": [{"port": 0, "hostname": "x", "origins": []}],
    }
    text = document(fields)
    assert tomllib.loads(text) == fields
    with pytest.raises(TypeError, match="None can't be said in TOML"):
        document({"a": None})
    file = tmp_path / "fleet.toml"
    file.write_text(document({"servers": fields["servers"]}), encoding="utf-8")
    assert read(file).servers[0].hostname == "x"
