"""What no client should send, to a server: no crash, no hang, no leak, and no 5xx that Ollama
doesn't give.

`HOSTILE_EXAMPLES=5000` has Hypothesis look for more than the usual few.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as looking
from hypothesis import strategies as st

from ollama_simulator.model import Model
from ollama_simulator.settings import Settings
from tests.security.target import SILENCE_S, Leaving, Target, targeted

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "120"))
looked_for = looking(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="HOSTILE_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)

CRLF = b"\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
PROMPT = {"model": "test-model", "prompt": "Hi", "stream": False}
BODY = json.dumps(PROMPT).encode()
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")
OLLAMAS = re.compile(
    rb"option .{1,4}\w+.{1,4} must be of |no such file or directory|quantization|"
    rb"unqualified name|\r\n\r\n$"
)
"""What Ollama itself answers with 500 (native specification, section 7): some of it as it stands,
and nothing after a panic."""
GOS = {501, 505}
"""The 5xx that Go's library has for bytes that are no request."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A server for all of these tests, which each must leave as it was."""
    can = ("completion", "tools", "insert", "vision", "thinking", "embedding", "audio")
    model = Model("test-model", 4_000_000_000, "d1", "test", "7B", "Q4_K_M", capabilities=can)
    with targeted(Settings(installed_models=(model,))) as target:
        yield target


