"""Answers of each path: which lines there are, and what is in them.

The runners' tokens are those of the recordings `chat`, `generate`, `think` and `tools`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from ollama_simulator.model import (
    Done,
    Event,
    Infer,
    Logprob,
    Message,
    Quiet,
    Rendered,
    Token,
    ToolCall,
)
from ollama_simulator.script import Alternative, Call, Refuse, Step
from ollama_simulator.settings import Settings
from tests.engine.answer.parsers.reading import TOOLS
from tests.engine.answering import (
    answer,
    chat,
    done,
    generate,
    lines,
    raw,
    refused,
    whole,
)

THOUGHT = raw("<think>", "Okay", ", so", "</think>", "\n\n", "Hi", " there")
PARSED_THOUGHT = raw("Okay", ", so", "</think>", "\n\n", "Hi", " there")
CHANNELS = raw(
    *("<|channel|>", "analysis", "<|message|>", "Okay", ", so", "<|end|>", "<|start|>"),
    *("assistant", "<|channel|>", "final", "<|message|>", "Hi", " there"),
)
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
MARKUP = (
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "</function>\n</tool_call>"
)
SPLIT = [("", "Okay", ()), ("", ", so", ()), ("Hi", "", ()), (" there", "", ())]
WEATHER = ("get_weather", '{"city":"Paris"}')
OLD = Settings(wire="0.13.5")


def text(*said: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Lines of text alone."""
    return [(line, "", ()) for line in said]


# --- thinking -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "steps", "expected"),
    [
        (chat("template"), THOUGHT, SPLIT),
        (chat("template", think=True), THOUGHT, SPLIT),
        (
            chat("template", think=False),
            THOUGHT,
            text("<think>", "Okay", ", so", "</think>", "\n\n", "Hi", " there"),
        ),
        (
            generate("template"),
            THOUGHT,
            [("", "", ()), *SPLIT[:2], ("", "", ()), ("", "", ()), *SPLIT[2:]],
        ),
        (
            generate("template", think=False),
            THOUGHT,
            text("<think>", "Okay", ", so", "</think>", "\n\n", "Hi", " there"),
        ),
        (chat("parser"), PARSED_THOUGHT, SPLIT),
        (chat("parser", think="high"), PARSED_THOUGHT, SPLIT),
        (generate("parser"), PARSED_THOUGHT, SPLIT),
        (
            generate("parser", think=False),
            PARSED_THOUGHT,
            text("Okay", ", so", "</think>", "\n\nHi", " there"),
        ),
        (chat("harmony"), CHANNELS, SPLIT),
        (chat("harmony", think=False), CHANNELS, SPLIT),
        (generate("harmony"), CHANNELS, SPLIT),
        (generate("native"), THOUGHT[:4], text("<think>", "Okay", ", so", "</think>")),
        (
            chat("native", think=False),
            (Step(thinking="Okay"), Step(thinking=", so"), *raw("Hi", " there")),
            SPLIT,
        ),
        (generate("parser", raw=True), raw("a", "</think>"), text("a", "</think>")),
        (generate("harmony", raw=True), raw("<|end|>"), text("<|end|>")),
        (chat("plain"), raw(" ", "\n", "a", ""), text(" ", "\n", "a")),
    ],
)
def test_thinking(job: Infer, steps: tuple[Step, ...], expected: list[Any]) -> None:
    """Where it goes on each path, and which tokens have no line."""
    said = answer(job, steps)
    assert lines(said) == expected
    assert done(said).reason == "stop"
    # Every token takes its time and is counted, whether somebody sees it or not.
    quiet = sum(isinstance(event, Quiet) for event in said)
    assert quiet + len(expected) == len(steps) == _usage(said).tokens


def _usage(said: list[Any]) -> Any:
    return done(said).usage


# --- tools --------------------------------------------------------------------------------


def calls_in(event: Event) -> tuple[ToolCall, ...]:
    """The calls in a piece of an answer."""
    assert isinstance(event, Token | Done)
    return event.calls


