"""Creations: the files of the new model, its lines, and what it can do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.model import Create, Layer, Message, Model, Progress
from ollama_simulator.registry import Offer, Registry
from ollama_simulator.settings import Profile, Settings
from tests.engine.driving import Machine
from tests.engine.registry.working import (
    HOST,
    created,
    digest_of,
    layer,
    model,
    settings,
    statuses,
    worked,
)
from tests.engine.registry.writing import LLAMA, gguf

TEMPLATE = "{{ .System }} {{ .Prompt }}"
PLAIN = Model(
    "plain",
    1000,
    sha256("plain"),
    "llama",
    "8.0B",
    "F16",
    template=TEMPLATE,
    context_length=8192,
    embedding_length=64,
    model_info={"general.architecture": "llama", "general.file_type": 1},
)
WEIGHTS = f"sha256:{PLAIN.digest}"
FILE = gguf(LLAMA, {"a.weight": (1000, 5)})
DONE = ["writing manifest", "success"]


def existing(digest: str) -> str:
    """The line about a file that is there."""
    return f"using existing layer sha256:{digest.removeprefix('sha256:')}"


def new(text: str) -> str:
    """The line about a file that is written."""
    return f"creating new layer sha256:{sha256(text)}"


def test_a_second_name_for_a_model() -> None:
    """All its files, and a config of its own."""
    lines, refusal, machine = created({"from": "plain"}, models=(PLAIN,))
    assert refusal is None
    assert lines == [existing(WEIGHTS), existing(sha256(TEMPLATE)), *DONE]
    made = machine.store.find("new").model
    assert (made.name, made.parent, made.family) == ("new:latest", "plain:latest", "llama")
    assert (made.parameter_size, made.quantization_level) == ("8.0B", "F16")
    assert (made.template, made.path, made.weights) == (TEMPLATE, "template", PLAIN.digest)
    assert made.digest != PLAIN.digest
    assert made.size == sum(each.size for each in made.layers)
    assert made.model_info == PLAIN.model_info
    assert (made.families, made.capabilities) == (("llama",), ("completion",))
    assert made.layers[-1].digest == sha256(
        '{"model_format":"gguf","model_family":"llama","model_families":["llama"],'
        '"model_type":"8.0B","file_type":"F16","architecture":"amd64","os":"linux"}\n'
    )


def test_a_model_without_a_template_beside_its_weights() -> None:
    """The one in the weights counts no more as soon as a parser takes over."""
    native = replace(PLAIN, path="native", template="{{ messages }}")
    _, _, machine = created({"from": "plain"}, models=(native,))
    made = machine.store.find("new").model
    assert (made.path, made.template) == ("native", "{{ messages }}")
    _, _, machine = created({"from": "plain", "parser": "p"}, models=(native,))
    made = machine.store.find("new").model
    assert (made.path, made.template) == ("parser", "{{ .Prompt }}")


def test_everything_at_once() -> None:
    """Replaced files are not mentioned; new ones follow in a fixed order."""
    fields = {
        "from": "plain",
        "system": "sys",
        "template": "{{ .Prompt }}",
        "license": ["L1", "L2", "L1"],
        "parameters": {"temperature": 0.1, "stop": ["a", "b"]},
        "messages": (Message("user", "x"),),
    }
    lines, refusal, machine = created(fields, models=(PLAIN,))
    assert refusal is None
    assert lines == [
        existing(WEIGHTS),
        new("{{ .Prompt }}"),
        new("sys"),
        new("L1"),
        new("L2"),
        existing(sha256("L1")),
        new('{"stop":["a","b"],"temperature":0.1}\n'),
        new('[{"role":"user","content":"x"}]\n'),
        *DONE,
    ]
    made = machine.store.find("new").model
    assert (made.system, made.template, made.license) == (
        "sys",
        "{{ .Prompt }}",
        ("L1", "L2", "L1"),
    )
    assert made.parameters == {"temperature": 0.1, "stop": ["a", "b"]}
    assert made.messages == (Message("user", "x"),)


def test_a_size_that_says_nothing() -> None:
    """It is taken over as it is shown, as long as nothing better is known."""
    base = replace(PLAIN, parameter_size="unknown")
    _, _, machine = created({"from": "plain"}, models=(base,))
    assert machine.store.find("new").model.parameter_size == "unknown"


def test_renderer_and_parser() -> None:
    """They are the request's, or the base model's."""
    base = replace(PLAIN, renderer="r", parser="p", requires="1.0", path="parser")
    _, _, machine = created({"from": "plain", "renderer": "mine"}, models=(base,))
    made = machine.store.find("new").model
    assert (made.renderer, made.parser, made.requires) == ("mine", "p", "1.0")


def test_what_is_inherited() -> None:
    """Options are merged and move to the end, licences are added, messages stay."""
    base = replace(
        PLAIN,
        system="old",
        license=("L1",),
        parameters={"top_k": 3, "seed": 1},
        messages=(Message("user", "hi"),),
    )
    fields = {"from": "plain", "license": "L2", "parameters": {"seed": 2}}
    lines, _, machine = created(fields, models=(base,))
    assert lines[1:-2] == [
        existing(sha256(TEMPLATE)),
        existing(sha256("old")),
        existing(sha256("L1")),
        existing(sha256('[{"role":"user","content":"hi"}]\n')),
        new("L2"),
        new('{"seed":2,"top_k":3}\n'),
    ]
    made = machine.store.find("new").model
    assert (made.system, made.license) == ("old", ("L1", "L2"))
    assert (made.parameters, made.messages) == ({"top_k": 3, "seed": 2}, (Message("user", "hi"),))


def test_over_an_older_model() -> None:
    """Its files go, unless the new one has them."""
    machine = Machine(VirtualClock(), models=(PLAIN,), settings=Settings(registries=()))

    async def main() -> None:
        await machine.done(Create("PLAIN", {"from": "plain", "system": "a", "license": "L"}))
        await machine.done(Create("plain", {"from": "plain", "system": "b"}))

    assert isinstance(machine.clock, VirtualClock)
    machine.clock.run(main())
    assert machine.store.names == ["plain:latest"]
    assert sha256("a") not in machine.store.blobs
    assert {sha256("b"), sha256("L"), PLAIN.digest} <= machine.store.blobs.keys()


def test_a_gguf_file() -> None:
    """It is read, checked, and says what the model is."""
    digest = digest_of(FILE)
    lines, refusal, machine = created({"files": {"m.gguf": digest}}, file=FILE)
    assert refusal is None
    assert lines == ["parsing GGUF", "verifying conversion", existing(digest), *DONE]
    made = machine.store.find("new").model
    assert (made.family, made.parameter_size, made.quantization_level) == ("llama", "5K", "F16")
    assert (made.context_length, made.embedding_length, made.parent) == (8192, 64, "")
    assert (made.path, made.template, made.capabilities) == (
        "native",
        "{{ .Prompt }}",
        ("completion",),
    )
    assert made.model_info["llama.rope.freq_base"] == 0.1
    assert "general.name" not in made.model_info
    assert made.tensors == ({"name": "a.weight", "type": "F16", "shape": [1000, 5]},)


def test_a_file_that_a_model_has() -> None:
    """The new model takes as much memory, and counts tokens the same way."""
    known = replace(PLAIN, memory_bytes=77, tokenizer="quarters", embeds=False)
    lines, _, machine = created({"files": {"m.gguf": WEIGHTS}}, models=(known,))
    assert lines[2] == existing(WEIGHTS)
    made = machine.store.find("new").model
    assert (made.memory_bytes, made.tokenizer, made.embeds) == (77, "quarters", False)


def test_a_gguf_file_with_a_chat_template() -> None:
    """It runs on that; the list of models doesn't look so far."""
    jinja = "{% if tools %}<think>{% endif %}</think>"
    data = gguf({**LLAMA, "tokenizer.chat_template": jinja})
    _, _, machine = created({"files": {"any name": digest_of(data)}}, file=data)
    made = machine.store.find("new").model
    assert (made.path, made.template) == ("native", jinja)
    assert made.capabilities == ("tools", "thinking", "completion")
    assert made.listed_capabilities == ("completion",)


