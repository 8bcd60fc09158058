"""The models that the built-in registry holds.

Rules of this file:

1. Sizes and kinds are like those of the real models; digests and templates are our own.
2. Whoever needs another model names it in `Settings.registries`.

It must not import anything but layer 0 and its own package.
"""

import functools
from collections.abc import Mapping

from msgspec.structs import replace

from ollama_simulator import names
from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.engine.registry.layers import (
    Part,
    config_of,
    layers_of,
    manifest,
    text_layer,
)
from ollama_simulator.model import Model, Path

_TURNS = """{{- range .Messages }}<|{{ .Role }}|>
{{ .Content }}
{{ end }}<|assistant|>
"""
_TOOLS = """{{- if .Tools }}Tools: {{ .Tools }}
{{ end }}{{- range .Messages }}<|{{ .Role }}|>
{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}
<tool_call>{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}</tool_call>
{{- end }}{{ end }}
{{ end }}<|assistant|>
"""
_THINKING = _TOOLS.replace(
    "{{ .Content }}",
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}",
)
_HARMONY = """{{- range .Messages }}<|start|>{{ .Role }}<|message|>{{ .Content }}<|end|>
{{- end }}<|start|>assistant"""
_PROMPT = "{{ .Prompt }}"
_STOPS = ("<|user|>", "<|assistant|>")
"""Where an answer stops: at the marks of the next turn."""

_KINDS: Mapping[str, tuple[Path, str, tuple[str, ...]]] = {
    "plain": ("template", _TURNS, ("completion",)),
    "tools": ("template", _TOOLS, ("completion", "tools")),
    "thinks": ("template", _THINKING, ("completion", "tools", "thinking")),
    "sees": ("template", _TURNS, ("completion", "vision")),
    "harmony": ("harmony", _HARMONY, ("completion", "tools", "thinking")),
    "embeds": ("template", _PROMPT, ("embedding",)),
}
"""Path, template and capabilities of the kinds of models there are."""

_TABLE = """
# names                          family     size   type      MB context vector kind
llama3.2:latest,llama3.2:3b      llama      3.2B   Q4_K_M  2019 131072 3072 tools
llama3.2:1b                      llama      1.2B   Q8_0    1321 131072 2048 tools
llama3.1:latest,llama3.1:8b      llama      8.0B   Q4_K_M  4920 131072 4096 tools
llama3.3:latest,llama3.3:70b     llama      70.6B  Q4_K_M 42520 131072 8192 tools
qwen3:latest,qwen3:8b            qwen3      8.2B   Q4_K_M  5225  40960 4096 thinks
qwen3:0.6b                       qwen3      751.63M Q4_K_M  522  40960 1024 thinks
qwen3:4b                         qwen3      4.0B   Q4_K_M  2497 262144 2560 thinks
qwen3:14b                        qwen3      14.8B  Q4_K_M  9276  40960 5120 thinks
qwen3:32b                        qwen3      32.8B  Q4_K_M 20201  40960 5120 thinks
qwen2.5:latest,qwen2.5:7b        qwen2      7.6B   Q4_K_M  4683  32768 3584 tools
qwen2.5-coder:latest,qwen2.5-coder:7b qwen2 7.6B   Q4_K_M  4683  32768 3584 tools
deepseek-r1:latest,deepseek-r1:8b qwen3     8.2B   Q4_K_M  5225 131072 4096 thinks
gpt-oss:latest,gpt-oss:20b       gptoss     20.9B  MXFP4  13793 131072 2880 harmony
gpt-oss:120b                     gptoss     116.8B MXFP4  65369 131072 2880 harmony
gemma3:latest,gemma3:4b          gemma3     4.3B   Q4_K_M  3338 131072 2560 sees
gemma3:1b                        gemma3     999.89M Q4_K_M  815  32768 1152 plain
gemma3:12b                       gemma3     12.2B  Q4_K_M  8149 131072 3840 sees
mistral:latest,mistral:7b        llama      7.2B   Q4_K_M  4372  32768 4096 tools
phi4:latest,phi4:14b             phi3       14.7B  Q4_K_M  9053  16384 5120 plain
tinyllama:latest,tinyllama:1.1b  llama      1.1B   Q4_0     637   2048 2048 plain
llava:latest,llava:7b            llama      7.2B   Q4_0    4733  32768 4096 sees
nomic-embed-text:latest          nomic-bert 137M   F16      274   2048  768 embeds
mxbai-embed-large:latest         bert       334M   F16      669    512 1024 embeds
all-minilm:latest                bert       23M    F16       45    512  384 embeds
bge-m3:latest                    bert       566.70M F16    1157   8192 1024 embeds
"""
_CLOUD = """
gpt-oss:20b-cloud gpt-oss:120b-cloud deepseek-v3.1:671b-cloud qwen3-coder:480b-cloud
kimi-k2.6:cloud glm-5.1:cloud qwen3.5:cloud minimax-m2.7:cloud
"""
"""Stubs of models that run at ollama.com."""
_CLOUD_HOST = "https://ollama.com:443"


def find(name: names.Name) -> Model | None:
    """The model of a name, in any case; None if the library doesn't have it."""
    return _models().get(name.folded)


@functools.cache
def _models() -> dict[names.Name, Model]:
    rows = [line.split() for line in _TABLE.splitlines() if line and not line.startswith("#")]
    made = [_model(name, row) for row in rows for name in row[0].split(",")]
    made += map(_stub, _CLOUD.split())
    return {names.parse(model.name).folded: model for model in made}


def _model(name: str, row: list[str]) -> Model:
    first = row[0].partition(",")[0]
    family, parameters, quantisation, megabytes, context, vector, kind = row[1:]
    path, template, capabilities = _KINDS[kind]
    bare = Model(
        name=name,
        size=int(megabytes) * 1_000_000,
        digest="",
        family=family,
        parameter_size=parameters,
        quantization_level=quantisation,
        capabilities=capabilities,
        embeds="embedding" in capabilities,
        path=path,
        context_length=int(context),
        embedding_length=int(vector),
        template=template,
        license=(f"Whoever made {first} says what may be done with it.",),
        parameters={"stop": list(_STOPS)} if "completion" in capabilities else {},
        # Two names in one row are the same model, so they share their files.
        weights=sha256(f"weights of {first}"),
    )
    *files, config = layers_of(bare)
    whole = manifest([Part(layer) for layer in files], config)
    return replace(bare, layers=(*files, config), digest=sha256(whole))


def _stub(name: str) -> Model:
    bare = Model(
        name=name,
        size=0,
        digest="",
        family="",
        parameter_size="",
        quantization_level="",
        format="",
        families=(),
        capabilities=("completion", "tools", "thinking"),
        remote_model=names.source(name)[0],
        remote_host=_CLOUD_HOST,
    )
    config = text_layer("config", config_of(bare).file())
    return replace(bare, size=config.size, layers=(config,), digest=sha256(manifest([], config)))