def test_calls_of_a_template() -> None:
    """A line of their own before the last, all that a token completes in one."""
    said = answer(chat("template", tools=TOOLS), raw("Let me", f"{CALL}\n{CALL}"))
    assert lines(said) == [("Let me", "", ()), ("", "", ("get_weather", "get_weather"))]
    assert done(said).calls == ()
    assert [call.index for call in calls_in(said[1])] == [0, 1]
    ids = [call.id for call in calls_in(said[1])]
    assert all(re.fullmatch("call_[a-z0-9]{8}", made) for made in ids)
    assert len(set(ids)) == 2


def test_calls_of_a_template_that_nobody_asked_for() -> None:
    """They are text."""
    assert lines(answer(chat("template"), raw(CALL))) == text(CALL)
    assert lines(answer(generate("template"), raw(CALL))) == text(CALL)


def test_what_looked_like_a_call_of_a_template() -> None:
    """The last line tells it, where calls have no mark of their own."""
    said = answer(chat("bare", tools=TOOLS), raw('{"a":', " 1"))
    assert lines(said) == []
    assert done(said).text == '{"a": 1'
    said = answer(chat("bare", tools=TOOLS), raw('{"name":"get_time",', '"arguments":{}}'))
    assert lines(said) == [("", "", ("get_time",))]
    assert done(said).text == ""


def test_calls_of_a_parser() -> None:
    """A line of their own, even if nobody asked for them; in generate they are lost."""
    steps = raw("call it</think>\n\n", MARKUP)
    for tools in (TOOLS, ()):
        said = answer(chat("parser", tools=tools), steps)
        assert lines(said) == [("", "call it", ()), ("", "", ("get_weather",))]
        assert re.fullmatch("call_[a-z0-9]{8}", calls_in(said[1])[0].id)
        assert done(said).calls == ()
    said = answer(generate("parser"), steps)
    assert lines(said) == [("", "call it", ())]
    assert done(said).calls == ()


def test_a_call_that_comes_with_the_end() -> None:
    """Generate tells it after all (4.7)."""
    last = Step(event=json.dumps({"content": MARKUP, "stop": True}))
    said = answer(generate("parser"), (*raw("call it</think>"), last))
    (call,) = done(said).calls
    assert (call.name, call.arguments) == WEATHER
    (call,) = done(answer(chat("parser"), (*raw("call it</think>"), last))).calls
    assert call.id


def test_a_call_of_harmony() -> None:
    """In the last line, asked for or not."""
    header = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    for job in (chat("harmony", tools=TOOLS), chat("harmony"), generate("harmony")):
        said = answer(job, raw(header, '{"city":', '"Paris"}'))
        assert lines(said) == []
        (call,) = done(said).calls
        assert (call.name, call.arguments) == WEATHER
        assert done(said).reason == "stop"
        assert bool(call.id) == (job.kind == "chat")


def test_calls_of_the_runner() -> None:
    """In the last line, all together, with the runner's ids."""
    calls = (Call("get_weather", '{"b":1,"a":{"z":1,"y":2}}', "a1"), Call("get_time", "", ""))
    said = answer(chat("native"), (Step(raw="Let me"), Step(tool_calls=calls)))
    assert lines(said) == [("Let me", "", ())]
    assert [(c.name, c.arguments, c.id, c.index) for c in done(said).calls] == [
        ("get_weather", '{"b":1,"a":{"y":2,"z":1}}', "a1", 0),
        ("get_time", "{}", "", 1),
    ]


@pytest.mark.parametrize(
    ("job", "steps", "message"),
    [
        (
            chat("harmony"),
            raw("<|channel|>commentary to=functions.f<|message|>{bad"),
            "error parsing tool call: raw='{bad', err=invalid character 'b' looking for "
            "beginning of object key string",
        ),
        (
            chat("native"),
            (Step(tool_calls=(Call("f", '{"a":'),)),),
            'llama-server returned invalid tool call arguments for "f": '
            "unexpected end of JSON input",
        ),
        (chat("parser"), raw("</think><tool_call>{}</tool_call>"), "EOF"),
    ],
)
def test_calls_that_nobody_can_read(job: Infer, steps: tuple[Step, ...], message: str) -> None:
    """The answer fails."""
    assert refused(answer(job, steps)) == (500, message, "runner")


