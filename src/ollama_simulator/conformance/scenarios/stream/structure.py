"""Thinking and calls of tools keep their structure."""

import json
from functools import partial
from typing import Any

import msgspec

from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, RESPONSES, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken
from ollama_simulator.conformance.scenarios.stream.shapes import Shape
from ollama_simulator.model import Model
from ollama_simulator.script import Call, Script, Step
from ollama_simulator.settings import Settings

ABLE = Settings(
    installed_models=(
        Model(
            name="test-model:latest",
            size=4_000_000_000,
            digest="abc123def456" * 5 + "abcd",
            family="test",
            parameter_size="7B",
            quantization_level="Q4_K_M",
            capabilities=("completion", "tools", "thinking", "vision"),
            path="native",
        ),
    )
)
"""Servers whose model thinks, calls tools, and sees."""
THOUGHTS = ("They ", "ask ", "for \u6d77 ", "and ", "more.")
CALLS = (
    ("get_weather", {"city": "Z\u00fcrich", "unit": "celsius"}),
    ("get_time", {"zone": "Asia/T\u014dky\u014d"}),
    ("search", {"words": ["\U0001f40b", "sea"], "limit": 3}),
)
ANSWER = (
    *(Step(thinking=thought) for thought in THOUGHTS),
    Step(content="Let me look."),
    Step(tool_calls=tuple(Call(name, arguments) for name, arguments in CALLS)),
)
TOKENS = 60
FRAGMENT = 5
"""Characters of arguments in one event."""


