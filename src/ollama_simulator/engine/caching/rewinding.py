"""How far back the state of a model can be taken.

Source: engine model, 1.5; the model graphs and memory types of llama.cpp and of Ollama's own
runner before 0.30.

Rules of this file:

1. A table by family, as a weight file names it. What stands in none can be cut anywhere.
2. A model's own `model_info` may tell the width of its window; it goes before the table.

It must not import anything but layer 0.
"""

from typing import Literal

import msgspec

from ollama_simulator.model import Model


class Rewinding(msgspec.Struct, frozen=True):
    """What of a sequence may be dropped at its end."""

    to: Literal["anywhere", "window", "nowhere"] = "anywhere"
    """`anywhere`: any number of tokens. `window`: as many as leave the whole sliding window in
    memory. `nowhere`: none, because there is one state, that behind the last token (recurrent
    and hybrid models)."""
    window: int = 0
    """Tokens that a layer with a sliding window looks back."""
    kept: int = 0
    """Tokens that the engine `legacy` keeps of such a layer; what `current` keeps follows from
    its batches."""


ANYWHERE = Rewinding()
NOWHERE = Rewinding("nowhere")

STATES = frozenset(
    {
        "arwkv7",
        "falcon-h1",
        "granitehybrid",
        "jamba",
        "kimi-linear",
        "lfm2",
        "lfm2moe",
        "mamba",
        "mamba2",
        "nemotron_h",
        "nemotron_h_moe",
        "plamo2",
        "qwen35",
        "qwen35moe",
        "qwen3next",
        "rwkv6",
        "rwkv6qwen2",
        "rwkv7",
    }
)
"""Families with a recurrent state, alone or beside a KV cache."""

WINDOWS = {
    "cohere2": 4096,
    "exaone4": 4096,
    "gemma2": 4096,
    "gemma3": 1024,
    "gemma3n": 512,
    "gemma4": 1024,
    "gptoss": 128,
    "gpt-oss": 128,
    "llama4": 8192,
    "olmo3": 4096,
}
"""Families some of whose layers have a sliding window, and its usual width."""

OWN = {"gemma2": 0, "gemma3": 0, "gemma3n": 0, "olmo3": 0}
OWN |= dict.fromkeys(("gemma4", "gptoss", "gpt-oss"), 4096)
"""Those that the engine `legacy` keeps no more of than needed, and the least that it keeps. It
keeps all of the others."""


def rewinding(engine: Literal["seed", "legacy", "current"], model: Model) -> Rewinding:
    """What holds for a model under an engine."""
    family = model.family
    if engine == "seed":
        return ANYWHERE
    if family in STATES:
        return NOWHERE
    if family not in WINDOWS or (engine == "legacy" and family not in OWN):
        return ANYWHERE
    told = model.model_info.get(f"{family}.attention.sliding_window")
    window = told if isinstance(told, int) and told > 0 else WINDOWS[family]
    return Rewinding("window", window, max(window, OWN.get(family, 0)))