def test_the_old_server_sorts_arguments() -> None:
    """On every path it has."""
    calls = (Call("f", '{"b":1,"a":2}'),)
    for name in ("template", "harmony", "native"):
        job = chat(name, tools=(TOOLS[0].__class__("f"),))
        said = answer(job, (Step(tool_calls=calls),), settings=OLD)
        assert whole(said)[2][0].arguments == '{"a":2,"b":1}'


def test_the_old_server_knows_no_runner_that_splits() -> None:
    """It takes such models for those of the path `template` (11)."""
    steps = (Step(thinking="Hm"), Step(tool_calls=(Call("get_time", id="x"),)))
    said = answer(chat("native", tools=TOOLS), steps, settings=OLD)
    assert lines(said) == [("", "Hm", ()), ("", "", ("get_time",))]
    (made,) = [call for event in said if isinstance(event, Token) for call in event.calls]
    assert re.fullmatch("call_[a-z0-9]{8}", made.id)
    assert done(said).calls == ()


# --- scripts in words of no path ----------------------------------------------------------

WORDS = (
    Step(thinking="Let me"),
    Step(thinking=" see."),
    Step(content="It is"),
    Step(content=" warm."),
    Step(tool_calls=(Call("get_weather", {"city": "Paris", "days": 2}),)),
)


@pytest.mark.parametrize("name", ["template", "parser", "harmony", "native"])
def test_a_script_says_the_same_on_every_path(name: str) -> None:
    """Its steps are worded for the path, and the path's parser reads them."""
    said = answer(chat(name, tools=TOOLS), WORDS)
    content, thinking, (call,) = whole(said)
    assert (content, thinking) == ("It is warm.", "Let me see.")
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris","days":2}')
    assert lines(said)[:4] == [
        ("", "Let me", ()),
        ("", " see.", ()),
        ("It is", "", ()),
        (" warm.", "", ()),
    ]


@pytest.mark.parametrize("name", ["template", "parser", "native"])
def test_two_calls_of_a_script(name: str) -> None:
    """Where a path can tell more than one."""
    calls = (Call("get_time"), Call("get_weather", {"city": "Rome"}))
    said = whole(answer(chat(name, tools=TOOLS), (Step(tool_calls=calls),)))
    assert [(c.name, c.arguments, c.index) for c in said[2]] == [
        ("get_time", "{}", 0),
        ("get_weather", '{"city":"Rome"}', 1),
    ]


@pytest.mark.parametrize("name", ["plain", "template", "parser"])
def test_a_model_that_does_not_think_skips_its_thoughts(name: str) -> None:
    """And says the rest."""
    said = answer(chat(name, think=False), WORDS[:4])
    assert whole(said)[:2] == ("It is warm.", "")


def test_ids_of_calls_that_a_script_leaves_open() -> None:
    """The runner makes them of 32 letters and digits."""
    said = answer(chat("native"), (Step(tool_calls=(Call("f"), Call("f"))),))
    ids = [call.id for call in done(said).calls]
    assert all(re.fullmatch("[A-Za-z0-9]{32}", made) for made in ids)
    assert len(set(ids)) == 2


# --- the end ------------------------------------------------------------------------------


def test_stop_strings_and_limits_bound_what_a_script_says() -> None:
    """But not what its runner says verbatim."""
    said = (Step(content="one "), Step(content="two "), Step(content="three"))
    stopped = answer(chat("plain", options={"stop": ["o t"]}), said)
    assert (whole(stopped)[0], done(stopped).reason, _usage(stopped).tokens) == (
        "one tw",
        "stop",
        3,
    )
    limited = answer(chat("plain", options={"num_predict": 2}), said)
    assert (whole(limited)[0], done(limited).reason) == ("one two ", "length")
    verbatim = answer(chat("plain", options={"num_predict": 1, "stop": ["a"]}), raw("a", "b"))
    assert (whole(verbatim)[0], done(verbatim).reason) == ("ab", "stop")
    counted = answer(chat("plain", options={"num_predict": 1, "stop": ["two"]}), said, tokens=9)
    assert (whole(counted)[0], _usage(counted).tokens) == ("one two three", 9)


