"""What the recorded server's stand-in for a model runner was told, as a script of ours.

Source: native specification 13 (`script`).

Rules of this file:

1. Tokens are raw: they pass through the parser of the model as the runner's did.
2. A word that isn't known is an error: a script that is understood by half proves nothing.

3. Of what a runner logs before it dies, that is taken which the server takes for an error.

It must not import anything of this package but `script`, and the engine's eye for errors.
"""

import json
from collections.abc import Mapping
from typing import Any

from ollama_simulator.engine.loading import kept
from ollama_simulator.script import Alternative, Load, Refuse, Script, Step, Vectors

LOAD_MS = 2.0
"""How long a start takes whose length isn't told."""
GAP_MS = 10.0
PROMPT_MS = 12.5
PROMPT_TOKENS = 11
TOKENS = 7
GENERATION_MS = 70.25
VECTOR_TOKENS = 3
"""How many tokens each text to embed is said to have."""


class UnknownScript(Exception):
    """A recorded script has something that isn't known. The text names it."""


def translated(told: Mapping[str, Any] | None) -> Script:
    """A script that answers every request as the stand-in was told. Raises `UnknownScript`."""
    fields: dict[str, Any] = {
        "gap_ms": GAP_MS,
        "prompt_ms": PROMPT_MS,
        "prompt_tokens": PROMPT_TOKENS,
        "tokens": TOKENS,
        "load": Load(delay_ms=LOAD_MS),
    }
    told = dict(told or {})
    status, body = told.pop("status", None), told.pop("body", None)
    if status is not None:
        fields["refuse"] = Refuse(status, compact(body))
    for key, value in told.items():
        match key:
            case "events":
                fields |= _events(value, told.get("timings", {}))
            case "gap_ms" | "prompt_ms":
                fields[key] = float(value)
            case "timings":
                fields |= _timings(value)
            case "load":
                fields[key] = _load(value)
            case "embeddings":
                fields[key] = _vectors(value)
            case "apply_template":
                fields["unrendered"] = Refuse(value["status"], compact(value["body"]))
            case _:
                raise UnknownScript(f"script: {key!r}")
    return Script(**fields)


def compact(value: Any) -> str:
    """JSON as the stand-in printed it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _events(events: list[dict[str, Any]], timings: dict[str, Any]) -> dict[str, Any]:
    steps: list[Step] = []
    reason: str | None = None
    for event in events:
        if "done" in event:
            reason = event["done"]
            if timings:
                steps.append(Step(event=_last(reason, timings)))
        else:
            steps.append(_step(event))
    return {"answer": tuple(steps), "done_reason": reason}


def _step(event: dict[str, Any]) -> Step:
    extra: dict[str, Any] = {key: event[key] for key in ("repeat", "logprob") if key in event}
    if "top" in event:
        extra["top"] = tuple(Alternative(token, value) for token, value in event["top"])
    match event:
        case {"token": token}:
            return Step(raw=token, **extra)
        case {"thinking": text}:
            return Step(thinking=text, **extra)
        case {"tool_calls": calls}:
            return Step(event=_delta(calls), **extra)
        case {"sleep_ms": wait}:
            return Step(wait_ms=float(wait), **extra)
        case {"crash": _}:
            logged = event.get("stderr", "")
            return Step(
                crash=kept(logged if isinstance(logged, list) else logged.splitlines(), "0.33")
            )
        case {"reset": _}:
            return Step(reset=True)
        case {"raw": text}:
            return Step(event=text, **extra)
        case {"error": error}:
            return Step(event=compact({"error": error}), **extra)
    raise UnknownScript(f"script: event {compact(event)}")


def _last(reason: str, timings: dict[str, Any]) -> str:
    """The last event as both kinds of runners tell it, with what was counted and measured."""
    counted = {
        "prompt_n": PROMPT_TOKENS,
        "prompt_ms": PROMPT_MS,
        "predicted_n": TOKENS,
        "predicted_ms": GENERATION_MS,
    }
    return compact(
        {
            "stop": True,
            "stop_type": "limit" if reason == "length" else "eos",
            "choices": [{"delta": {}, "finish_reason": reason}],
            "timings": counted | timings,
        }
    )


def _delta(calls: list[dict[str, Any]]) -> str:
    """Parts of calls as a runner tells them that is given a conversation; any other has none."""
    made = [
        {
            "index": call.get("index", 0),
            "id": call.get("id", ""),
            "function": {"name": call["name"], "arguments": call.get("arguments", "")},
        }
        for call in calls
    ]
    return compact({"choices": [{"delta": {"tool_calls": made}}]})


def _timings(timings: dict[str, Any]) -> dict[str, Any]:
    """What is counted. The milliseconds come with the last event."""
    known = {"prompt_n", "cache_n", "predicted_n", "prompt_ms", "predicted_ms"}
    if odd := set(timings) - known:
        raise UnknownScript(f"script: timings {', '.join(sorted(odd))}")
    prompt = timings.get("prompt_n", PROMPT_TOKENS) + timings.get("cache_n", 0)
    return {"prompt_tokens": prompt, "tokens": timings.get("predicted_n", TOKENS)}


def _load(load: dict[str, Any]) -> Load:
    if odd := set(load) - {"delay_ms", "stderr", "exit", "stall"}:
        raise UnknownScript(f"script: load {', '.join(sorted(odd))}")
    return Load(
        float(load.get("delay_ms", LOAD_MS)),
        tuple(load.get("stderr", ())),
        load.get("exit"),
        bool(load.get("stall", False)),
    )


def _vectors(told: dict[str, Any]) -> Vectors:
    known = {"vectors", "default", "prompt_tokens", "status", "body", "crash", "stderr"}
    if odd := set(told) - known:
        raise UnknownScript(f"script: embeddings {', '.join(sorted(odd))}")
    body = told.get("body")
    return Vectors(
        {key: tuple(value) for key, value in told.get("vectors", {}).items()},
        tuple(told["default"]) if "default" in told else None,
        told.get("prompt_tokens", VECTOR_TOKENS),
        told.get("status"),
        None if body is None else compact(body),
        bool(told.get("crash")),
    )
