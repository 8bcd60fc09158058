"""What holds for every codec of the route table, present and future."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.model import Infer, Origin, Progress, Refusal, Token
from ollama_simulator.wire.codec import Request, Route
from ollama_simulator.wire.routes import ROUTES
from tests.wire.speaking import HELLO, wire

each_route = pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{route.method} {route.path}"
)

UNREAD = (
    "/api/me",
    "/api/signout",
    "/api/user/keys/{key}",
    "/api/blobs/{digest}",
    "/api/experimental/web_search",
    "/api/experimental/web_fetch",
)
"""Paths whose bodies nobody reads, or nobody looks into."""


FORMS = ("/v1/audio/transcriptions",)
"""Paths that take forms."""


def params(model: str) -> dict[str, str]:
    """The named parts of any path."""
    return {"model": model, "digest": f"sha256:{64 * '0'}", "key": "k"}


KEYS = st.sampled_from(
    "model Model name messages prompt system stream options keep_alive think tools input role "
    "content type text thinking images tool_calls function arguments parameters properties "
    "max_tokens top_logprobs stream_options include_usage encoding_format dimensions "
    "input_schema num_predict stop raw context image_url input_audio".split()
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["m", "5m", "tool_use", "tool_result", "text", "high", "image_url", "base64"])
)
NONSENSE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
MESSAGES = st.lists(
    st.none()
    | st.fixed_dictionaries(
        {}, optional={"role": LEAVES, "content": NONSENSE, "tool_calls": NONSENSE, "images": LEAVES}
    ),
    max_size=3,
)
PLAUSIBLE: dict[str, Any] = {
    "model": "m",
    "prompt": "x",
    "max_tokens": 5,
    "messages": [{"role": "user", "content": "x"}],
    "input": "x",
}
BODIES = (
    st.binary(max_size=20)
    | NONSENSE.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(KEYS, NONSENSE, max_size=3).map(
        lambda fields: json.dumps({**PLAUSIBLE, **fields}).encode()
    )
    | MESSAGES.map(lambda messages: json.dumps({**PLAUSIBLE, "messages": messages}).encode())
)


@each_route
@settings(deadline=None, max_examples=40)  # for each of the routes, which share their readers
@given(body=BODIES, model=st.text())
def test_nonsense(route: Route, body: bytes, model: str) -> None:
    """A request is read or refused, and a refusal can be said."""
    codec = None
    try:
        codec = route.codec(Request(route.method, route.path, params(model), body), wire())
    except Refusal as refusal:
        json.loads(route.codec.error(refusal, wire()).body)
    if codec is not None and isinstance(codec.job, Infer) and codec.job.messages:
        if codec.stream:
            assert all(chunk for event in HELLO for chunk in codec.encode(event))
        else:
            json.loads(codec.collect(HELLO))


@each_route
@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"messages":' * 100_000, b'{"a":[' * 50_000])
def test_depth(route: Route, deep: bytes) -> None:
    """A body that is nested without end is refused, where it is read at all."""
    request = Request(route.method, route.path, params("m"), deep)
    if route.method in ("POST", "DELETE") and route.path not in UNREAD:
        with pytest.raises(Refusal) as caught:
            route.codec(request, wire())
        assert caught.value.status == 400
    else:
        route.codec(request, wire())


@each_route
@pytest.mark.parametrize("origin", Origin)
def test_errors_are_json_whatever_they_say(route: Route, origin: Origin) -> None:
    """Quotes, controls and markup included."""
    refusal = Refusal(418, 'a"b\\c\x00<&>\u2028é😀', origin)
    document = route.codec.error(refusal, wire())
    assert document.media is not None
    assert document.media.startswith("application/json")
    assert refusal.message in (json.loads(document.body)["error"], *_texts(document.body))


def _texts(body: bytes) -> list[str]:
    error = json.loads(body)["error"]
    return list(error.values()) if isinstance(error, dict) else []


@each_route
def test_the_same_seed_gives_the_same_ids(route: Route) -> None:
    """So that a run repeats, byte for byte."""
    fields = {"stream": True, "source": "a", "destination": "b"}
    body = json.dumps({**PLAUSIBLE, **fields}).encode()
    request = Request(route.method, route.path, params("m"), body)
    if route.path in FORMS:
        with pytest.raises(Refusal):
            route.codec(request, wire())
        return
    codecs = [route.codec(request, wire()) for _ in range(2)]
    if codecs[0].stream:
        event = Token("x") if isinstance(codecs[0].job, Infer) else Progress("x")
        first, second = (codec.encode(event) for codec in codecs)
        assert first == second


WATCHED = """
import random, sys
from ollama_simulator.model import Done, Infer, Progress, Refusal, Token
from ollama_simulator.wire.codec import Request, Wire
from ollama_simulator.wire.routes import ROUTES

PARAMS = {"model": "m", "digest": "sha256:" + 64 * "0", "key": "k"}
BODY = b'''{"model":"m","prompt":"x","input":"x","max_tokens":5,"stream":true,
           "source":"a","destination":"b",
           "messages":[{"role":"user","content":"x"}]}'''
wire = Wire(lambda: 1, random.Random(1))
armed, seen = True, []
sys.addaudithook(lambda event, args: seen.append(event) if armed else None)
for route in ROUTES:
    route.codec.error(Refusal(500, "x"), wire)
    if route.path == "/v1/audio/transcriptions":
        continue
    codec = route.codec(Request(route.method, route.path, PARAMS, BODY), wire)
    if codec.stream and not isinstance(codec.job, Infer):
        codec.encode(Progress("x"))
    elif codec.stream:
        codec.encode(Token("x"))
        codec.encode(Done("stop", None))
armed = False
print([event for event in seen if event.startswith(("open", "os.", "socket", "subprocess"))])
"""


def test_codecs_touch_nothing() -> None:
    """No file, no socket, no process: bytes in, bytes out."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, env=_path()
    )
    assert done.stdout.strip() == "[]"


def _path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
