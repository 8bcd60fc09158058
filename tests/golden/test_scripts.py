"""What the stand-in was told, as scripts of ours."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.answer.output import End, Piece
from ollama_simulator.engine.answer.runner_events import outputs
from ollama_simulator.golden.scripts import UnknownScript, translated
from ollama_simulator.script import Alternative, Load, Refuse, Script, Step, Vectors


def of(**told: Any) -> Script:
    """The script for what was told."""
    return translated(told)


def test_nothing_told() -> None:
    """The engine makes the text; all is quick, and counted as by the stand-in."""
    script = translated(None)
    assert script.answer is None
    assert (script.prompt_tokens, script.tokens, script.gap_ms) == (11, 7, 10.0)
    assert script.load == Load(delay_ms=2.0)


@pytest.mark.parametrize(
    ("event", "step"),
    [
        ({"token": "a", "repeat": 3}, Step(raw="a", repeat=3)),
        (
            {"token": "a", "logprob": -0.1, "top": [["a", -0.1], ["b", -2.0]]},
            Step(raw="a", logprob=-0.1, top=(Alternative("a", -0.1), Alternative("b", -2.0))),
        ),
        ({"thinking": "hm"}, Step(thinking="hm")),
        (
            {"tool_calls": [{"index": 0, "id": "x", "name": "f", "arguments": "{bad"}]},
            Step(
                event='{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x",'
                '"function":{"name":"f","arguments":"{bad"}}]}}]}'
            ),
        ),
        ({"sleep_ms": 300}, Step(wait_ms=300.0)),
        ({"crash": 3, "stderr": "x: CUDA error: lost\nbye"}, Step(crash="CUDA error: lost")),
        ({"crash": 3, "stderr": "lost"}, Step(crash="")),
        ({"crash": 3}, Step(crash="")),
        ({"reset": 1}, Step(reset=True)),
        ({"raw": "{broken"}, Step(event="{broken")),
        ({"error": {"code": 500}}, Step(event='{"error":{"code":500}}')),
    ],
)
def test_events(event: dict[str, Any], step: Step) -> None:
    """Each is one step; without `done` the answer just ends."""
    script = of(events=[event])
    assert (script.answer, script.done_reason) == ((step,), None)


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_the_end(reason: str) -> None:
    """It is no step."""
    script = of(events=[{"token": "a"}, {"done": reason}])
    assert (script.answer, script.done_reason) == ((Step(raw="a"),), reason)


def test_refusals() -> None:
    """JSON as the stand-in printed it."""
    body = {"error": {"code": 500, "message": "boöm"}}
    assert of(status=500, body=body).refuse == Refuse(
        500, '{"error":{"code":500,"message":"boöm"}}'
    )
    assert of(apply_template={"status": 400, "body": body}).unrendered is not None


def test_times_and_counts() -> None:
    """Cached tokens count as tokens of the prompt."""
    script = of(
        prompt_ms=1000, gap_ms=100, timings={"prompt_n": 1, "cache_n": 10, "prompt_ms": 1.2}
    )
    assert (script.prompt_ms, script.gap_ms) == (1000.0, 100.0)
    assert (script.prompt_tokens, script.tokens) == (11, 7)


def test_what_is_measured() -> None:
    """It comes with the last event, so that a zero can be told, whatever the runner is given."""
    script = of(events=[{"done": "length"}], timings={"prompt_ms": 0})
    (step,) = script.answer or ()
    for chats in (True, False):
        (end,) = outputs("0.33", step.event or "", chats=chats)
        assert end == End("length", 11, 7, 0.0, 0.07025, Piece(verbatim=True))


def test_loads() -> None:
    """Everything that a start can do."""
    assert of(load={"delay_ms": 5, "stderr": ["a"], "exit": 1}).load == Load(5.0, ("a",), 1)
    assert of(load={"stall": True}).load == Load(2.0, stall=True)


def test_embeddings() -> None:
    """Vectors by input, or a refusal."""
    assert of(embeddings={"vectors": {"a": [1, 0]}, "default": [None]}).embeddings == Vectors(
        {"a": (1, 0)}, (None,), 3
    )
    refused = of(embeddings={"status": 500, "body": "oops", "crash": 3}).embeddings
    assert refused is not None
    assert (refused.status, refused.body, refused.crash) == (500, '"oops"', True)


@pytest.mark.parametrize(
    "told",
    [
        {"novelty": 1},
        {"events": [{"novelty": 1}]},
        {"load": {"novelty": 1}},
        {"timings": {"novelty": 1}},
        {"embeddings": {"novelty": 1}},
    ],
)
def test_what_is_not_known(told: dict[str, Any]) -> None:
    """It is named: a script that is understood by half proves nothing."""
    with pytest.raises(UnknownScript, match="novelty"):
        translated(told)
