"""Prompts that are too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.render.prompt import IMAGE_TOKENS, prompt
from ollama_simulator.engine.render.turns import newest
from ollama_simulator.engine.render.window import TOO_LONG, cut, refuse, room
from ollama_simulator.model import Infer, Message, Model, Origin, Refusal
from tests.engine.render.models import a_model, chat, generate

LISTING = "{{ range .Messages }}{{ .Role }} {{ .Content }};{{ end }}"


def said(job: Infer, context: int, template: str = LISTING, **fields: object) -> str:
    """What a model reads in a window of so many tokens."""
    return prompt(a_model(template, **fields), job, context).text


# Each turn is two tokens: its marker and its word.
LONG = chat(
    Message("system", "S"), *(Message("user", word) for word in "abc"),
    Message("system", "T"), Message("user", "d"), Message("user", "e"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (14, "system S;user a\n\nb\n\nc;system T;user d\n\ne;"),
        (13, "system S;user b\n\nc;system T;user d\n\ne;"),
        (11, "system S;user c;system T;user d\n\ne;"),
        (9, "system S\n\nT;user d\n\ne;"),
        (7, "system S\n\nT;user e;"),
        (1, "system S\n\nT;user e;"),
    ],
)
def test_the_oldest_messages_go_first(context: int, expected: str) -> None:
    """What the system said and the last message stay."""
    assert said(LONG, context) == expected


def test_nothing_is_dropped_unasked() -> None:
    """`truncate: false` keeps all."""
    assert said(chat("a", "b", "c", truncate=False), 1) == "user a;assistant b;user c;"
    assert said(chat("a", "b", "c"), 1) == "user c;"


def test_quarters_are_counted_on_the_prompt() -> None:
    """With all that the template adds."""
    job = chat("aaaa", "bbbb", "cccc")
    whole = said(job, 100, tokenizer="quarters")
    assert len(whole) == 35
    assert said(job, 8, tokenizer="quarters") == whole
    assert said(job, 7, tokenizer="quarters") == "assistant bbbb;user cccc;"


def test_pictures_take_room() -> None:
    """Of models that can see."""
    job = chat(Message("user", "a", images=(b"1",)), "b", "c")
    assert said(job, IMAGE_TOKENS, capabilities=("completion", "vision")) == "assistant b;user c;"
    assert said(job, IMAGE_TOKENS).startswith("user [img-0]a;")


def test_the_runner_is_told_of_all_pictures() -> None:
    """In a chat that it renders, even of those in messages that were dropped."""
    job = chat(Message("user", "a", images=(b"1",)), "b", "c")
    assert prompt(a_model("{{ messages }}", path="native"), job, 1).images == 1
    assert prompt(a_model(LISTING), job, 1).images == 0


@given(st.lists(st.sampled_from(["system", "user", "assistant"]), max_size=12), st.integers(0, 14))
def test_newest_keeps_as_many_as_fit(roles: list[str], room: int) -> None:
    """It is the longest end that fits, with the system's words before it; at least the last."""
    messages = tuple(Message(role, str(i)) for i, role in enumerate(roles))
    kept = newest(messages, lambda some: len(some) <= room)
    if not messages:
        assert kept == ()
        return
    ends = [
        tuple(m for j, m in enumerate(messages) if j >= i or m.role == "system")
        for i in range(len(messages))
    ]
    assert kept == next((end for end in ends if len(end) <= room), ends[-1])


# --- what is too long even then -----------------------------------------------------------

WORDY = " ".join("abcdefghij")
"""Twenty tokens, with the marker."""


def sent(model: Model, job: Infer, context: int) -> str:
    """What the runner gets."""
    made = prompt(model, job, context)
    pictures = made.images > 0
    return "".join(cut("0.33", model, job, made.tokens, context, pictures=pictures))


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (chat(WORDY), "<|user|>a b i j"),
        (generate(WORDY), "<|user|>a b i j"),
        (chat(WORDY, shift=True), "<|user|>a b i j"),
        (chat(WORDY, options={"num_keep": 0}), " h i j"),
        (chat(WORDY, options={"num_keep": 2.0}), "<|user|>ah i j"),
        (chat(WORDY, options={"num_keep": 99}), "<|user|>a b c d e"),
        (chat(WORDY, options={"num_keep": -1}), "<|user|>a b c d e"),
        (chat(WORDY, options={"num_keep": None}), "<|user|>a b i j"),
    ],
)
def test_the_middle_is_cut(job: Infer, expected: str) -> None:
    """Half of what isn't kept at the beginning is left free for the answer."""
    assert sent(a_model(), job, 11) == expected


