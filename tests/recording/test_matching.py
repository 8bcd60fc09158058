"""Which recorded answer a request gets, and why it gets none."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ollama_simulator.recording.entries import Content, Exchange, Headers, Request
from ollama_simulator.recording.matching import Playlist
from ollama_simulator.recording.reading import Numbered, Tape

FORM = "multipart/form-data; boundary={}"


def exchange(
    body: bytes | Content, target: str = "/x", headers: Headers = (), ended: Any = "complete"
) -> Exchange:
    """A recorded POST."""
    content = Content.of(body) if isinstance(body, bytes) else body
    return Exchange(
        server="s1",
        at="now",
        request=Request(method="POST", target=target, headers=headers, body=content),
        ended=ended,
        seconds=0.0,
    )


def playlist(*exchanges: Exchange, **fields: Any) -> Playlist:
    """Of these; they stand in the lines from 2 on."""
    numbered = tuple(Numbered(line, each) for line, each in enumerate(exchanges, 2))
    return Playlist(Tape("tape.jsonl", (), numbered), **fields)


def line(
    found: Playlist, body: bytes, target: str = "/x", headers: Headers = (), method: str = "POST"
) -> int | None:
    """Which answer a request gets."""
    answer = found.next(method, target, headers, body)
    return None if answer is None else answer.line


@pytest.mark.parametrize(
    ("recorded", "asked", "same"),
    [
        (b'{"a": 1, "b": [1, 2]}', b'{"b":[1,2],"a":1.0}', True),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": 1}', b'{"a": "1"}', False),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}', False),
        (b'{"a": 1}', b'{"a": 1, "b": null}', False),
        (b'{"a": "\\u00e9"}', '{"a": "\u00e9"}'.encode(), True),
        (b'{"a": 1, "user": "x"}', b'{"a": 1, "metadata": {"z": 1}}', True),
        (b"", b"", True),
        (b"", b" ", True),
        (b"", b"{}", False),
        (b"\xff\x00", b"\xff\x00", True),
        (b"\xff\x00", b"\xff\x01", False),
        (b"{", b"{", True),
        (b"null", b"", True),
    ],
)
def test_bodies(recorded: bytes, asked: bytes, same: bool) -> None:
    assert (line(playlist(exchange(recorded)), asked) == 2) is same


def test_method_path_and_query_are_the_same() -> None:
    found = playlist(exchange(b"", target="/x?a=1&b=2"))
    assert line(found, b"", target="/x?a=1&b=2") == 2
    assert line(found, b"", target="/x?b=2&a=1") is None
    assert line(found, b"", target="/x") is None
    assert line(found, b"", target="/x?a=1&b=2", method="PUT") is None


def test_other_members_may_be_volatile() -> None:
    """Named by their paths; then those of old count."""
    found = playlist(
        exchange(b'{"options": {"seed": 1, "top_k": 2}, "user": "a"}'),
        volatile=("options.seed", "keep_alive", "options.none.here"),
    )
    assert line(found, b'{"options": {"seed": 9, "top_k": 2}, "user": "a", "keep_alive": 1}') == 2
    assert line(found, b'{"options": {"seed": 1, "top_k": 3}, "user": "a"}') is None
    assert line(found, b'{"options": {"top_k": 2}, "user": "b"}') is None


def test_forms_are_the_same_however_they_are_divided() -> None:
    """A client draws a boundary for each."""
    one, other = (
        b'--aa\r\nName: "x"\r\n\r\n\xff\r\n--aa--',
        b'--bb\r\nName: "x"\r\n\r\n\xff\r\n--bb--',
    )
    found = playlist(exchange(one, headers=(("content-type", FORM.format("aa")),)))
    assert line(found, other, headers=(("Content-Type", FORM.format('"bb"')),)) == 2
    assert (
        line(found, other.replace(b"x", b"y"), headers=(("Content-Type", FORM.format("bb")),))
        is None
    )


def test_a_large_body_is_compared_by_its_digest() -> None:
    large = b'{"a": 1}'
    found = playlist(exchange(Content(sha256=hashlib.sha256(large).hexdigest(), size=8)))
    assert line(found, large) == 2
    assert line(found, b'{"a":1}') is None


def test_in_their_order_and_then_the_last() -> None:
    """Each request by itself."""
    found = playlist(exchange(b"1"), exchange(b"2"), exchange(b"1"))
    assert [line(found, b"1") for _ in range(4)] == [2, 4, 4, 4]
    assert line(found, b"2") == 3
    found.rewind()
    assert line(found, b"1") == 2


def test_what_clients_left_counts_only_alone() -> None:
    found = playlist(exchange(b"1", ended="left"), exchange(b"1"), exchange(b"2", ended="left"))
    assert [line(found, b"1") for _ in range(2)] == [3, 3]
    assert line(found, b"2") == 4


ASKED = {"model": "m", "messages": [{"content": "a"}, {"content": "b"}], "stream": True}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"model": "n"}, "`model`"),
        ({"messages": [{"content": "a"}, {"content": "c"}]}, "`messages[1].content`"),
        ({"messages": []}, "`messages`"),
        ({"think": True}, "`think`"),
    ],
)
def test_why_not(change: dict[str, Any], place: str) -> None:
    """The nearest is that which differs in the fewest places."""
    far = exchange(json.dumps(ASKED | {"model": "far", "stream": False, "think": 1}).encode())
    found = playlist(far, exchange(json.dumps(ASKED).encode()))
    body = json.dumps(ASKED | change).encode()
    assert found.why_not("POST", "/x", (), body) == (
        f"POST /x was recorded 2 times; the nearest, in line 3, differs at {place}"
    )


def test_why_not_another_path() -> None:
    """Those with the same path first, or else some of all."""
    found = playlist(*(exchange(b"", target=f"/{name}") for name in ("b?x=1", *"cdefg", "b")))
    assert found.why_not("POST", "/b?x=2", (), b"") == (
        "POST /b?x=2 was not recorded; recorded were POST /b, POST /b?x=1"
    )
    assert found.why_not("GET", "/z", (), b"") == (
        "GET /z was not recorded; recorded were POST /b, POST /b?x=1, POST /c, POST /d, POST /e "
        "and 2 more"
    )
    assert playlist().why_not("GET", "/", (), b"").endswith("recorded were nothing")


def test_why_not_other_bytes() -> None:
    found = playlist(exchange(b"\xff"))
    assert found.why_not("POST", "/x", (), b"\xfe").endswith("the nearest, in line 2, differs")
    found = playlist(exchange(b"1"))
    assert found.why_not("POST", "/x", (), b"2").endswith("in line 2, differs at its body")
