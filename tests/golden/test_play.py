"""Recordings are replayed against a real server, and what is arranged shows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ollama_simulator.golden.earlier import Earlier
from ollama_simulator.golden.play import Outcome, depends_on_time, play
from tests.golden.making import VERSION, chunked, compat, made, native, posted

CHAT = '{"model":"plain","messages":[{"role":"user","content":"hi"}]}'
HELLO = {"events": [{"token": "Hello"}, {"done": "stop"}]}
LOADED = (
    '{"models":[{"name":"plain:latest","model":"plain:latest","size":100663296,"digest":"4f7362380c'
    '4d129ad6e098348aaac70fc57b4d64fd672a817d431f2b3f1f6c77","details":{"parent_model":"","format":'
    '"gguf","family":"llama","families":["llama"],"parameter_size":"1.2B","quantization_level":"Q4_'
    'K_M"},"expires_at":"%s","size_vram":0,"context_length":%s}]}'
)
"""What `/api/ps` says of `plain`."""


def played(*lines: dict[str, Any]) -> Outcome:
    """The outcome of the last line, in a file of all."""
    recordings = [made(line, number) for number, line in enumerate(lines, 1)]
    return asyncio.run(play(recordings[-1], Earlier([recordings])))


def said(*lines: dict[str, Any]) -> list[str]:
    """The differences of the last line."""
    return [str(each) for each in played(*lines).differences]


def ps(setup: str, body: str = '{"models":[]}', **fields: Any) -> dict[str, Any]:
    """A line that asks for the models in memory."""
    request = native()["request"] | {"path": "/api/ps"}
    headers = [*native()["response"]["headers"][:2], ["Content-Length", str(len(body))]]
    response = native()["response"] | {"headers": headers, "body": body}
    return native(setup=f"server main; {setup}", request=request, response=response, **fields)


def streamed(*chunks: str, **fields: Any) -> dict[str, Any]:
    """A line whose answer is a stream."""
    whole = chunked(*(chunk.encode() for chunk in chunks))
    response = native()["response"] | {
        "headers": [list(header) for header in whole.headers],
        "framing": "chunked",
        "chunks": list(chunks),
        "body": "".join(chunks),
    }
    return posted("/api/chat", CHAT, response=response, **fields)


TOKEN = (
    '{"model":"plain","created_at":"2026-11-23T15:07:53.5Z","message":{"role":"assistant",'
    '"content":"Hello"},"done":false}\n'
)
LAST = (
    '{"model":"plain","created_at":"2026-11-23T15:07:53.6Z","message":{"role":"assistant",'
    '"content":""},"done":true,"done_reason":"stop","total_duration":1,"load_duration":1,'
    '"prompt_eval_count":11,"prompt_eval_duration":1,"eval_count":7,"eval_duration":1}\n'
)


def test_identical() -> None:
    """The version, a stream as scripted, and an error of a compat route."""
    assert said(native()) == []
    assert said(streamed(TOKEN, LAST, script=HELLO, setup="server main; plain loaded")) == []
    assert said(compat()) == []


def test_a_difference() -> None:
    """It says what, and the outcome keeps what came."""
    outcome = played(native(response=native()["response"] | {"body": '{"version":"0.33.1"}'}))
    assert not outcome.identical
    (found,) = outcome.differences
    assert found.what == "body at byte 17"
    assert outcome.actual[0].body == VERSION


def test_a_script_that_says_something_else() -> None:
    """The chunk shows it."""
    (found,) = said(streamed(TOKEN.replace("Hello", "Hi"), LAST, script=HELLO))
    assert found.startswith("body at byte ")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"setup": "server main; the moon is full"}, "'the moon is full' is not understood"),
        ({"setup": "server moon; any state"}, "no server 'moon'"),
        ({"script": {"novelty": 1}}, "script: 'novelty'"),
        (
            {"request": native()["request"] | {"raw": "GET ... /"}},
            "'GET ... /' is abbreviated",
        ),
        ({"setup": "server main; the client of x has closed 1 s ago; pulled before"}, "/api/pull"),
    ],
)
def test_what_is_not_replayed(fields: dict[str, Any], why: str) -> None:
    """It counts as not identical, and says why."""
    (found,) = said(native(**fields))
    assert found.startswith("not replayed: ")
    assert why in found


def test_a_loaded_model() -> None:
    """Loaded by another client, for as long as the server keeps models."""
    body = LOADED % ("2026-11-23T15:17:47.1Z", 4096)
    assert said(ps("plain loaded, idle", body)) == []
    wrong = LOADED % ("2026-11-23T15:12:47.1Z", 4096)
    (found,) = said(ps("plain loaded, idle", wrong))
    assert found.startswith("seconds to expiry: expected [300], got [")
    assert said(ps("nothing loaded")) == []


def test_another_client_that_generates() -> None:
    """It has begun when the request is made."""
    script = {"events": [{"token": "a"}, {"sleep_ms": 5000}, {"done": "stop"}]}
    body = LOADED % ("2026-11-23T15:17:47.1Z", 4096)
    assert said(ps("plain generating, first use since load", body, script=script)) == []


def test_a_model_being_loaded() -> None:
    """It isn't listed, even if nothing is told of how long that takes."""
    assert said(ps("plain is loading: not listed")) == []


