"""Scripts for recordings of the compat routes: from native lines, or from the answer."""

from __future__ import annotations

import json
from typing import Any

from ollama_simulator.golden.answers import scripts_for, searches
from ollama_simulator.golden.native_lines import from_native
from ollama_simulator.golden.recording import Native
from ollama_simulator.script import Alternative, Call, Refuse, Script, Step
from tests.golden.making import compat, made


def native(*lines: dict[str, Any], status: int = 200) -> Script:
    """The script for these native lines."""
    return from_native(Native(status, tuple(map(json.dumps, lines))))


def said(content: str = "", done: bool = False, **more: Any) -> dict[str, Any]:
    """A line of a chat."""
    message = {"role": "assistant", "content": content} | more
    end = {"done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7} if done else {}
    return {"model": "native", "message": message, "done": done} | end


def test_lines_of_a_chat() -> None:
    """One step for each line, whatever it says."""
    calls = [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {"n": 1}}}]
    script = native(said(thinking="hm"), said("Hi"), said(done=True, tool_calls=calls))
    assert script.answer == (
        Step(thinking="hm"),
        Step(content="Hi"),
        Step(tool_calls=(Call("f", {"n": 1}, "a"),)),
    )
    assert (script.done_reason, script.prompt_tokens, script.tokens) == ("stop", 11, 7)


def test_a_negative_zero() -> None:
    """Go's numbers have one."""
    calls = '[{"function":{"index":0,"name":"f","arguments":{"n":-0}}}]'
    line = f'{{"message":{{"content":"","tool_calls":{calls}}},"done":false}}'
    (step,) = from_native(Native(200, (line,))).answer or ()
    assert step.tool_calls is not None
    assert str(step.tool_calls[0].arguments) == "{'n': -0.0}"


def test_likely_tokens() -> None:
    """They go with their token."""
    entry = {"token": "H", "logprob": -0.1, "top_logprobs": [{"token": "H", "logprob": -0.1}]}
    script = native(said("H") | {"logprobs": [entry]})
    assert script.answer == (Step(content="H", logprob=-0.1, top=(Alternative("H", -0.1),)),)


def test_thinking_and_content_in_one_line() -> None:
    """One event of the runner told both."""
    (step,) = native(said("Hi", thinking="hm")).answer or ()
    assert json.loads(step.event or "") == {
        "choices": [{"delta": {"reasoning_content": "hm", "content": "Hi"}}]
    }


def test_a_last_line_with_text() -> None:
    """So did one event of the runner of `/api/generate`."""
    end = {"done_reason": "length", "prompt_eval_count": 3, "eval_count": 2}
    (step,) = native({"response": " tail", "done": True, **end}).answer or ()
    event = json.loads(step.event or "")
    assert (event["content"], event["stop"], event["stop_type"]) == (" tail", True, "limit")
    assert (event["timings"]["prompt_n"], event["timings"]["predicted_n"]) == (3, 2)


def test_lines_that_just_end() -> None:
    """Then the runner's answer does."""
    assert native(said("Hi")).done_reason is None
    assert native().answer == ()


def test_errors() -> None:
    """What makes a real server say them."""
    refused = native({"error": '{"error": 1}'}, status=503)
    assert refused.refuse == Refuse(503, '{"error": 1}')
    chat = "llama-server chat error: map[code:500 message:boom bang type:server_error]"
    (step,) = native({"error": chat}, status=500).answer or ()
    assert json.loads(step.event or "") == {
        "error": {"code": 500, "message": "boom bang", "type": "server_error"}
    }
    bad = 'llama-server returned invalid tool call arguments for "f": unexpected end'
    script = native(said("Hi"), {"error": bad})
    assert (script.answer or ())[1] == Step(tool_calls=(Call("f", '{"a":', ""),))
    assert script.done_reason == "stop"
    broken = "error unmarshalling llama-server response: invalid character 'b'"
    assert native({"error": broken}).answer == (Step(event="{broken"),)
    assert native({"error": "other"}).answer == (Step(error="other"),)


def told(body: str, path: str = "/v1/chat/completions", **response: Any) -> list[Script]:
    """The scripts that an answer tells."""
    fields = {"status": 200, "headers": [], "body": body} | response
    request = compat()["request"] | {"path": path}
    return scripts_for(made(compat(request=request, response=fields)))


def test_native_lines_come_first() -> None:
    """The answer is not looked at where they are."""
    lines = {"status": 200, "lines": [json.dumps(said("native"))]}
    (script,) = scripts_for(made(compat(native=lines)))
    assert script.answer == (Step(content="native"),)


def test_a_whole_answer() -> None:
    """One token for each item."""
    (script,) = told('{"choices":[{"text":"Hello!","index":0,"finish_reason":"length"}]}')
    assert (script.answer, script.done_reason) == ((Step(content="Hello!"),), "length")
    message = '{"reasoning":"hm","content":"Hi","tool_calls":[]}'
    (script,) = told(f'{{"choices":[{{"message":{message},"finish_reason":"stop"}}]}}')
    assert script.answer == (Step(thinking="hm"), Step(content="Hi"))
    blocks = '[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}]'
    (script,) = told(f'{{"type":"message","content":{blocks},"stop_reason":"max_tokens"}}')
    assert (script.answer, script.done_reason) == (
        (Step(thinking="hm"), Step(content="Hi")),
        "length",
    )


def test_a_streamed_answer() -> None:
    """One token for each piece; without an end the runner's just ends."""
    pieces = (
        'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
        '"delta":"%s"}\n\n'
    )
    (script,) = told(pieces % "Hel" + pieces % "lo")
    assert (script.answer, script.done_reason) == ((Step(content="Hel"), Step(content="lo")), None)
    (script,) = told(pieces % "a" + 'data: {"type":"response.completed"}\n\ndata: [DONE]\n\n')
    assert script.done_reason == "stop"


def test_searches_of_the_web() -> None:
    """The model is asked again after each; calls of the client's own stay with the first."""
    items = [
        {"type": "message", "content": [{"text": "Searching"}]},
        {"type": "web_search_call", "action": {"query": "x"}},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "o"},
        {"type": "message", "content": [{"text": "Found"}]},
    ]
    first, last = told(json.dumps({"object": "response", "output": items}))
    assert first.answer == (
        Step(content="Searching"),
        Step(tool_calls=(Call("web_search", {"query": "x"}, ""), Call("f", "{}", "o"))),
    )
    assert (first.times, first.done_reason) == (1, "stop")
    assert (last.answer, last.times) == ((Step(content="Found"),), None)


def test_a_search_without_a_query() -> None:
    """The error tells of it."""
    error = '{"error":{"message":"web_search requires a non-empty string query"}}'
    (script,) = told(error)
    assert script.answer == (Step(tool_calls=(Call("web_search", {"query": ""}, ""),)),)


def test_where_no_search_is_possible() -> None:
    """The answer says so."""
    block = '{"type":"web_search_tool_result_error","error_code":"unavailable"}'
    response = {"status": 200, "headers": [], "body": block}
    assert searches(made(compat(response=response))) is None
    assert searches(made(compat()))


def test_embeddings() -> None:
    """The stand-in had one vector for all."""
    (script,) = told("{}", "/v1/embeddings")
    assert script.embeddings is not None
    assert (script.embeddings.default, script.embeddings.prompt_tokens) == (
        (3.0, 4.0, 0.0, 1e-7, -12.0, 0.1),
        3,
    )