def test_several_files() -> None:
    """Each by what it says of itself, in the order of their names."""
    eyes = gguf({"general.type": "mmproj", "general.architecture": "clip"})
    files = {"b.gguf": digest_of(FILE), "a.gguf": digest_of(eyes)}
    lines, _, machine = created({"files": files}, file=FILE, eyes=eyes)
    assert lines[:3] == ["parsing GGUF", "parsing GGUF", "verifying conversion"]
    made = machine.store.find("new").model
    assert [each.kind for each in made.layers] == ["projector", "model", "config"]
    assert (made.capabilities, made.parent) == (("completion", "vision"), "")


def test_an_adapter() -> None:
    """It is added to another model's files, unchecked."""
    lora = gguf({"general.type": "adapter", "general.architecture": "llama"})
    fields = {"from": "plain", "adapters": {"lora.gguf": digest_of(lora)}}
    lines, _, machine = created(fields, models=(PLAIN,), lora=lora)
    assert lines == [
        "parsing GGUF",
        existing(WEIGHTS),
        existing(sha256(TEMPLATE)),
        existing(digest_of(lora)),
        *DONE,
    ]
    assert machine.store.find("new").model.layers[2].kind == "adapter"


def test_safetensors() -> None:
    """They become one weight file, whose name follows from theirs."""
    config = b'{"architectures":["LlamaForCausalLM"],"max_position_embeddings":512}'
    weights = b"w" * 4000
    files = {"config.json": digest_of(config), "model.safetensors": digest_of(weights)}
    lines, refusal, machine = created({"files": files}, config=config, weights=weights)
    assert refusal is None
    assert lines[:2] == ["converting model", "verifying conversion"]
    made = machine.store.find("new").model
    assert (made.family, made.parameter_size, made.quantization_level) == ("llama", "2K", "F16")
    assert (made.context_length, made.layers[0].size) == (512, 4000)