def test_the_record_before() -> None:
    """It is made first; its name tells which it is."""
    first = posted("/api/generate", '{"model":"plain","keep_alive":"5m"}', name="a/b")
    other = posted("/api/generate", '{"model":"embed"}', name="a/c")
    body = LOADED % ("2026-11-23T15:12:47.1Z", 4096)
    assert said(first, other, ps("after the previous record", body, name="a/b-then-ps")) == []


def test_a_record_before_that_is_in_no_file() -> None:
    """What the phrase and the answer tell of it is arranged."""
    body = LOADED % ("2026-11-23T15:12:47.1Z", 2048)
    setup = "after the previous record (keep_alive '5m')"
    assert said(ps(setup, body, name="a/b-then-ps")) == []
    still = LOADED % ("2026-11-23T16:37:47.1Z", 4096)
    assert said(ps("after the previous record: still 90m", still, name="a/b-then-ps")) == []


def test_a_queue_that_is_full() -> None:
    """One model is being loaded and one waits, as before."""
    body = '{"error":"server busy, please try again.  maximum pending requests exceeded"}'
    headers = [*native()["response"]["headers"][:2], ["Content-Length", str(len(body))]]
    response = native()["response"] | {
        "status_line": "HTTP/1.1 503 Service Unavailable",
        "headers": headers,
        "body": body,
    }
    script = HELLO | {"load": {"delay_ms": 3000}}
    line = posted("/api/generate", '{"model":"nplain"}', script=script, response=response)
    full = "server busy; OLLAMA_MAX_QUEUE=1; plain is loading, gotmpl waits in the queue"
    assert said(line | {"setup": full}) == []
    assert said(line | {"setup": full}, line | {"setup": "server busy; as before"}) == []
    assert said(line | {"setup": "server busy; as before"}) == []


def test_several_answers_on_one_connection() -> None:
    """Each write but the first waits for the answer to the one before."""
    raw = "GET /api/version HTTP/1.1\r\nHost: localhost:11434\r\n\r\n"
    last = native()["response"]
    first = {key: value for key, value in last.items() if key != "connection_after"}
    request = native()["request"] | {"raw": [raw, raw]}
    assert said(native(request=request, response=first, further_responses=[last])) == []


def test_an_answer_that_comes_too_soon() -> None:
    """The recorded server waited."""
    (found,) = said(native(timing_ms={"complete": 5000}))
    assert found.startswith("time to the end: expected 5000 ms")


def test_a_process_that_is_killed() -> None:
    """It is one of its own, and its answer breaks off."""
    script = {"events": [{"token": "Hello"}, {"sleep_ms": 9000}, {"done": "stop"}]}
    line = streamed(TOKEN, script=script)
    line["response"] |= {"ended": "fin-without-terminator", "connection_after": None}
    line["setup"] = (
        "server dying; plain loaded; server gets SIGKILL 0.6 s after the request, the stand-in "
        "would need 3 s"
    )
    assert said(line) == []


@pytest.mark.parametrize(
    ("line", "timed"),
    [
        (native(), False),
        (native(setup="server main; plain loaded"), False),
        (native(setup="server main; the moon is full"), False),
        (native(setup="server main; plain is loading: not listed"), True),
        (native(setup="server main; body in two writes 200 ms apart"), True),
        (native(script=HELLO), False),
        (native(script={"events": [{"token": "a"}, {"sleep_ms": 5}]}), True),
        (native(script={"load": {"delay_ms": 5}}), True),
        (native(request=native()["request"] | {"half_close_after_ms": 5}), True),
        (native(response=native()["response"] | {"ended": "timeout"}), True),
        (posted("/api/pull", "{}"), True),
        (compat(), False),
    ],
)
def test_what_depends_on_time(line: dict[str, Any], timed: bool) -> None:
    """Where something has to happen before, or while, something else does."""
    assert depends_on_time(made(line)) is timed
