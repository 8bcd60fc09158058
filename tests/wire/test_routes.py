"""Which path leads where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.acts import Framing
from ollama_simulator.wire.anthropic import Messages
from ollama_simulator.wire.codec import Codec
from ollama_simulator.wire.ollama import Chat, Generate
from ollama_simulator.wire.ollama_models import Ps, Root, Tags
from ollama_simulator.wire.openai_chat import ChatCompletions
from ollama_simulator.wire.openai_models import Models, OneModel
from ollama_simulator.wire.routes import ROUTES, Fixed, Match, dialect, resolve

HTML = ("Content-Type", "text/html; charset=utf-8")
TEXT = ("Content-Type", "text/plain")


@pytest.mark.parametrize(
    ("method", "target", "codec", "path"),
    [
        ("GET", "/", Root, "/"),
        ("HEAD", "/", Root, "/"),
        ("GET", "/?a=b&c=%00", Root, "/"),
        ("HEAD", "/api/tags", Tags, "/api/tags"),
        ("GET", "/api/tags?x=/../y", Tags, "/api/tags"),
        ("GET", "/api%2Ftags", Tags, "/api/tags"),
        ("GET", "/api/t%61gs", Tags, "/api/tags"),
        ("GET", "http://example.com:11434/api/ps?q", Ps, "/api/ps"),
        ("POST", "/api/generate", Generate, "/api/generate"),
        ("GET", "/v1/models", Models, "/v1/models"),
    ],
)
def test_match(method: str, target: str, codec: type[Codec], path: str) -> None:
    """The query is ignored, the path decoded."""
    assert resolve(method, target) == Match(codec, {}, path)


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("/v1/models/plain", "plain"),
        ("/v1/models/plain:7b?x", "plain:7b"),
        ("/v1/models/a%20b", "a b"),
        ("/v1/models/%F0%9F%98%80", "😀"),
        ("/v1/models/%ff", "\ufffd"),
        ("/v1/models/\xc3\xa9", "é"),
    ],
)
def test_parameter(target: str, model: str) -> None:
    """One segment of the path; what is no text is replaced."""
    match = resolve("GET", target)
    assert isinstance(match, Match)
    assert (match.codec, match.params) == (OneModel, {"model": model})


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nope"),
        ("POST", "/nope"),
        ("PUT", "/nope"),
        ("GET", "/api/"),
        ("GET", "/API/tags"),
        ("GET", "/metrics"),
        ("GET", "/api/chat/"),
        ("POST", "/api/generate/x"),
        ("GET", "/api%2F%2Ftags"),
        ("GET", "/v1/models/milkey/custom:v1"),
        ("GET", "/v1/models/milkey%2Fcustom:v1"),
        ("POST", "/v1/messages/count_tokens"),
        ("CONNECT", "example.com:443"),
    ],
)
def test_not_found(method: str, target: str) -> None:
    """Plain text without a newline."""
    assert resolve(method, target) == Fixed(404, (TEXT,), b"404 page not found")


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/", "HEAD, GET"),
        ("PUT", "/api/tags", "HEAD, GET"),
        ("POST", "/api/version", "HEAD, GET"),
        ("HEAD", "/api/ps", "GET"),
        ("HEAD", "/api/chat", "POST"),
        ("GET", "/api/chat", "POST"),
        ("GET", "/api/show?model=plain", "POST"),
        ("HEAD", "/v1/models", "GET"),
        ("DELETE", "/v1/models/x", "GET"),
        ("FOO", "/v1/messages", "POST"),
    ],
)
def test_wrong_method(method: str, target: str, allow: str) -> None:
    """The path is known, and so are its methods."""
    expected = Fixed(405, (("Allow", allow), TEXT), b"405 method not allowed")
    assert resolve(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target", "location"),
    [
        ("GET", "/api/ps/", "/api/ps"),
        ("GET", "/api/tags/?x=1", "/api/tags?x=1"),
        ("GET", "/v1/models/", "/v1/models"),
        ("GET", "/v1/models/a:b/", "/v1/models/a:b"),
        ("GET", "/api/tags%2F", "/api/tags"),
    ],
)
def test_slash_of_a_get(method: str, target: str, location: str) -> None:
    """Moved for good, with a page."""
    page = f'<a href="{location}">Moved Permanently</a>.\n\n'.encode()
    assert resolve(method, target) == Fixed(301, (HTML, ("Location", location)), page)


def test_slash_of_others() -> None:
    """The method is kept. Where there is no body, nobody says how long it is."""
    assert resolve("POST", "/api/show/") == Fixed(307, (("Location", "/api/show"),))
    head = Fixed(307, (HTML, ("Location", "/api/tags")), framing=Framing.NONE)
    assert resolve("HEAD", "/api/tags/") == head


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//api/tags", "/api/tags"),
        ("/api/../api/tags", "/api/tags"),
        ("/api/./tags?x=1", "/api/tags?x=1"),
        ("/..", "/"),
        ("/./", "/"),
        ("//nope/", "/nope/"),
        ("/a/../b'<&\">", "/b'<&\">"),
        ("", "/"),
        ("http://example.com", "/"),
        ("api/tags", "/api/tags"),
    ],
)
def test_cleaning(target: str, location: str) -> None:
    """A path that is not clean is redirected, known or not."""
    found = resolve("GET", target)
    shown = location.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = shown.replace('"', "&#34;").replace("'", "&#39;")
    page = f'<a href="{shown}">Temporary Redirect</a>.\n\n'.encode()
    assert found == Fixed(307, (HTML, ("Location", location)), page)
    assert resolve("POST", target) == Fixed(307, (("Location", location),))


def test_bad_escape() -> None:
    """Go's library answers itself."""
    expected = Fixed(400, (("Content-Type", "text/plain; charset=utf-8"),), b"400 Bad Request")
    assert resolve("GET", "/api/%zz") == expected
    assert resolve("GET", "/api/%2") == expected