def test_quantising() -> None:
    """The new file is smaller, is another one, and the model says so."""
    fields = {"from": "plain", "quantize": "q4_K_M"}
    lines, refusal, machine = created(fields, models=(replace(PLAIN, memory_bytes=77),))
    assert refusal is None
    assert lines[0] == "verifying conversion"
    assert lines[1].startswith("creating new layer ")
    made = machine.store.find("new").model
    weights = made.layers[0]
    assert lines[1] == f"creating new layer sha256:{weights.digest}"
    assert 200 < weights.size < 400
    assert (made.quantization_level, made.model_info["general.file_type"]) == ("Q4_K_M", 15)
    assert (made.parent, made.memory_bytes) == ("", 0)


@pytest.mark.parametrize(
    ("wire", "offered"), [("0.33", "F16, BF16 and F32"), ("0.13.5", "F16 and F32")]
)
def test_what_can_be_quantised(wire: Profile, offered: str) -> None:
    """What isn't quantised already; the older server doesn't know all of that."""
    small = replace(PLAIN, quantization_level="Q4_K_M", model_info={"general.file_type": 15})
    job = Create("new", {"from": "plain", "quantize": "Q8_0"})
    _, refusal, _ = worked(job, models=(small,), up=Settings(wire=wire))
    assert refusal is not None
    assert refusal.message == f"quantization is only supported for {offered} models"


def test_quantising_to_the_same() -> None:
    """Nothing is to be done."""
    lines, _, _ = created({"from": "plain", "quantization": "f16"}, models=(PLAIN,))
    assert lines[0] == existing(WEIGHTS)


def test_a_long_file_is_written_with_progress() -> None:
    """A line each 60 ms, with a digest that is none."""
    big = model("big", Layer("model", sha256("big"), 150_000_000), layer("config", 10))
    machine = Machine(VirtualClock(), models=(big,), settings=Settings(registries=()))

    async def main() -> list[tuple[int, Progress]]:
        events = await machine.timed(Create("new", {"from": "big", "quantize": "Q8_0"}))
        return [(round(t * 1000), e) for t, e in events if isinstance(e, Progress) and e.digest]

    assert isinstance(machine.clock, VirtualClock)
    doing = "quantizing F16 model to Q8_0"
    assert machine.clock.run(main()) == [
        (60, Progress(doing, "0" * 19, 150_000_000, 60_000_000)),
        (120, Progress(doing, "0" * 19, 150_000_000, 120_000_000)),
    ]


