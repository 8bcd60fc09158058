"""The types of what a runner tells, by the names that Go's complaints have for them.

Source: native specification 7, and the recordings `errors/*-malformed-*`.

Rules of this file:

1. A struct that Go has no name for is told by all its fields.

It must not import anything but layer 0.
"""

from ollama_simulator.golang.decode import (
    ANYTHING,
    FLAG,
    FLOAT,
    INT,
    TEXT,
    Array,
    Record,
    Type,
)


def _unnamed(*fields: tuple[str, str, Type]) -> Record:
    """A struct without a name: Go's names, its keys and its types."""
    shown = "; ".join(f'{name} {kind.go} "json:\\"{key}\\""' for name, key, kind in fields)
    return Record(f"struct {{ {shown} }}", name="", fields={key: kind for _, key, kind in fields})


def _array(item: Type) -> Array:
    return Array(f"[]{item.go}", item=item)


_TIMINGS = Record(
    "llm.llamaServerTimings",
    fields={
        "cache_n": INT,
        "prompt_n": INT,
        "prompt_ms": FLOAT,
        "predicted_n": INT,
        "predicted_ms": FLOAT,
    },
)
_TOKEN: dict[str, Type] = {"token": TEXT, "logprob": FLOAT, "prob": FLOAT}
_OTHERS = _array(Record("llm.llamaServerTokenProb", fields=_TOKEN))
_TOKENS = _array(
    Record(
        "llm.llamaServerTokenProb",
        fields={**_TOKEN, "top_logprobs": _OTHERS, "top_probs": _OTHERS},
    )
)
_FUNCTION = _unnamed(("Name", "name", TEXT), ("Arguments", "arguments", TEXT))
_CALL = _unnamed(
    ("Index", "index", INT),
    ("ID", "id", TEXT),
    ("Type", "type", TEXT),
    ("Function", "function", _FUNCTION),
)
_DELTA = _unnamed(
    ("Content", "content", TEXT),
    ("ReasoningContent", "reasoning_content", TEXT),
    ("ToolCalls", "tool_calls", _array(_CALL)),
)
_CHOICE = Record(
    "llm.llamaServerChatChoice",
    fields={
        "delta": _DELTA,
        "finish_reason": TEXT,
        "logprobs": _unnamed(("Content", "content", _TOKENS)),
    },
)

CONTENT = Record(
    "llm.llamaServerCompletionResponse",
    fields={
        "content": TEXT,
        "stop": FLAG,
        "stop_type": TEXT,
        "timings": _TIMINGS,
        "completion_probabilities": _TOKENS,
    },
)
"""What a runner tells that is given a prompt."""

DELTAS = Record(
    "llm.llamaServerChatResponse",
    fields={"choices": _array(_CHOICE), "timings": _TIMINGS, "error": ANYTHING},
)
"""What a runner tells that is given a conversation."""