def statuses(answer: bytes) -> list[int]:
    """Those of all answers."""
    assert not answer or STATUS.match(answer), answer[:200]
    return [int(found) for found in STATUS.findall(answer)]


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Bytes, cut at these places."""
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


# --- by hand: what is known to break servers ------------------------------------------------


def deep(levels: int) -> bytes:
    """JSON of so many levels."""
    return b'{"model": "test-model", "format": ' + b"[" * levels + b"]" * levels + b"}"


def sent(body: bytes, path: bytes = b"/api/generate") -> bytes:
    """A request with this body."""
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (
        path,
        len(body),
        body,
    )


KNOWN: dict[str, tuple[bytes, list[int]]] = {
    # heads
    "a header of 2 MiB": (GET + b"A: " + b"x" * 2**21 + 2 * CRLF, [431]),
    "200,000 headers": (GET + b"A: b\r\n" * 200_000 + CRLF, [431]),
    "20,000 headers": (GET + b"A: b\r\n" * 20_000 + CRLF, [200]),
    "a path of 2 MiB": (b"GET /" + b"x" * 2**21 + b" HTTP/1.1\r\n", [431]),
    "a line without an end": (b"G" * 2**21, [431]),
    "a folded header": (GET + b"A: b\r\n\t c\r\n\r\n", [200]),
    "a fold before the first header": (b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", [400]),
    "bare line feeds": (GET.replace(CRLF, b"\n") + b"\n", [200]),
    "bare carriage returns": (GET.replace(CRLF, b"\r") + b"\r\r", [400]),
    "a NUL": (GET + b"A: \x00\r\n\r\n", [400]),
    "a space before the colon": (GET + b"A : b\r\n\r\n", [400]),
    "another version": (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", [505]),
    "HTTP/0.9": (b"GET /\r\n\r\n", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), [400]),
    "an absurd method": (b"!#$%&'*+.^_`|~0 / HTTP/1.1\r\nHost: localhost\r\n\r\n", [405]),
    "a method of 60 kB": (b"A" * 60_000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", [405]),
    # lengths: who disagrees about them can be made to smuggle
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", [400]),
    "a length and chunks": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "chunks, and chunks again": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [501],
    ),
    "another coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [501]),
    "a disguised coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [501]),
    "a coding behind a tab": (POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", [400]),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", [400]),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}", [400]),
    "a length in hexadecimal": (POST + b"Content-Length: 0x2\r\n\r\n{}", [400]),
    "a length of another alphabet": (POST + "Content-Length: ٢\r\n\r\n{}".encode(), [400]),
    "a length that no computer has": (POST + b"Content-Length: %d\r\n\r\n" % 2**63, [400]),
    "a length of 5,000 digits": (POST + b"Content-Length: " + b"9" * 5000 + 2 * CRLF, [400]),
    "a length with too little behind it": (POST + b"Content-Length: 1000\r\n\r\n{}", [404]),
    # chunks
    "a chunk of no number": (CHUNKED + b"zz\r\n", [400]),
    "a chunk of a negative number": (CHUNKED + b"-1\r\n", [400]),
    "a chunk that no computer has": (CHUNKED + b"f" * 17 + CRLF, [400]),
    "an extension of 5,000 bytes": (CHUNKED + b"1;" + b"x" * 5000 + CRLF, [400]),
    "an extension": (CHUNKED + b'1;a="b"\r\n{\r\n1\r\n}\r\n0\r\n\r\n', [404]),
    "a chunk with too much behind it": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", [400]),
    "a chunk that ends with a bare line feed": (CHUNKED + b"2\n{}\n0\n\n", [400]),
    "no last chunk": (CHUNKED + b"2\r\n{}\r\n", [404]),
    "a trailer that is none": (
        CHUNKED + b"%x\r\n%s\r\n0\r\nbad\r\n\r\n" % (len(BODY), BODY),
        [200],
    ),
    "100,000 chunks of a byte": (CHUNKED + b"1\r\n \r\n" * 100_000 + b"0\r\n\r\n", [400]),
    # bodies
    "nothing": (sent(b""), [400]),
    "a NUL for a body": (sent(b"\x00"), [400]),
    "half a character": (sent(b'{"model": "\xe2\x82'), [400]),
    "UTF-16": (sent(BODY.decode().encode("utf-16")), [400]),
    "half a surrogate": (
        sent(rb'{"model": "test-model", "prompt": "\ud800", "stream": false}'),
        [200],
    ),
    "10,001 levels": (sent(deep(10_001)), [400]),
    "100,000 levels": (sent(deep(100_000)), [400]),
    "a million brackets": (sent(b"[" * 10**6), [400]),
    "a number of 10,000 digits": (
        sent(b'{"model": "m", "keep_alive": %s}' % (b"9" * 10_000)),
        [400],
    ),
    "a number without bounds": (sent(b'{"model": "m", "options": {"seed": 1e999}}'), [400]),
    "a number that is none": (sent(b'{"model": "m", "options": {"seed": NaN}}'), [400]),
    "a name twice": (sent(b'{"model": "m", "model": "test-model", "stream": false}'), [200]),
    "a context without bounds": (
        sent(
            b'{"model": "test-model", "prompt": "Hi", "stream": false, "options": {"num_ctx": %d}}'
            % 2**62
        ),
        [200],
    ),
    "fewer tokens than none": (
        sent(
            b'{"model": "test-model", "stream": false, "prompt": "x", '
            b'"options": {"num_predict": -9}}'
        ),
        [200],
    ),
    "a name of a megabyte": (sent(b'{"model": "%s"}' % (b"m" * 2**20)), [400]),
    "a path for a name": (sent(b'{"model": "../../etc/passwd"}'), [400]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_to_break_servers(target: Target, name: str) -> None:
    """Sent at once and in pieces. Who is answered 200 waits for it: whose side has ended is not
    answered for certain."""
    data, expected = KNOWN[name]
    leaving: Leaving = "answered" if expected == [200] else "half"
    for cuts in ((), (1, 7, len(data) // 2)):
        assert statuses(target.ask(pieces(data, cuts), leaving)) == expected
    target.settled()


# --- by Hypothesis: what nobody thought of ----------------------------------------------------

odd_bytes = st.binary(min_size=0, max_size=40)
methods = st.sampled_from(
    [
        b"GET",
        b"POST",
        b"POST",
        b"POST",
        b"HEAD",
        b"DELETE",
        b"OPTIONS",
        b"PUT",
        b"CONNECT",
        b"PRI",
        b"get",
        b"",
        b"G T",
        b"\x00",
        b"POST\t",
    ]
)
PATHS = [
    b"/",
    b"/api/version",
    b"/api/tags",
    b"/api/ps",
    b"/api/show",
    b"/api/generate",
    b"/api/chat",
    b"/api/embed",
    b"/api/embeddings",
    b"/api/pull",
    b"/api/push",
    b"/api/create",
    b"/api/copy",
    b"/api/delete",
    b"/api/blobs/sha256:" + b"0" * 64,
    b"/api/blobs/sha256:..%2f..",
    b"/api/me",
    b"/v1/chat/completions",
    b"/v1/completions",
    b"/v1/embeddings",
    b"/v1/models",
    b"/v1/messages",
    b"/v1/models/x",
    b"/v1/responses",
    b"/v1/audio/transcriptions",
    b"/api/signout",
]
targets = st.one_of(
    st.sampled_from(PATHS),
    st.sampled_from(PATHS),
    st.sampled_from(
        [
            b"*",
            b"",
            b"//",
            b"/%",
            b"/%zz",
            b"/../..",
            b"http://localhost/api/tags",
            b"http://[::1",
            b"localhost:80",
            b"/\xff",
            b"/api/tags/",
            b"/?%%%",
            b"/a b",
        ]
    ),
    odd_bytes,
)
versions = st.sampled_from(
    [b"HTTP/1.1"] * 6
    + [
        b"HTTP/1.0",
        b"HTTP/1.2",
        b"HTTP/2.0",
        b"HTTP/0.9",
        b"http/1.1",
        b"HTTP/1.1 ",
        b"",
        b"HTTP/11",
    ]
)
ends = st.sampled_from([CRLF] * 8 + [b"\n", b"\r", b"\r\r\n", b" \r\n"])
HEADERS = [
    b"Host: localhost",
    b"Host:",
    b"Host: evil.example",
    b"Host: localhost\r\n folded",
    b"Connection: close",
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Expect: 200-ok",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding: identity",
    b"transfer-encoding: CHUNKED",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: 05",
    b"Content-Length: 5, 5",
    b"Content-Length: 1e3",
    b"Content-Length:",
    b"Content-Encoding: gzip",
    b"Content-Encoding: zstd",
    b"Content-Type: application/json",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Content-Type: multipart/form-data",
    b"Trailer: Content-Length",
    b"Origin: http://evil.example",
    b"Origin: null",
    b"Accept-Encoding: gzip",
    b"X-Simulator-Fault: {}",
    b"Range: bytes=0-",
    b": empty",
    b"Authorization: Basic !!!",
    b"Cookie: " + b"a=b;" * 50,
]
headers = st.lists(
    st.one_of(st.sampled_from(HEADERS), st.sampled_from(HEADERS), odd_bytes), max_size=6
)
fields = st.sampled_from(
    [
        "model",
        "prompt",
        "messages",
        "stream",
        "options",
        "keep_alive",
        "format",
        "images",
        "tools",
        "think",
        "raw",
        "template",
        "system",
        "suffix",
        "input",
        "truncate",
        "dimensions",
        "from",
        "files",
        "name",
        "source",
        "destination",
        "verbose",
        "insecure",
        "quantize",
        "parameters",
        "license",
        "max_tokens",
        "n",
        "stop",
        "logprobs",
        "temperature",
        "tool_choice",
        "response_format",
        "role",
        "content",
        "instructions",
        "previous_response_id",
        "thinking",
        "num_ctx",
        "num_predict",
        "seed",
    ]
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.text(max_size=8),
        st.floats(allow_nan=False),
        st.sampled_from(
            [
                "test-model",
                "test-model:latest",
                "json",
                "user",
                "-1",
                "1h",
                "sha256:0",
                "../../etc/passwd",
                "{{",
                "{{.Prompt}}",
                "\x00",
                "data:image/png;base64,",
                1e308,
                -0.0,
                2**63,
                2**64,
                -1,
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(fields, st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=8,
)
documents = st.dictionaries(fields, values, max_size=6).map(
    lambda found: json.dumps({"model": "test-model", **found}).encode()
)
bodies = st.one_of(
    documents,
    documents,
    st.tuples(documents, st.integers(0, 200)).map(lambda both: both[0][: both[1]]),
    st.tuples(documents, st.integers(0, 60), odd_bytes).map(
        lambda all_: all_[0][: all_[1]] + all_[2] + all_[0][all_[1] :]
    ),
    st.integers(1, 12_000).map(deep),
    odd_bytes,
)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks, some of them not as they should be."""
    out = b""
    for piece in pieces(body, draw(st.lists(st.integers(0, 100), max_size=3))):
        size = draw(
            st.sampled_from(
                [b"%x" % len(piece)] * 8 + [b"%X;x=y" % len(piece), b"-1", b"fffffffffff", b""]
            )
        )
        out += size + draw(ends) + piece + draw(ends)
    return out + draw(
        st.sampled_from(
            [b"0\r\n\r\n"] * 6 + [b"0\r\n", b"", b"0\r\nA: b\r\n\r\n", b"0\r\nx\r\n\r\n"]
        )
    )


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, mostly such that something of it is understood."""
    lines = [b" ".join([draw(methods), draw(targets), draw(versions)])]
    lines += [b"Host: localhost"] * draw(st.sampled_from([1, 1, 1, 1, 0, 2]))
    lines += draw(headers)
    body: bytes = draw(bodies)
    match draw(
        st.sampled_from(["length", "length", "length", "chunks", "chunks", "none", "wrong"])
    ):
        case "length":
            lines.append(b"Content-Length: %d" % len(body))
        case "chunks":
            lines.append(b"Transfer-Encoding: chunked")
            body = draw(chunked(body))
        case "wrong":
            lines.append(b"Content-Length: %d" % (len(body) + draw(st.integers(-3, 300))))
    end = draw(ends)
    head: bytes = end.join([*lines, b"", b""])
    return head + body


@looked_for
@given(
    asked=st.lists(requests(), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 5000), max_size=4),
    leaving=st.sampled_from(["half", "half", "close", "reset"]),
)
def test_what_nobody_thought_of(
    target: Target, asked: list[bytes], cuts: list[int], leaving: Leaving
) -> None:
    """Requests one behind the other, cut anywhere, and clients that leave anyhow."""
    found = statuses(target.ask(pieces(b"".join(asked), cuts), leaving, SILENCE_S))
    assert {status for status in found if status >= 500} <= GOS
    target.settled()


@looked_for
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=3))
def test_any_bytes(target: Target, data: bytes, cuts: list[int]) -> None:
    found = statuses(target.ask(pieces(data, cuts), "half", SILENCE_S))
    assert {status for status in found if status >= 500} <= GOS
    target.settled()


CALL = {"function": {"name": "f", "arguments": {"a": 1}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
GOOD: dict[str, dict[str, Any]] = {
    "/api/show": {"model": "test-model", "verbose": True},
    "/api/generate": {
        "model": "test-model",
        "prompt": "Hi",
        "system": "s",
        "template": "{{ .Prompt }}",
        "context": [1, 2],
        "images": ["aGk="],
        "suffix": "",
        "raw": False,
        "think": False,
        "stream": False,
        "format": {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}},
        "options": {"seed": 1, "num_ctx": 512, "num_predict": 5, "stop": ["x"], "temperature": 0.5},
        "keep_alive": "5m",
        "logprobs": True,
        "top_logprobs": 2,
    },
    "/api/chat": {
        "model": "test-model",
        "messages": [
            {"role": "user", "content": "Hi", "images": ["aGk="]},
            {"role": "assistant", "content": "", "tool_calls": [CALL], "thinking": "hm"},
            {"role": "tool", "content": "1", "tool_name": "f"},
        ],
        "tools": [TOOL],
        "stream": True,
        "options": {"num_predict": 5},
        "keep_alive": 60,
        "format": "json",
    },
    "/api/embed": {"model": "test-model", "input": ["a", "b"], "truncate": True, "dimensions": 8},
    "/api/embeddings": {"model": "test-model", "prompt": "Hi", "options": {}},
    "/api/pull": {"model": "llama3.2", "insecure": False, "stream": False},
    "/api/push": {"model": "me/test-model", "stream": False},
    "/api/create": {
        "model": "new",
        "from": "test-model",
        "system": "s",
        "template": "{{ .Prompt }}",
        "messages": [{"role": "user", "content": "a"}],
        "parameters": {"stop": ["x"], "seed": 1},
        "license": ["l"],
        "stream": False,
    },
    "/api/copy": {"source": "test-model", "destination": "other"},
    "/api/delete": {"model": "none"},
    "/v1/chat/completions": {
        "model": "test-model",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                ],
            }
        ],
        "max_tokens": 5,
        "stop": "x",
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [TOOL],
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "n": 1,
    },
    "/v1/completions": {
        "model": "test-model",
        "prompt": "Hi",
        "max_tokens": 5,
        "suffix": "",
        "echo": False,
    },
    "/v1/embeddings": {
        "model": "test-model",
        "input": "Hi",
        "encoding_format": "base64",
        "dimensions": 4,
    },
    "/v1/messages": {
        "model": "test-model",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "s"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 10},
        "stop_sequences": ["x"],
        "metadata": {},
    },
    "/v1/responses": {
        "model": "test-model",
        "input": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "max_output_tokens": 5,
        "instructions": "s",
        "reasoning": {"effort": "low"},
        "tools": [TOOL],
        "text": {"format": {"type": "text"}},
    },
}
"""A request of each endpoint that is fine, or nearly so, with as many fields as it may have."""


def places(value: Any, *at: Any) -> Iterator[tuple[Any, ...]]:
    """The place of each value within one."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from places(inner, *at, key)


