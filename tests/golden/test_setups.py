"""Every phrase of a setup is understood, or the record is not replayed."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.golden import acts
from ollama_simulator.golden.setups import TABLE, Setup, UnknownPhrase, understood
from tests.golden.making import compat, made, native, posted

CHAT = '{"model":"nplain","messages":[]}'


def asked_for(phrase: str, body: str = CHAT, **fields: Any) -> list[acts.Act]:
    """What a phrase asks for, in a record whose request has this body."""
    return [
        *understood(
            made(posted("/api/chat", body, setup=f"server main; {phrase}", **fields))
        ).arranged
    ]


@pytest.mark.parametrize(
    ("phrase", "act"),
    [
        ("plain loaded", acts.Loaded("plain")),
        ("model loaded", acts.Loaded("nplain")),
        ("model loaded, tools given", acts.Loaded("nplain")),
        ("plain loaded, idle: expires_at unchanged", acts.Loaded("plain")),
        ("plain loaded and idle", acts.Loaded("plain")),
        ("nplain loaded, one slot", acts.Loaded("nplain")),
        ("Connection: close, plain loaded", acts.Loaded("plain")),
        ("shift off (reloads plain)", acts.Loaded("plain")),
        ("plain loaded with another num_ctx: reload", acts.Loaded("plain", num_ctx=2048)),
        (
            "plain loaded with keep_alive 90m before; this request sends none",
            acts.Loaded("plain", '"90m"'),
        ),
        ("plain generating, first use since load", acts.Busy("plain")),
        ("plain generating, was idle before", acts.Busy("plain", was_idle=True)),
        ("nplain is generating for another 0.8 s or so", acts.Busy("nplain")),
        ("plain is loading: not listed", acts.Loading("plain")),
        ("waited in the queue: served after the load of plain", acts.Loading("plain")),
        ("five requests 50 ms apart: no 503, served one after another", acts.Crowd(4, 50.0)),
        ("runner had crashed: reloads silently", acts.Crashed("nplain")),
        ("runner of plain has crashed; nothing since", acts.Crashed("plain")),
        (
            "another client left while waiting for its second token 0.1 s ago: the slot is free",
            acts.Left("nplain", ago_s=0.1),
        ),
        (
            "another client asked for a 20 MB stream, read nothing for 2 s and closed 1 s ago",
            acts.Left("nplain", 20_000_000, 1.0),
        ),
        (
            "the connection of the previous record is still open: its request holds the slot",
            acts.Half("nplain", open=True),
        ),
        ("explicit unload of the stuck model", acts.Half("nplain", open=False)),
        ("after the previous record (keep_alive -1)", acts.Replayed()),
        ("as before, with an allowed Origin", acts.AsBefore()),
        ("exists", acts.Copied("plain", "nplain")),
        ("weightless stub, no messages", acts.Stub("nplain")),
        ("model made from a GGUF blob", acts.FromFile("nplain", "plain")),
        ("already on disk", acts.Pulled("nplain")),
        (
            "server gets SIGTERM 0.6 s after the request, the stand-in would need 3 s",
            acts.Shutdown(0.6, "SIGTERM"),
        ),
    ],
)
def test_a_phrase_that_asks_for_one_thing(phrase: str, act: acts.Act) -> None:
    """The model is the one it names, or the one that the request does."""
    assert asked_for(phrase) == [act]


def test_phrases_that_ask_for_several_things() -> None:
    """In the order in which they have to be brought about."""
    assert asked_for("plain and embed loaded") == [acts.Loaded("plain"), acts.Loaded("embed")]
    assert asked_for("plain is loading, gotmpl waits in the queue") == [
        acts.Loading("plain"),
        acts.Waiting("gotmpl"),
    ]
    assert asked_for("its weights are loaded (shared with plain)") == [
        acts.Copied("plain", "nplain"),
        acts.Loaded("plain"),
    ]
    assert asked_for("plain loaded; as before") == [acts.Loaded("plain"), acts.AsBefore()]


def test_phrases_that_are_told_by_the_rest_of_the_record() -> None:
    """The models that the answer lists, the files and the names that the request has."""
    answer = native()["response"] | {"body": '{"models":[{"name":"a"},{"name":"b"}]}'}
    assert asked_for("six loaded, over 2048 bytes", response=answer) == [
        acts.Loaded("a"),
        acts.Loaded("b"),
    ]
    digest = "ab" * 32
    assert asked_for("blob exists, is text", f'{{"files":{{"a":"sha256:{digest}"}}}}') == [
        acts.Stored(digest)
    ]
    assert asked_for("destination exists", '{"source":"a","destination":"b"}') == [
        acts.Copied("plain", "b")
    ]
    assert asked_for("second layer has wrong content", '{"model":"host/library/corrupt"}') == [
        acts.Pulled("host/library/good")
    ]


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "any state",
        "not loaded",
        "plain not loaded; load probe",
        "nothing loaded",
        "Host '[::1]:11434' (machine name simhost)",
        "Origin 'http://x'",
        "OLLAMA_MAX_QUEUE=1, OLLAMA_NUM_PARALLEL=1",
        "error body of exactly 4711 bytes",
        "trailing slash with query",
    ],
)
def test_a_phrase_that_asks_for_nothing(phrase: str) -> None:
    """It only says what the request shows."""
    assert asked_for(phrase) == []


@pytest.mark.parametrize(
    "phrase", ["the moon is full", "plain loaded; the moon is full", "any stat"]
)
def test_an_unknown_phrase(phrase: str) -> None:
    """It is quoted."""
    with pytest.raises(UnknownPhrase, match=r"setup: '(the moon is full|any stat)' is not"):
        asked_for(phrase)


def test_the_server() -> None:
    """The first word of every setup; recordings of the compat format have but one."""
    assert understood(made(native(setup="server busy; any state"))) == Setup("busy")
    assert understood(made(compat())) == Setup("main")
    with pytest.raises(UnknownPhrase, match="names no server"):
        understood(made(native(setup="any state")))


def test_pauses_between_writes() -> None:
    """Where the setup tells them."""
    slow = understood(made(native(setup="server main; body in two writes 200 ms apart")))
    assert slow.pause_ms == 200.0
    late = "server main; JSON value complete before Content-Length is; the other 34 bytes follow"
    assert understood(made(native(setup=f"{late} after 500 ms"))).pause_ms == 500.0


def test_no_row_is_hidden_by_another() -> None:
    """Two rows for one phrase would make the order of the table matter."""
    phrases = [
        "plain loaded",
        "plain generating, first use since load",
        "exists",
        "already on disk",
    ]
    for phrase in phrases:
        assert len([row for row, _ in TABLE if row.fullmatch(phrase)]) == 1