def test_an_answer_of_no_tokens() -> None:
    """The last line is the only one."""
    said = answer(chat("plain"), (), done_reason="length", prompt_tokens=11, tokens=7)
    assert lines(said) == []
    assert done(said).reason == "length"
    assert (_usage(said).prompt_tokens, _usage(said).tokens) == (11, 7)
    assert _usage(said).generation_s > 0


@pytest.mark.parametrize("job", [chat("plain"), chat("template"), generate("nplain")])
def test_a_limit_of_zero(job: Infer) -> None:
    """It gets lost on the way to all runners but that of a conversation (3.5)."""
    limited = Infer(job.model, job.messages, job.kind, job.prompt, options={"num_predict": 0})
    assert whole(answer(limited)) == whole(answer(job))
    said = answer(chat("nplain", options={"num_predict": 0}))
    assert (whole(said)[0], done(said).reason) == ("", "length")


@pytest.mark.parametrize("job", [chat("plain"), generate("plain"), generate("nplain")])
def test_the_guard_against_repetition(job: Infer) -> None:
    """It just ends."""
    said = answer(job, (Step(raw="a", repeat=40),))
    assert lines(said) == text(*["a"] * 31)
    assert isinstance(said[-1], Token)


def test_the_runner_of_a_conversation_has_no_such_guard() -> None:
    """It says all 40."""
    said = answer(chat("nplain"), (Step(raw="a", repeat=40),))
    assert len(lines(said)) == 40
    assert done(said).reason == "stop"


@pytest.mark.parametrize("job", [chat("plain"), generate("plain"), chat("nplain")])
@pytest.mark.parametrize("tokens", [(), ("A",)])
def test_an_answer_that_ends_without_a_word(job: Infer, tokens: tuple[str, ...]) -> None:
    """There is no last line."""
    said = answer(job, raw(*tokens), done_reason=None)
    assert [event for event in said if not isinstance(event, Quiet)] == [*map(Token, tokens)]


def test_the_last_event_of_a_runner_may_bring_text() -> None:
    """And tells what everything cost."""
    event = (
        '{"content":" tail","stop":true,"stop_type":"eos","timings":'
        '{"prompt_n":1,"prompt_ms":1,"predicted_n":2,"predicted_ms":2}}'
    )
    said = answer(generate("plain"), (*raw("One"), Step(event=event)), prompt_tokens=99)
    assert lines(said) == text("One")
    assert done(said).text == " tail"
    usage = _usage(said)
    assert (usage.prompt_tokens, usage.tokens) == (1, 2)
    assert (usage.prompt_s, usage.generation_s) == (0.001, 0.002)


# --- failures -----------------------------------------------------------------------------

STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an "
    "internal error, check ollama server logs for details"
)
DIED = "an error was encountered while running the model: "
BAD = "invalid character 'b' looking for beginning of object key string"


@pytest.mark.parametrize(
    ("job", "step", "first", "later"),
    [
        (chat("plain"), Step(crash=""), STOPPED, f"{DIED}unexpected EOF"),
        (chat("nplain"), Step(crash="CUDA"), f"{STOPPED}: CUDA", f"{DIED}CUDA"),
        (
            generate("nplain"),
            Step(event="{broken"),
            f"error unmarshalling llama-server response: {BAD}",
            f"error unmarshalling llama-server response: {BAD}",
        ),
        (
            chat("nplain"),
            Step(event="{broken"),
            f"error unmarshalling llama-server chat response: {BAD}",
            f"error unmarshalling llama-server chat response: {BAD}",
        ),
        (
            chat("nplain"),
            Step(event='{"error":{"code":500,"message":"bad"}}'),
            "llama-server chat error: map[code:500 message:bad]",
            "llama-server chat error: map[code:500 message:bad]",
        ),
        (chat("plain"), Step(error="no"), "no", "no"),
    ],
)
def test_failures(job: Infer, step: Step, first: str, later: str) -> None:
    """Before the runner has told anything, and afterwards."""
    assert refused(answer(job, (step,))) == (500, first, "runner")
    said = answer(job, (*raw("Par"), step))
    assert said[0] == Token("Par")
    assert refused(said) == (500, later, "runner")


