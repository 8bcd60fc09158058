"""Scripts made of recorded answers: a server that is told them says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model
from ollama_simulator.recording.entries import Content, Exchange, Head, Piece, Recording, Request
from ollama_simulator.recording.reading import Numbered, Tape, read
from ollama_simulator.recording.scripts import LeftOut, convert
from ollama_simulator.script import Call, Load, Script, Step
from ollama_simulator.settings import Settings
from tests.test_relaying import answer, post, url, virtually

THINKER = msgspec.structs.replace(
    TEST_MODEL, name="thinker:latest", capabilities=("completion", "tools", "thinking")
)
WEATHER = Script(
    contains="weather",
    answer=(
        Step(thinking="They ask"),
        Step(thinking=" for the weather."),
        Step(content="Sun"),
        Step(wait_ms=700),
        Step(content="ny"),
        Step(content=", \u00e4h, warm."),
    ),
    prompt_ms=300,
    gap_ms=20,
    prompt_tokens=11,
    tokens=44,
    done_reason="length",
)
CALLING = Script(
    contains="Paris",
    answer=(Step(tool_calls=(Call("get_weather", {"city": "Paris"}),)),),
    gap_ms=10,
)
FAILING = Script(contains="fail", answer=(Step(content="Par"), Step(error="lost")), gap_ms=10)


def chat(text: str, **more: Any) -> bytes:
    """A request."""
    says = {"model": "thinker", "messages": [{"role": "user", "content": text}]}
    return post("/api/chat", says | more)


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
ASKED = [
    chat("the weather?"),
    chat("the weather, whole", stream=False),
    chat("in Paris?", tools=[TOOL]),
    chat("fail"),
    post("/api/generate", {"model": "thinker", "prompt": "weather"}),
]
VOLATILE = {
    "created_at",
    "total_duration",
    "prompt_eval_duration",
    "load_duration",
    "eval_duration",
    "context",
}


def told(lines: list[tuple[float, Any]]) -> list[Any]:
    """Lines without what the time of day makes of them."""
    return [{k: v for k, v in line.items() if k not in VOLATILE} for _, line in lines]


def record(file: Path, scripts: tuple[Script, ...], models: tuple[Model, ...]) -> None:
    """Record what a server with these scripts says."""

    async def main(clock: VirtualClock) -> None:
        told = Settings(scripts=scripts, installed_models=models)
        async with Fleet(clock=clock, settings=told) as behind:
            through = Settings(upstream=url(behind), record=str(file))
            async with Fleet(clock=clock, settings=through) as fleet:
                for request in ASKED:
                    await answer(fleet.ports[0], request)

    virtually(main)


def lines(exchange: Exchange) -> list[tuple[float, Any]]:
    """The lines of an answer, and when they came, in seconds since the request."""
    return [
        (round(piece.seconds - exchange.request.seconds, 3), json.loads(line))
        for piece in exchange.pieces
        for line in (piece.data or b"").splitlines()
    ]


def test_what_is_said_is_what_was_recorded(tmp_path: Path) -> None:
    """Recorded, made scripts, told to another server, recorded again: pieces, thoughts, calls,
    counts, reasons, errors, and times within a few milliseconds."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    record(first, (WEATHER, CALLING, FAILING), (THINKER,))
    made = convert(read(first))
    assert made.left_out == ()
    assert len(made.scripts) == len(ASKED)
    record(second, made.scripts, (THINKER,))
    pairs = zip(read(first).exchanges, read(second).exchanges, strict=True)
    for one, other in pairs:
        before, after = lines(one.exchange), lines(other.exchange)
        assert told(after) == told(before)
        for (expected, _), (found, _) in zip(before, after, strict=True):
            assert found == pytest.approx(expected, abs=0.021)
    streamed = lines(read(second).exchanges[0].exchange)
    assert [
        line["message"].get("thinking", line["message"]["content"]) for _, line in streamed
    ] == [
        "They ask",
        " for the weather.",
        "Sun",
        "ny",
        ", \u00e4h, warm.",
        "",
    ]
    assert streamed[3][0] - streamed[2][0] == pytest.approx(0.72, abs=0.002)


# --- one exchange ---------------------------------------------------------------------------


def exchange(
    said: list[tuple[float, Any]],
    *,
    body: Any = None,
    target: str = "/api/generate",
    **more: Any,
) -> Exchange:
    """A recorded exchange: what was said when, in seconds."""
    asked = {"model": "m", "prompt": "hi"} if body is None else body
    text = asked if isinstance(asked, str) else json.dumps(asked)
    fields: dict[str, Any] = {
        "head": Head(status=200, framing="chunked", seconds=0.0),
        "ended": "complete",
        "seconds": 9.0,
        "pieces": tuple(Piece(text=json.dumps(line) + "\n", seconds=at) for at, line in said),
    }
    return Exchange(
        server="s1",
        at="2026-01-01T00:00:00Z",
        request=Request(method="POST", target=target, body=Content(text=text), seconds=0.5),
        **fields | more,
    )