def test_a_stub() -> None:
    """Nobody is asked; there is nothing but a config."""
    lines, refusal, machine = created({"from": "gpt-oss:120b-cloud"})
    assert refusal is None
    assert lines == DONE
    made = machine.store.find("new").model
    assert (made.remote_model, made.remote_host) == ("gpt-oss:120b", "https://ollama.com:443")
    assert not made.has_weights
    assert (made.format, made.family, made.families, made.capabilities) == ("", "", (), ())


def test_a_stub_that_is_described() -> None:
    """What `info` says is all that is known."""
    info = {
        "model_family": "llama",
        "base_name": "Base",
        "parameter_size": "7B",
        "quantization_level": "Q8_0",
        "context_length": 4096,
        "embedding_length": 64.0,
        "capabilities": ["completion", 5],
    }
    _, _, machine = created({"from": "x", "remote_host": "box", "info": info})
    made = machine.store.find("new").model
    assert (made.remote_model, made.remote_host) == ("x", "http://box:11434")
    assert (made.family, made.families) == ("llama", ("llama",))
    assert (made.parameter_size, made.quantization_level) == ("7B", "Q8_0")
    assert made.capabilities == ("completion", "")
    assert (made.context_length, made.embedding_length) == (4096, 64)
    assert made.model_info == {
        "general.architecture": "llama",
        "general.basename": "Base",
        "llama.context_length": 4096,
        "llama.embedding_length": 64,
    }


def test_a_model_that_is_not_installed_is_pulled() -> None:
    """Its lines come first."""
    plain = model(f"{HOST}/me/m", layer("model", 10), layer("config", 5))
    up = Settings(registries=(Registry(host=HOST, offers=(Offer(plain),)),))
    lines, refusal, machine = worked(Create("new", {"from": f"{HOST}/me/m"}), up=up)
    assert refusal is None
    assert statuses(lines) == [
        "pulling manifest",
        "verifying sha256 digest",
        "writing manifest",
        existing(plain.layers[0].digest),
        *DONE,
    ]
    assert f"{HOST}/me/m:latest" in machine.store.names
    _, refusal, _ = worked(Create("new", {"from": f"{HOST}/me/nope"}), up=up)
    assert refusal is not None
    assert refusal.message == "pull model manifest: file does not exist"
    _, refusal, _ = worked(Create("new", {"from": f"{HOST}/me/m"}), up=settings(Offer(plain)))
    assert refusal is not None
    assert refusal.message.endswith("tls: first record does not look like a TLS handshake")


def test_the_case_of_the_base_counts() -> None:
    """Here names are not made to fit: another case is another model, to be pulled."""
    _, refusal, _ = created({"from": "PLAIN"}, models=(PLAIN,))
    assert refusal is not None
    assert refusal.message.startswith("pull model manifest: ")


@pytest.mark.parametrize("family", ["laguna", "nemotron_h"])
def test_families_with_a_parser_of_their_own(family: str) -> None:
    """It is known from the file."""
    data = gguf({"general.architecture": family})
    _, _, machine = created({"files": {"m.gguf": digest_of(data)}}, file=data)
    made = machine.store.find("new").model
    assert (made.path, made.renderer) == ("parser", made.parser)
    assert made.parser in ("laguna", "nemotron-3-nano")


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({}, ["<turn|>"]),
        ({"parameters": {"stop": ["x"]}}, ["x"]),
        ({"renderer": "r"}, ["<turn|>"]),
        ({"renderer": "r", "parser": "p"}, None),
    ],
)
def test_options_of_a_family(fields: dict[str, object], stop: object) -> None:
    """They hold unless the request says otherwise, or has something else render the model."""
    data = gguf({"general.architecture": "gemma4"})
    _, _, machine = created({"files": {"m.gguf": digest_of(data)}, **fields}, file=data)
    assert machine.store.find("new").model.parameters.get("stop") == stop