@pytest.mark.parametrize(
    ("job", "source"), [(generate("nplain"), "llama-server"), (chat("nplain"), "llama-server chat")]
)
def test_a_connection_that_breaks(job: Infer, source: str) -> None:
    """Ollama tells its ends."""
    assert refused(answer(job, (Step(reset=True),)))[1] == STOPPED
    message = refused(answer(job, (*raw("a"), Step(reset=True))))[1]
    ends = r"127\.0\.0\.1:\d{5}->127\.0\.0\.1:\d{5}"
    expected = f"error reading {source} response: read tcp {ends}: read: connection reset by peer"
    assert re.fullmatch(expected, message)


def test_what_the_old_server_says() -> None:
    """In other words, and without what the runner logged."""
    first, later = (
        refused(answer(chat("plain"), (*raw(*told), Step(crash="CUDA")), settings=OLD))[1]
        for told in ((), ("a",))
    )
    assert (first, later) == (STOPPED, f"{DIED}CUDA")
    said = answer(chat("plain"), (Step(event="{broken"),), settings=OLD)
    assert refused(said)[1] == f"error unmarshalling llm prediction response: {BAD}"


def test_an_error_that_a_runner_tells_is_ignored() -> None:
    """By all paths but that of a conversation (5.5)."""
    said = answer(chat("plain"), (*raw("a"), Step(event='{"error":{"code":500}}'), *raw("b")))
    assert whole(said)[0] == "ab"


def test_the_status_of_a_failure_that_the_user_wants() -> None:
    """As the script has it."""
    assert refused(answer(chat("plain"), (Step(error="no", status=418),)))[0] == 418


@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_runner_that_refuses(status: int) -> None:
    """Its status and its body."""
    said = answer(chat("plain"), refuse=Refuse(status, '{"error":"slow down"}'))
    assert refused(said) == (status, '{"error":"slow down"}', "runner")


def test_a_runner_that_makes_no_prompt() -> None:
    """The error comes before the stream, and only where it is the runner that makes it."""
    refusal = Refuse(400, '{"error":"bad template"}')
    long = Infer("nplain", (Message("system", "S"), Message("user", "hi")))
    asked = (
        long,
        generate("nplain"),
        chat("nplain", debug=True),
    )
    for job in asked:
        said = answer(job, unrendered=refusal)
        assert refused(said) == (400, '{"error":"bad template"}', "handler")
    passed = (
        chat("plain"),
        chat("nplain"),
        msgspec.structs.replace(long, truncate=False),
        generate("nplain", raw=True),
    )
    for job in passed:
        assert done(answer(job, unrendered=refusal)).reason == "stop"


# --- formats ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "origin"),
    [
        (chat("plain", format='"xml"'), "runner"),
        (chat("nplain", format='"xml"'), "runner"),
        (generate("plain", format='"xml"'), "runner"),
        (generate("nplain", format='"xml"'), "handler"),
        (chat("parser", format='"xml"', think=False), "runner"),
    ],
)
def test_a_format_that_is_none(job: Infer, origin: str) -> None:
    """Found when the runner is asked, but earlier in one case (3.4)."""
    message = 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'
    assert refused(answer(job)) == (500, message, origin)


@pytest.mark.parametrize("format", [None, "", '""', "null"])
def test_no_format(format: str | None) -> None:
    """Thinking goes over into text in one pass."""
    assert lines(answer(chat("template", format=format), THOUGHT)) == SPLIT


