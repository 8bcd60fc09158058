"""Which path leads where, and what is answered without asking any endpoint."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.settings import PROFILES, Settings
from ollama_simulator.wire.anthropic import Messages
from ollama_simulator.wire.codec import Codec
from ollama_simulator.wire.ollama import Chat, Generate
from ollama_simulator.wire.ollama_models import Ps, Root, Tags
from ollama_simulator.wire.openai_chat import ChatCompletions
from ollama_simulator.wire.openai_models import Models, OneModel
from ollama_simulator.wire.redirects import Fixed
from ollama_simulator.wire.routes import ROUTES, Match, dialect, resolve
from tests.wire.speaking import silent

HTML = ("Content-Type", "text/html; charset=utf-8")
TEXT = ("Content-Type", "text/plain")
OLD = Settings(wire="0.13.5")
PAGE = "http://localhost:3000"
PAGE_HEADERS = (("Access-Control-Allow-Origin", PAGE), ("Vary", "Origin"))


def asked(
    method: str, target: str, headers: Mapping[str, str] | None = None, **settings: object
) -> Match | Fixed:
    """What a request with these headers gets, by a name that passes."""
    given = {"host": "localhost:11434", **(headers or {})}
    return resolve(method, target, given.get, Settings(**settings))  # type: ignore[arg-type]


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
        ("GET", "http://localhost:1/api/ps?q", Ps, "/api/ps"),
        ("POST", "/api/generate", Generate, "/api/generate"),
        ("GET", "/v1/models", Models, "/v1/models"),
    ],
)
def test_match(method: str, target: str, codec: type[Codec], path: str) -> None:
    """The query is ignored, the path decoded."""
    assert asked(method, target) == Match(codec, {}, path)


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("/v1/models/plain", "plain"),
        ("/v1/models/qwen3%3A8b?x", "qwen3:8b"),
        ("/v1/models/%C3%A4", "ä"),
        ("/v1/models/%ff", "\ufffd"),
        ("/v1/models/{model}", "{model}"),
    ],
)
def test_named_parts(target: str, model: str) -> None:
    """One segment, decoded."""
    found = asked("GET", target)
    assert isinstance(found, Match)
    assert (found.codec, dict(found.params)) == (OneModel, {"model": model})


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nope"),
        ("POST", "/v1"),
        ("GET", "/API/tags"),
        ("GET", "/api/"),
        ("GET", "/api/chat/"),
        ("POST", "/api/blobs/"),
        ("GET", "/api%2F%2Ftags"),
        ("GET", "/v1/models/a/b"),
        ("GET", "/v1/models/a%2Fb"),
        ("FOO", "/nope"),
    ],
)
def test_not_found(method: str, target: str) -> None:
    """Plain text without a newline."""
    assert asked(method, target) == Fixed(404, (TEXT,), b"404 page not found")


def test_a_tunnel_is_found_by_nobody() -> None:
    """Go's library answers itself, with a newline (1.1)."""
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    assert asked("CONNECT", "localhost:80") == Fixed(404, headers, b"404 page not found\n")


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
        ("GET", "/api/blobs/sha256:00", "HEAD, POST"),
        ("GET", "/api/user/keys/abc", "DELETE"),
        ("HEAD", "/v1/models", "GET"),
        ("DELETE", "/v1/models/x", "GET"),
        ("FOO", "/v1/messages", "POST"),
        ("CONNECT", "/api/tags", "HEAD, GET"),
    ],
)
def test_wrong_method(method: str, target: str, allow: str) -> None:
    """The path is known, and so are its methods."""
    expected = Fixed(405, (("Allow", allow), TEXT), b"405 method not allowed")
    assert asked(method, target) == expected


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/api/status", "/v1/messages", "/api/experimental/model-recommendations"]
)
def test_routes_of_later_versions(method: str, path: str) -> None:
    """They are nothing to an old server (11)."""
    assert asked(method, path, wire="0.13.5") == Fixed(404, (TEXT,), b"404 page not found")
    assert asked(method, path) != Fixed(404, (TEXT,), b"404 page not found")


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_strangers(headers: dict[str, str]) -> None:
    """They are refused wherever they knock, but redirected before (1.3)."""
    assert asked("GET", "/api/tags", headers) == Fixed(403)
    assert asked("GET", "/api/t%61gs", headers) == Fixed(403)
    assert asked("GET", "/nope", headers) == Fixed(403)
    assert asked("OPTIONS", "/nope", headers) == Fixed(403)
    assert asked("GET", "/api/chat", headers) == Fixed(403, (("Allow", "POST"),))
    for target, status in (("/api/tags/", 301), ("//api/tags", 307)):
        found = asked("GET", target, headers)
        assert isinstance(found, Fixed)
        assert found.status == status
        assert found.common == ()


def test_a_server_that_all_may_reach_minds_no_host() -> None:
    """But it minds pages (1.6)."""
    headers = {"host": "evil.example"}
    assert asked("GET", "/api/tags", headers, bind="0.0.0.0") == Match(Tags, {}, "/api/tags")
    headers |= {"origin": "http://other.example"}
    assert asked("GET", "/api/tags", headers, bind="0.0.0.0") == Fixed(403)


