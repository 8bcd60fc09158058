"""Whatever a runner does: an answer ends, and breaks off only in ways that a client may see."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.model import Done, Infer, Message, Quiet, Refusal, Token
from ollama_simulator.script import Call, Script, Step
from ollama_simulator.settings import Settings
from tests.engine.answer.parsers.reading import TOOLS
from tests.engine.answering import MODELS, answer, done

WORDS = st.sampled_from(
    "<think> </think> <tool_call> </tool_call> <function=f> </function> <|channel|> <|message|> "
    "<|end|> <|start|> analysis final { } {} get_time [DONE] a".split()
) | st.text(max_size=4)
TEXTS = st.lists(WORDS, max_size=4).map("".join)
EVENTS = TEXTS | st.sampled_from(
    ['{"content":"a"}', '{"content":"a","stop":true}', '{"error":{"code":1}}', "{", "[1]"]
)
CALLS = st.builds(Call, st.sampled_from(["get_time", "f", ""]), TEXTS | st.just({"a": [1, {}]}))
STEPS = st.one_of(
    st.builds(lambda text: Step(content=text), TEXTS),
    st.builds(lambda text: Step(thinking=text), TEXTS),
    st.builds(lambda text: Step(raw=text, logprob=-1.0, repeat=2), TEXTS),
    st.builds(lambda text: Step(event=text), EVENTS),
    st.builds(lambda calls: Step(tool_calls=tuple(calls)), st.lists(CALLS, max_size=2)),
    st.just(Step(wait_ms=5.0)),
    st.sampled_from([Step(crash=""), Step(reset=True), Step(error="no")]),
)
SCRIPTS = st.builds(
    lambda steps, reason, gap: Script(answer=tuple(steps), done_reason=reason, gap_ms=gap),
    st.lists(STEPS, max_size=6),
    st.sampled_from(["stop", "length", None]),
    st.sampled_from([None, 0.0, 7.0]),
)
ABLE = [entry.name for entry in MODELS if "completion" in entry.capabilities]
JOBS = st.builds(
    Infer,
    st.sampled_from([name for name in ABLE if not name.startswith(("stub", "far", "broken"))]),
    st.just((Message("user", "hi"),)),
    st.sampled_from(["chat", "generate"]),
    st.just("hi"),
    raw=st.booleans(),
    tools=st.sampled_from([(), TOOLS]),
    think=st.sampled_from([None, False]),
    format=st.sampled_from([None, '"json"', "5"]),
    options=st.sampled_from([{}, {"stop": ["a", "<"]}, {"num_predict": 2}]),
    logprobs=st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(JOBS, SCRIPTS, st.sampled_from(["0.33", "0.13.5"]))
def test_any_script(job: Infer, script: Script, wire: str) -> None:
    """Tokens, then one end or none, or a refusal; and the same every time."""
    fields = {"done_reason": script.done_reason, "gap_ms": script.gap_ms}
    old = Settings(wire="0.13.5" if wire == "0.13.5" else "0.33")
    said = answer(job, script.answer, settings=old, **fields)
    assert all(isinstance(event, Token | Quiet) for event in said[:-1])
    assert not said or isinstance(said[-1], Token | Quiet | Done | Refusal)
    if said and isinstance(said[-1], Done):
        assert done(said).reason in ("stop", "length")
        assert done(said).usage is not None
    again = answer(job, script.answer, settings=old, **fields)
    assert list(map(str, again)) == list(map(str, said))