def test_the_second_pass_of_a_template() -> None:
    """An empty line stands for the text that ended the first one; then all is said again."""
    steps = raw("<think>", "Okay", "</think>", '{"a":', "1}")
    said = answer(chat("template", format='"json"'), steps)
    assert lines(said) == [
        ("", "Okay", ()),
        ("", "", ()),
        *text("<think>", "Okay", "</think>", '{"a":', "1}"),
    ]
    assert _usage(said).tokens == 5


@pytest.mark.parametrize(
    ("name", "steps", "again"),
    [
        ("parser", raw("Okay", "</think>", "{}"), ["Okay", "</think>", "{}"]),
        (
            "harmony",
            raw("<|channel|>analysis<|message|>Okay<|end|>", CHANNELS[6].raw or "")
            + CHANNELS[7:11]
            + raw("{}"),
            None,
        ),
    ],
)
def test_the_second_pass_of_a_parser(
    name: str, steps: tuple[Step, ...], again: list[str] | None
) -> None:
    """No line stands for that text, and the parser goes on where it was."""
    said = lines(answer(chat(name, format='"json"'), steps))
    assert said[0] == ("", "Okay", ())
    assert said[-1] == ("{}", "", ())
    if again is not None:
        assert said[1:] == text(*again)


def test_a_thought_that_nobody_asked_for_leads_to_a_second_pass() -> None:
    """The format holds from the start there; the runner is asked again nonetheless."""
    steps = raw("<|channel|>analysis<|message|>Okay<|end|>", CHANNELS[6].raw or "")
    steps += CHANNELS[7:11] + raw("{}")
    thoughtless, asked = (
        lines(answer(chat("harmony", format='"json"', think=think), steps))
        for think in (False, None)
    )
    assert thoughtless == asked
    assert len(asked) == 3
    assert refused(answer(chat("harmony", format="5", think=False), steps))[1].startswith("invalid")


def test_a_second_pass_that_begins_with_the_end() -> None:
    """Only the second one has a last line."""
    last = Step(event='{"content":"{}","stop":true}')
    said = answer(chat("parser", format='"json"'), (*raw("Okay", "</think>"), last))
    assert sum(isinstance(event, Done) for event in said) == 1
    assert done(said).text == "{}"


def test_the_second_pass_does_not_think_again() -> None:
    """What a script thinks in words of no path is in the prompt by then."""
    steps = (Step(thinking="Hm"), Step(content="{}"))
    for name in ("template", "parser", "harmony"):
        said = answer(chat(name, format='"json"'), steps)
        assert whole(said)[:2] == ("{}", "Hm")


def test_a_bad_format_of_a_model_that_thinks() -> None:
    """Found in the second pass, if there is one."""
    job = chat("template", format="5")
    said = answer(job, THOUGHT)
    assert lines(said) == [("", "Okay", ()), ("", ", so", ()), ("", "", ())]
    assert refused(said)[1].startswith('invalid format: "5"')
    assert whole(answer(job, raw("Hi")))[0] == "Hi"


def test_generate_and_conversations_of_the_runner_have_one_pass() -> None:
    """The format is passed on."""
    assert lines(answer(generate("template", format='"json"'), THOUGHT))[-1] == SPLIT[-1]
    steps = (Step(thinking="Hm"), *raw("{}"))
    assert lines(answer(chat("native", format='"json"'), steps)) == [
        ("", "Hm", ()),
        ("{}", "", ()),
    ]


# --- log probabilities --------------------------------------------------------------------

LIKELY = Step(raw="He", logprob=-0.1, top=(Alternative("He", -0.1), Alternative("é", -2.5)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ()),
        ({"logprobs": True}, (Logprob("He", -0.1),)),
        (
            {"logprobs": True, "top_logprobs": 2},
            (Logprob("He", -0.1, (Logprob("He", -0.1), Logprob("é", -2.5))),),
        ),
    ],
)
@pytest.mark.parametrize("name", ["plain", "nplain"])
def test_log_probabilities(name: str, fields: dict[str, Any], expected: tuple[Logprob]) -> None:
    """As far as they are asked for."""
    said = answer(chat(name, **fields), (LIKELY,))
    assert said[0] == Token("He", logprobs=expected)