def test_the_host_of_a_whole_target_counts() -> None:
    """Whatever the header says (1.6)."""
    assert asked("GET", "http://evil.example/api/ps") == Fixed(403)
    headers = {"host": "evil.example"}
    assert asked("GET", "http://localhost/api/ps", headers) == Match(Ps, {}, "/api/ps")


def test_pages_are_told_that_they_may() -> None:
    """On every answer but a redirect (1.5)."""
    headers = {"origin": PAGE}
    assert asked("GET", "/api/tags", headers) == Match(Tags, {}, "/api/tags", PAGE_HEADERS)
    for method, target in (("GET", "/nope"), ("GET", "/api/chat")):
        found = asked(method, target, headers)
        assert isinstance(found, Fixed)
        assert found.common == PAGE_HEADERS
    refused = asked("GET", "/api/tags", {**headers, "host": "evil.example"})
    assert refused == Fixed(403, PAGE_HEADERS)


def test_preflight() -> None:
    """Sorted, with what the path allows if there is one (1.5)."""
    found = asked("OPTIONS", "/api/chat", {"origin": PAGE})
    assert isinstance(found, Fixed)
    assert found.status == 204
    assert [name for name, _ in found.headers] == [
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
        "Access-Control-Max-Age",
        "Allow",
        "Vary",
        "Vary",
        "Vary",
    ]
    assert dict(found.headers)["Allow"] == "POST"
    nowhere = asked("OPTIONS", "/nope", {"origin": PAGE})
    assert isinstance(nowhere, Fixed)
    assert "Allow" not in dict(nowhere.headers)


def test_options_of_others() -> None:
    """They depend on how the host is written (1.5)."""
    allow = ("Allow", "POST")
    assert asked("OPTIONS", "/api/chat") == Fixed(204, (allow,))
    assert asked("OPTIONS", "/nope") == Fixed(204)
    address = {"host": "127.0.0.1:11434"}
    expected = Fixed(405, (allow, TEXT), b"405 method not allowed")
    assert asked("OPTIONS", "/api/chat", address) == expected


@pytest.mark.parametrize("value", ["200-ok", "100-continuex"])
def test_an_expectation_that_nobody_meets(value: str) -> None:
    """Go's library answers, and ends the connection (1.1)."""
    assert asked("POST", "/api/show", {"expect": value}) == Fixed(417, (("Connection", "close"),))


@pytest.mark.parametrize("value", ["", "100-continue", "x, 100-Continue"])
def test_an_expectation_that_is_met(value: str) -> None:
    """It changes nothing here."""
    assert asked("GET", "/api/tags", {"expect": value}) == Match(Tags, {}, "/api/tags")


@pytest.mark.parametrize("target", ["/api/%zz", "/api/%2", "", "api/tags", "/a\x01"])
def test_bad_targets(target: str) -> None:
    """Go's library answers itself."""
    expected = Fixed(400, (("Content-Type", "text/plain; charset=utf-8"),), b"400 Bad Request")
    assert asked("GET", target) == expected


def test_asking_the_whole_server() -> None:
    """Only for its options (1.5)."""
    assert asked("OPTIONS", "*") == Fixed(200, (("Content-Length", "0"),))
    assert asked("GET", "*") == Fixed(400, (("Connection", "close"),))


@given(st.sampled_from(["GET", "HEAD", "POST"]), st.text(st.characters(max_codepoint=255)))
def test_nonsense(method: str, target: str) -> None:
    """Anything has an answer and a dialect."""
    found = resolve(method, target)
    if isinstance(found, Fixed):
        assert found.status in (301, 307, 400, 403, 404, 405)
    dialect(target)


@given(st.text(st.sampled_from("/.2fapitgs"), max_size=20), st.sampled_from([Settings(), OLD]))
def test_a_redirect_leads_on(path: str, settings: Settings) -> None:
    """Following it never leads to where it came from."""
    target: str | None = "/" + path
    seen: set[str] = set()
    while target is not None:
        assert target not in seen
        seen.add(target)
        found = resolve("GET", target, silent, settings)
        headers = dict(found.headers) if isinstance(found, Fixed) else {}
        target = headers.get("Location")


@pytest.mark.parametrize(
    ("target", "codec"),
    [
        ("/nope", Chat),
        ("/api/nope?x=/v1/", Chat),
        ("*", Chat),
        ("", Chat),
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


def test_no_route_is_there_twice() -> None:
    """A method and a path lead to one codec in each profile."""
    for profile in PROFILES:
        known = [
            (route.method, route.path) for route in ROUTES if route.since <= profile <= route.until
        ]
        assert len(set(known)) == len(known)


def test_health_is_there_where_it_is_wanted() -> None:
    """Ollama has no such path; some routers insist on it."""
    assert asked("GET", "/health") == Fixed(404, (TEXT,), b"404 page not found")
    there = Fixed(200, (("Content-Length", "0"),))
    assert asked("GET", "/health", health=True) == there
    assert asked("HEAD", "/health?x=1", health=True) == there
    assert asked("POST", "/health", health=True) == Fixed(404, (TEXT,), b"404 page not found")
