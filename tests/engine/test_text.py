"""Tokens in, text out."""

from __future__ import annotations

import hashlib
import itertools
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.text import WORDS, pieces, prompt_tokens, retokenized, tokenize
from ollama_simulator.model import Message


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("Hello world", ["Hello", " ", "world"]),
        ("a  b", ["a", " ", " ", "b"]),
        ("a\n\tb", ["a", "b"]),
        (" \n ", [" ", " "]),
        ("Don't stop!", ["Don", "'", "t", " ", "stop", "!"]),
        ("a_b-c", ["a", "_", "b", "-", "c"]),
        ("<|user|>", ["<", "|", "user", "|", ">"]),
        ("größe„x“", ["größe„x“"]),
        ("a\u00a0b", ["a", "b"]),
        ("日本語", ["日本語"]),
    ],
)
def test_tokenize(text: str, tokens: list[str]) -> None:
    """Blanks and ASCII punctuation are tokens; other white space only separates."""
    assert tokenize(text) == tokens


@settings(deadline=None)
@given(st.text(max_size=60))
def test_tokens_are_the_text_without_other_white_space(text: str) -> None:
    """Nothing is lost, nothing is empty, and every special character stands alone."""
    tokens = tokenize(text)
    assert "".join(tokens) == "".join(c for c in text if c == " " or not c.isspace())
    assert all(tokens)
    special = {" ", *string.punctuation}
    assert all(len(token) == 1 or not special & set(token) for token in tokens)


def test_each_message_begins_with_its_role() -> None:
    """A conversation is its messages, each after a marker."""
    messages = (Message("system", "Be brief."), Message("user", ""), Message("user", "Hi you"))
    assert prompt_tokens(messages) == [
        *("<|system|>", "Be", " ", "brief", "."),
        "<|user|>",
        *("<|user|>", "Hi", " ", "you"),
    ]


def test_text_is_a_pure_function() -> None:
    """The same seed, model and prompt give the same text, and nothing else does."""
    once = list(pieces(7, "m:latest", ["a", "b"], 50))
    assert once == list(pieces(7, "m:latest", ["a", "b"], 50))
    assert once != list(pieces(8, "m:latest", ["a", "b"], 50))
    assert once != list(pieces(7, "n:latest", ["a", "b"], 50))
    assert once != list(pieces(7, "m:latest", ["a", "c"], 50))
    assert once != list(pieces(7, "m:latest", ["a"], 50))


def test_text_is_known() -> None:
    """Other programs recompute the text, so it may not change by itself."""
    prompt = prompt_tokens([Message("user", "hi")])
    text = "".join(pieces(0, "test-model:latest", prompt, 10))
    assert text == "mind air eye great question."


def recomputed(seed: int, model: str, prompt: list[str], count: int) -> list[str]:
    """What the module's docstring and that of `pieces` say, said once more."""
    key = "\0".join([str(seed), model, *prompt]).encode("utf-8", "replace")
    blocks = (hashlib.sha256(key + b"\0" + str(n).encode()).digest() for n in range(count))
    draws = itertools.chain.from_iterable(blocks)
    said = [
        " " if odd else WORDS[draw % len(WORDS)]
        for odd, draw in zip(itertools.cycle([False, True]), draws, strict=False)
    ][:count]
    return [*said[:-1], "."] if said and said[-1] == " " else said


@settings(deadline=None, max_examples=40)
@given(st.integers(), st.lists(st.text(max_size=5), max_size=4), st.integers(0, 100))
def test_a_client_can_recompute_the_text(seed: int, prompt: list[str], count: int) -> None:
    """The documented recipe gives the same pieces, whatever the prompt is made of."""
    assert list(pieces(seed, "m:latest", prompt, count)) == recomputed(
        seed, "m:latest", prompt, count
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.text(max_size=10), st.integers(0, 200))
def test_every_piece_is_one_token(seed: int, text: str, count: int) -> None:
    """An answer of n pieces is read back as n tokens, so a conversation goes on in the cache."""
    said = list(pieces(seed, "m:latest", tokenize(text), count))
    assert len(said) == count
    assert tokenize("".join(said)) == said


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 100))
def test_the_last_token_is_never_blank(seed: int, count: int) -> None:
    """Clients that trim blanks lose nothing."""
    said = list(pieces(seed, "m:latest", [], count))
    assert said[-1].strip() == said[-1] != ""
    assert not said[0].isspace()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 100), st.integers(0, 40))
def test_a_shorter_answer_is_a_prefix(seed: int, count: int, more: int) -> None:
    """Up to its last piece, which may be a full stop, an answer begins as a longer one does."""
    short = list(pieces(seed, "m:latest", [], count))
    long = list(pieces(seed, "m:latest", [], count + more))
    assert long[: count - 1] == short[:-1]


def test_answers_differ_between_prompts() -> None:
    """Of 500 prompts no two get the same 20 tokens: a mix-up is always seen."""
    answers = {"".join(pieces(0, "m:latest", [str(n)], 20)) for n in range(500)}
    assert len(answers) == 500


def test_the_vocabulary_is_made_of_tokens() -> None:
    """Each word is one token, and each stands there once."""
    assert all(tokenize(word) == [word] for word in WORDS)
    assert len(set(WORDS)) == len(WORDS) <= 256


@pytest.mark.parametrize(
    "said",
    [
        list(pieces(7, "m", ["x"], 90)),
        list(pieces(7, "m", ["x"], 91)),
        [],
        ["again", ""],
        ["again", "after"],
        [" ", "again"],
        ["again", "."],
        ["un", " ", "known"],
        ["again", " .", "after"],
        ["about <b>", " "],
    ],
)
def test_what_was_said_as_tokens(said: list[str]) -> None:
    """They are those of the whole text, however it came."""
    assert list(retokenized(said)) == tokenize("".join(said))