def alike(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same type, and of any size."""
    match value:
        case bool():
            return st.just(not value)
        case int() | float():
            extremes = [
                0,
                -1,
                1,
                2**31,
                -(2**31),
                2**53 + 1,
                2**63 - 1,
                2**63,
                -(2**70),
                1e308,
                0.1,
            ]
            return st.one_of(st.sampled_from(extremes), st.floats(allow_nan=False), st.integers())
        case str():
            odd = [
                "",
                " ",
                "\x00",
                "{{",
                "{{ .Nothing.At.All }}",
                "\ud800",
                "a" * 10_000,
                "data:,",
                "-1s",
            ]
            return st.one_of(st.sampled_from(odd), st.text(max_size=30), st.just(value * 2))
        case list():
            return st.sampled_from([[], value * 2, [value], value[:-1], value * 50])
        case dict():
            return st.sampled_from([{}, {"": value}, {**value, "a": value}])
    return values


ENDLESS = ("num_predict", "max_tokens", "max_output_tokens", "budget_tokens")
"""Fields by which an answer may last as long as a client likes."""


def odd(name: Any, usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What a field may be given."""
    return st.sampled_from([0, 1, 7, 1.5, "x", None, []]) if name in ENDLESS else usual


@st.composite
def almost_good(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good request in which up to three values are odd, missing or too many."""
    path = draw(st.sampled_from(sorted(GOOD)))
    document = copy.deepcopy(GOOD[path])
    for _ in range(draw(st.integers(0, 3))):
        if not (there := list(places(document))):
            break
        *outer, last = draw(st.sampled_from(there))
        inside: Any = document
        for key in outer:
            inside = inside[key]
        match draw(st.sampled_from(["alike"] * 4 + ["other", "none", "one more", "again"])):
            case "alike":
                inside[last] = draw(odd(last, alike(inside[last])))
            case "other":
                inside[last] = draw(odd(last, values))
            case "none":
                del inside[last]
            case "one more" if isinstance(inside, dict):
                name = draw(fields)
                inside[name] = draw(odd(name, values))
            case _:
                inside[last] = [copy.deepcopy(inside[last])] * draw(st.integers(1, 40))
    return path, json.dumps(document).encode()


@looked_for
@given(asked=almost_good(), more=st.sampled_from([b"", b"", b"", b"Content-Encoding: gzip\r\n"]))
def test_documents_that_nobody_thought_of(
    target: Target, asked: tuple[str, bytes], more: bytes
) -> None:
    """Requests that are HTTP, and mean anything or nothing. Each is answered."""
    path, body = asked
    method = b"DELETE" if path == "/api/delete" else b"POST"
    length = b"%sContent-Length: %d\r\nConnection: close\r\n\r\n" % (more, len(body))
    data = b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s" % (method, path.encode(), length, body)
    answer = target.ask([data], "answered")
    (status,) = statuses(answer)
    assert status < 500 or OLLAMAS.search(answer), data
    target.settled()