def test_text_behind_a_thought() -> None:
    """It is told as it is, and once more if it is no call; a call that comes with text is lost."""
    job = chat("template", tools=TOOLS)
    assert lines(answer(job, raw("<think>a</think><tool", "s"))) == [
        ("<tool", "a", ()),
        ("<tools", "", ()),
    ]
    called = ("", "", ("get_weather",))
    assert lines(answer(job, raw(f"Hi{CALL}", CALL))) == [("Hi", "", ()), called]


@pytest.mark.parametrize("name", ["parser", "harmony"])
def test_an_answer_that_is_continued(name: str) -> None:
    """The prompt is in the midst of it, so the output begins with text."""
    job = chat(name)
    begun = Message("assistant", "It is")
    job = msgspec.structs.replace(job, messages=(*job.messages, begun))
    assert lines(answer(job, raw(" warm"))) == [(" warm", "", ())]


def test_log_probabilities_of_text_that_is_kept_back() -> None:
    """They go out at once, with no text; those of marks around thinking are lost (5.8)."""
    job = chat("template", tools=TOOLS, logprobs=True)
    steps = [Step(raw=token, logprob=-1.0) for token in ("<think>", "a", "</think>", "<tool", "s")]
    said = [event for event in answer(job, steps) if isinstance(event, Token)]
    assert [(event.text, event.thinking, len(event.logprobs)) for event in said] == [
        ("", "a", 1),
        ("", "", 1),
        ("<tools", "", 1),
    ]


def test_the_log_probability_of_a_step_is_that_of_its_last_token() -> None:
    """The marks before it have none."""
    steps = (Step(thinking="a", logprob=-1.0), Step(content="b", logprob=-2.0))
    for job in (generate("template", logprobs=True), generate("native", logprobs=True)):
        tokens = [event for event in answer(job, steps) if isinstance(event, Token)]
        assert [
            (likely.token, likely.logprob) for token in tokens for likely in token.logprobs
        ] == [("a", -1.0), ("b", -2.0)]
        assert len(tokens) == 5


# --- prompts ------------------------------------------------------------------------------


def test_a_prompt_is_shown() -> None:
    """Nothing is generated, and the slot isn't waited for."""
    (shown,) = answer(generate("plain", "a<b", debug=True), raw("x"))
    assert shown == Rendered("a<b")


def test_the_context_of_generate() -> None:
    """The numbers of prompt and answer; none in raw mode, none in chat."""
    for job, there in (
        (generate("plain"), True),
        (generate("plain", raw=True), False),
        (chat("plain"), False),
    ):
        assert bool(done(answer(job, raw("a"))).context) is there
    longer = done(answer(generate("plain"), raw("a", "b c"))).context
    shorter = done(answer(generate("plain"), raw("a"))).context
    assert len(longer) > len(shorter)


def test_a_prompt_that_does_not_fit() -> None:
    """Its middle is cut, or it is refused, by Ollama or by the runner."""
    words, options = "word " * 50, {"num_ctx": 16}
    assert _usage(answer(generate("plain", words, options=options))).prompt_tokens == 10
    said = answer(generate("plain", words, options=options, shift=False))
    assert refused(said)[0] == 400
    assert refused(said)[1].startswith("the prompt is longer than the context length")
    native = Infer("nplain", chat("nplain").messages, options={"num_ctx": 4}, truncate=False)
    long = Infer("nplain", tuple(native.messages * 9), options={"num_ctx": 4}, truncate=False)
    assert '"type":"exceed_context_size_error"' in refused(answer(long))[1]
    old = answer(generate("plain", words, options=options, truncate=False), settings=OLD)
    assert refused(old) == (400, "the input length exceeds the context length", "runner")


def test_a_script_that_has_no_answer_leaves_it_to_the_model() -> None:
    """Only the times are its own."""
    plain, scripted = answer(chat("plain")), answer(chat("plain"), gap_ms=0.0)
    assert whole(scripted) == whole(plain)
    assert _usage(scripted).total_s < _usage(plain).total_s