def test_the_old_runner_fills_its_window() -> None:
    """It never refuses a prompt that it may truncate, whatever else is asked of it."""

    def read(job: Infer, context: int) -> str:
        return "".join(cut("0.13.5", a_model(), job, tuple("abcdefghij"), context))

    assert read(chat("x"), 10) == "abcdefghij"
    assert read(chat("x", shift=False, images=(b"1",)), 7) == "abcdhij"
    assert read(generate("x", options={"num_keep": -1}), 7) == "abcdefj"
    with pytest.raises(Refusal, match="the input length exceeds"):
        read(chat("x", truncate=False), 9)
    refuse("0.13.5", tuple("abc"), 3)


def test_what_is_left_for_an_answer() -> None:
    """All of it if the window shifts; the old runner always says something."""
    fixed = chat("x", shift=False)
    assert room("0.33", a_model(), chat("x"), 10, 12) is None
    assert [room("0.33", a_model(), fixed, count, 12) for count in (10, 12)] == [2, 0]
    assert [room("0.13.5", a_model(), fixed, count, 12) for count in (10, 12)] == [2, 1]


def test_a_model_has_a_beginning_to_keep_too() -> None:
    """Unless the request says otherwise."""
    model = a_model(parameters={"num_keep": 2})
    assert sent(model, chat(WORDY), 11) == "<|user|>ah i j"
    assert sent(model, chat(WORDY, options={"num_keep": 0}), 11) == " h i j"


def test_a_place_for_the_answer_has_to_be_left() -> None:
    """A prompt as long as the window is too long."""
    whole = "<|user|>" + WORDY
    assert sent(a_model(), chat(WORDY), 21) == whole
    assert sent(a_model(), chat(WORDY), 20) != whole


@pytest.mark.parametrize(
    ("model", "job"),
    [
        (a_model("{{ messages }}", path="native"), chat(WORDY, shift=False)),
        (a_model(), chat(WORDY, truncate=False, shift=False)),
        (a_model(), generate(WORDY, images=(b"1",), shift=False)),
        (a_model(), chat(Message("user", WORDY, images=(b"1",)), shift=False)),
    ],
)
def test_some_prompts_go_to_the_runner_whole(model: Model, job: Infer) -> None:
    """Which is to complain then."""
    assert sent(model, job, 6).endswith(WORDY)


@pytest.mark.parametrize(
    ("model", "job"),
    [
        (a_model(), chat(WORDY, shift=False)),
        (a_model(), generate(WORDY, shift=False)),
        (a_model("{{ messages }}", path="native"), generate(WORDY, shift=False)),
        (Model("m", 1, "", "deepseek2", "", ""), chat(WORDY)),
    ],
)
def test_without_shifting_it_is_refused(model: Model, job: Infer) -> None:
    """By Ollama, as an error of the generation."""
    with pytest.raises(Refusal) as caught:
        sent(model, job, 20)
    assert (caught.value.status, caught.value.message) == (400, TOO_LONG)
    assert caught.value.origin is Origin.RUNNER
    assert sent(model, job, 21).endswith(WORDY)


def test_the_runner_refuses_what_it_cannot_hold() -> None:
    """With JSON, which is the text of the error."""
    tokens = tuple("abcdefgh")
    refuse("0.33", tokens, 9)
    with pytest.raises(Refusal) as caught:
        refuse("0.33", tokens, 8)
    assert (caught.value.status, caught.value.origin) == (400, Origin.RUNNER)
    assert caught.value.message == (
        '{"error":{"code":400,"message":"request (8 tokens) exceeds the available context size '
        '(8 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":8,'
        '"n_ctx":8}}'
    )
