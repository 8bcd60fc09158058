"""The workloads that have a name.

Source: engine model, 5.3, 6.3 and 6.4.

It must not import anything but its own package.
"""

import msgspec

from ollama_simulator.workload.conversations import Recipe
from ollama_simulator.workload.lengths import (
    CODE_ANSWER,
    CODE_PROMPT,
    CONV_ANSWER,
    CONV_PROMPT,
    MOONCAKE_PROMPT,
    LogNormal,
)


class Preset(msgspec.Struct, frozen=True):
    """A recipe, and how its sessions come if nothing else is said."""

    about: str
    """One line for a help text."""
    recipe: Recipe
    arrivals: str
    """The process of an open loop."""
    users: int | None = None
    """Of the closed loop that it is by default."""
    rate: float | None = None
    """Requests in a second of the open loop that it is by default."""


MESSAGE = LogNormal(mu=4.6, sigma=1.0, longest=4096)
"""What people write: 163 tokens on average, as in collections of real chats."""

CHAT = Recipe(
    asked=MESSAGE,
    answered=CONV_ANSWER,
    turns=4.0,
    one_shot=0.1,
    think_s=20.0,
    systems=8,
)

PRESETS: dict[str, Preset] = {
    "chat": Preset(
        "people who talk: 4 turns, 20 s to think, eight system prompts",
        CHAT,
        arrivals="conv",
        users=24,
    ),
    "thinking": Preset(
        "the same with a model whose thoughts are left out of the history",
        msgspec.structs.replace(CHAT, thinking=300),
        arrivals="conv",
        users=24,
    ),
    "agents": Preset(
        "programs that work: 15 turns, 1.5 s apart, one system prompt of 6,000 tokens",
        Recipe(
            asked=LogNormal(mu=5.7, sigma=0.9, longest=8192),
            answered=LogNormal(mu=4.6, sigma=0.7, longest=2048),
            turns=15.0,
            think_s=1.5,
            systems=1,
            system_tokens=(6000, 6000),
        ),
        arrivals="poisson",
        users=8,
    ),
    "documents": Preset(
        "questions about a long text that the first message brings",
        Recipe(
            asked=MESSAGE,
            answered=CONV_ANSWER,
            opening=MOONCAKE_PROMPT,
            turns=5.0,
            think_s=20.0,
        ),
        arrivals="conv",
        users=16,
    ),
    "code": Preset(
        "one-shot code completions in bursts, as in Azure's trace of 2023",
        Recipe(asked=CODE_PROMPT, answered=CODE_ANSWER),
        arrivals="code",
        rate=2.57,
    ),
    "conv": Preset(
        "one-shot conversations in waves, as in Azure's trace of 2023",
        Recipe(asked=CONV_PROMPT, answered=CONV_ANSWER),
        arrivals="conv",
        rate=5.53,
    ),
}