def tape(*exchanges: Exchange) -> Tape:
    """A recording of these."""
    began = Recording(version=1, program="p", upstream="u", server="s1", began="now")
    numbered = (Numbered(line, each) for line, each in enumerate(exchanges, 2))
    return Tape("tape.jsonl", (began,), tuple(numbered))


DONE = {
    "response": "",
    "done": True,
    "done_reason": "stop",
    "eval_count": 3,
    "prompt_eval_count": 2,
}


def test_times_are_a_gap_and_pauses() -> None:
    """Since the request was whole; a start of the model is one of its own."""
    said = [
        (2.5, {"response": "a"}),
        (2.6, {"response": "b"}),
        (3.5, {"response": "c"}),
        (3.6, {"response": "d"}),
        (3.6, DONE | {"load_duration": 1_000_000_000}),
    ]
    (script,) = convert(tape(exchange(said))).scripts
    assert script == Script(
        model="m",
        contains="hi",
        answer=(
            Step(content="a"),
            Step(content="b"),
            Step(wait_ms=800.0),
            Step(content="c"),
            Step(content="d"),
        ),
        prompt_ms=1000.0,
        gap_ms=100.0,
        load=Load(delay_ms=1000.0),
        prompt_tokens=2,
        tokens=3,
    )


def test_a_line_may_come_in_pieces() -> None:
    whole = json.dumps({"response": "caf\u00e9"}, ensure_ascii=False) + "\n"
    pieces = (Piece(text=whole[:7], seconds=1.0), Piece(text=whole[7:], seconds=2.5))
    (script,) = convert(tape(exchange([], pieces=pieces))).scripts
    assert (script.answer, script.prompt_ms) == ((Step(content="caf\u00e9"),), 2000.0)
    assert script.done_reason is None  # it broke off without a word


def test_the_same_question_is_answered_in_turn() -> None:
    """All but the last once; what is part of another question is matched whole."""
    said = [[(1.0, {"response": word}), (1.0, DONE)] for word in "abcde"]
    asked = ["hi", "hi", "hi there", "", "hi"]
    exchanges = [
        exchange(lines, body={"model": "m", "prompt": prompt})
        for lines, prompt in zip(said, asked, strict=True)
    ]
    scripts = convert(tape(*exchanges)).scripts
    assert [(each.contains, each.matches, each.times) for each in scripts] == [
        ("", r"\Ahi\Z", 1),
        ("", r"\Ahi\Z", 1),
        ("hi there", "", None),
        ("", r"\A\Z", None),
        ("", r"\Ahi\Z", None),
    ]


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"target": "/v1/messages"}, "POST /v1/messages is said by no script"),
        ({"ended": "cut"}, "its answer ended `cut`, which is a fault's to do"),
        (
            {"ended": "refused", "head": None},
            "its answer ended `refused`, which is a fault's to do",
        ),
        (
            {"head": Head(status=404, framing="chunked", seconds=0.0)},
            "its answer has the status 404, which is a fault's to say",
        ),
        ({"body": "["}, "its body is no JSON object"),
        ({"body": "[1]"}, "its body is no JSON object"),
        ({"said": [(1.0, 7)]}, "its answer has a line that is no object"),
        ({"said": [(1.0, {"message": 7})]}, "its answer has a message that is no object"),
        ({"said": [(1.0, {"tool_calls": [{}]})]}, "its answer has a call that is none"),
        (
            {"said": [(1.0, {"response": "", "done": True, "done_reason": "load"})]},
            "it loads or unloads a model, and says nothing",
        ),
    ],
)
def test_what_no_script_says_is_told(odd: dict[str, Any], why: str) -> None:
    made = convert(tape(exchange(odd.pop("said", [(1.0, DONE)]), **odd)))
    assert (made.scripts, made.left_out) == ((), (LeftOut(2, why),))


def test_what_is_no_json_or_was_too_large_is_told() -> None:
    odd = exchange([], pieces=(Piece(text="data: x\n\n", seconds=1.0),))
    large = exchange([(1.0, DONE)])
    body = Content(sha256="0" * 64, size=10**9)
    request = msgspec.structs.replace(large.request, body=body)
    made = convert(tape(odd, msgspec.structs.replace(large, request=request)))
    assert [each.why for each in made.left_out] == [
        "its answer is not in JSON",
        "its body was too large to be kept",
    ]