def test_server_wide_options() -> None:
    """So here."""
    assert resolve("OPTIONS", "*") == Fixed(200)


@given(st.sampled_from(["GET", "HEAD", "POST"]), st.text(st.characters(max_codepoint=255)))
def test_nonsense(method: str, target: str) -> None:
    """Anything has an answer and a dialect."""
    found = resolve(method, target)
    if isinstance(found, Fixed):
        assert found.status in (301, 307, 400, 404, 405)
    dialect(target)


@given(st.text(st.sampled_from("/.%2fapitgs"), max_size=20))
def test_a_redirect_leads_on(path: str) -> None:
    """Following it never leads to where it came from."""
    target: str | None = "/" + path
    seen: set[str] = set()
    while target is not None:
        assert target not in seen
        seen.add(target)
        found = resolve("GET", target)
        headers = dict(found.headers) if isinstance(found, Fixed) else {}
        target = headers.get("Location")


@pytest.mark.parametrize(
    ("target", "codec"),
    [
        ("/nope", Chat),
        ("/api/nope?x=/v1/", Chat),
        ("*", Chat),
        ("/v1", Chat),
        ("/v1/nope", ChatCompletions),
        ("/v1/completions?x", ChatCompletions),
        ("//v1/nope", ChatCompletions),
        ("/v1/messages2", ChatCompletions),
        ("/v1/messages", Messages),
        ("/v1/messages?beta=true", Messages),
        ("/v1/messages/count_tokens", Messages),
        ("/v1%2Fmessages", Messages),
        ("http://example.com/v1/messages", Messages),
    ],
)
def test_dialect(target: str, codec: type[Codec]) -> None:
    """Whose errors a path has, known or not."""
    assert dialect(target) is codec


def test_the_promised_routes_are_there() -> None:
    """The endpoints of the README, with their methods."""
    assert {f"{route.method} {route.path}" for route in ROUTES} == {
        "GET /",
        "HEAD /",
        "GET /api/version",
        "HEAD /api/version",
        "GET /api/tags",
        "HEAD /api/tags",
        "POST /api/show",
        "GET /api/ps",
        "POST /api/chat",
        "POST /api/generate",
        "POST /api/embed",
        "POST /api/embeddings",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "POST /v1/embeddings",
        "POST /v1/chat/completions",
        "POST /v1/messages",
    }