class Said(msgspec.Struct):
    """What a client has put together from a stream."""

    thinking: str = ""
    calls: dict[Any, dict[str, str]] = {}
    """Id, name and arguments (their JSON), by place."""

    def add(self, place: Any, **parts: Any) -> None:
        """Add parts of a call."""
        call = self.calls.setdefault(place, {"id": "", "name": "", "arguments": ""})
        for key, value in parts.items():
            call[key] += value or ""

    def called(self) -> list[tuple[str, Any]]:
        """The calls in order; arguments that are no JSON as the text they are."""
        return [(call["name"], _json(call["arguments"])) for call in self.calls.values()]

    def ids(self) -> list[str]:
        """The ids of the calls."""
        return [call["id"] for call in self.calls.values()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def put_together(answer: Answer) -> Said:
    """What the deltas of a stream of any dialect add up to."""
    said = Said()
    for _, line in answer.lines():
        match line:
            case {"message": {"thinking": str(text)}}:
                said.thinking += text
            case {"choices": [{"delta": {"reasoning": str(text)}}]}:
                said.thinking += text
            case {"choices": [{"delta": {"reasoning_content": str(text)}}]}:
                said.thinking += text
            case {"type": "response.reasoning_summary_text.delta", "delta": str(text)}:
                said.thinking += text
            case {"delta": {"thinking": str(text)}}:
                said.thinking += text
        match line:
            case {"message": {"tool_calls": [*calls]}}:
                for call in calls:
                    function = call["function"]
                    arguments = json.dumps(function["arguments"])
                    place = len(said.calls)
                    said.add(place, id=call.get("id"), name=function["name"], arguments=arguments)
            case {"choices": [{"delta": {"tool_calls": [*calls]}}]}:
                for call in calls:
                    said.add(call.get("index"), id=call.get("id"), **_function(call))
            case {"type": "content_block_start", "index": place, "content_block": block} if (
                block.get("type") == "tool_use"
            ):
                said.add(place, id=block.get("id"), name=block.get("name"))
            case {"index": place, "delta": {"partial_json": str(text)}}:
                said.add(place, arguments=text)
            case {"type": "response.output_item.added", "output_index": place, "item": item} if (
                item.get("type") == "function_call"
            ):
                said.add(place, id=item.get("call_id"), name=item.get("name"))
            case {"type": "response.function_call_arguments.delta", "output_index": place}:
                said.add(place, arguments=line["delta"])
    return said


def _function(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", {})
    return {key: function[key] for key in ("name", "arguments") if key in function}


# --- how calls are sent -------------------------------------------------------------------------


def in_fragments(data: bytes, *, interleaved: bool = False) -> bytes:
    """Events whose arguments come in several deltas, one call after the other or in turns."""
    events = data.split(b"\n\n")
    return b"\n\n".join(part for event in events for part in _fragments(event, interleaved))


def _fragments(event: bytes, interleaved: bool) -> list[bytes]:
    start = event.find(b"{")
    document: dict[str, Any] = json.loads(event[start:]) if start >= 0 else {}
    found: list[dict[str, Any]] = []
    match document:
        case {"choices": [{"delta": {"tool_calls": [*calls]}}]}:
            rows = [_deltas(document, call) for call in calls]
            found = [delta for row in rows for delta in row]
            if interleaved:
                longest = max(len(row) for row in rows)
                found = [row[i] for i in range(longest) for row in rows if i < len(row)]
        case {"delta": {"partial_json": str(text)}}:
            parts = _cut(text)
            found = [document | {"delta": document["delta"] | {"partial_json": p}} for p in parts]
        case {"type": "response.function_call_arguments.delta", "delta": str(text)}:
            found = [document | {"delta": part} for part in _cut(text)]
    if not found:
        return [event]
    return [event[:start] + json.dumps(each, ensure_ascii=False).encode() for each in found]


def _deltas(document: dict[str, Any], call: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one call of OpenAI's: its name, then pieces of its arguments."""
    choice = document["choices"][0]
    named = call | {"function": call["function"] | {"arguments": ""}}
    parts = [
        {"index": call["index"], "function": {"arguments": part}}
        for part in _cut(call["function"]["arguments"])
    ]
    return [
        document | {"choices": [choice | {"delta": {"tool_calls": [part]}}]}
        for part in [named, *parts]
    ]


def _cut(text: str) -> list[str]:
    return [text[i : i + FRAGMENT] for i in range(0, len(text), FRAGMENT)]


def tools(dialect: Dialect) -> dict[str, Any]:
    """What a request must say so that a model may think and call tools."""
    schema = {"type": "object", "properties": {}}
    if dialect is MESSAGES:
        each = [{"name": name, "input_schema": schema} for name, _ in CALLS]
        return {"tools": each, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if dialect is RESPONSES:
        flat = {"type": "function", "parameters": schema}
        return {"tools": [flat | {"name": name} for name, _ in CALLS]}
    functions = [{"name": name, "description": "", "parameters": schema} for name, _ in CALLS]
    more: dict[str, Any] = {"tools": [{"type": "function", "function": f} for f in functions]}
    return more | ({"think": True} if dialect is CHAT else {})


FORMS: dict[str, Shape] = {
    "whole": shapes.plain,
    "in-fragments": partial(shapes.rewritten, edit=in_fragments),
    "interleaved": partial(shapes.rewritten, edit=partial(in_fragments, interleaved=True)),
}
WHOLE = {"whole": variant(shape=FORMS["whole"])}
IN_FRAGMENTS = {"in-fragments": variant(shape=FORMS["in-fragments"])}
INTERLEAVED = {"interleaved": variant(shape=FORMS["interleaved"])}


@scenario(
    claim="Three parallel calls of tools reach the client as three, each with its id, its name and "
    "its arguments.",
    advice="Calls of tools are told apart by their index and put together from fragments: pass "
    "every delta on with the index, id and name that it came with.",
    killed_by={"merges-calls"},
    evidence=[
        "BerriAI/litellm#33678",
        "BerriAI/litellm#39796",
        "NousResearch/hermes-agent#3468",
        "ollama/ollama#11633",
    ],
    settings=ABLE,
    variants=each_of(spoken(CHAT, OPENAI), WHOLE)
    | each_of(spoken(OPENAI, MESSAGES, RESPONSES), IN_FRAGMENTS)
    | each_of(spoken(OPENAI), INTERLEAVED),
)
async def tool_calls(run: Run, dialect: Dialect, shape: Shape) -> None:
    """A model that thinks, speaks, and calls three tools at once."""
    run.fleet.script(None, [Script(answer=ANSWER)])
    answer, tape = await playing.ask(run, shape, dialect, tokens=TOKENS, more=tools(dialect))
    if not run.check("the outcome of the stream", answer.outcome, Outcome.COMPLETE):
        return
    said = put_together(answer)
    run.check("the calls", said.called(), list(CALLS))
    if run.claims(Feature.PASSTHROUGH):
        run.check("the ids of the calls", said.ids(), put_together(tape.heard()).ids())
    playing.unchanged(run, answer, tape)


@scenario(
    claim="What a model thinks reaches the client whole, apart from what it says.",
    advice="Thinking comes in deltas of its own (`thinking`, `reasoning`, `thinking_delta`) before "
    "the text: pass every one of them on, also those without any text beside.",
    killed_by={"loses-thoughts"},
    evidence=["BerriAI/litellm#20737", "NousResearch/hermes-agent#3468"],
    settings=ABLE,
    variants=spoken(CHAT, OPENAI, MESSAGES, RESPONSES),
)
async def thinking(run: Run, dialect: Dialect) -> None:
    """Five thoughts, then a text."""
    said = "".join(THOUGHTS)
    steps = (*ANSWER[: len(THOUGHTS)], Step(content="Here "), Step(content="it is."))
    run.fleet.script(None, [Script(answer=steps)])
    more = {key: value for key, value in tools(dialect).items() if key != "tools"}
    answer, tape = await playing.ask(run, shapes.plain, dialect, tokens=TOKENS, more=more)
    answer.expected = "Here it is."
    if run.good(answer, "the stream"):
        run.check("what was thought", put_together(answer).thinking, said)
        playing.unchanged(run, answer, tape)
