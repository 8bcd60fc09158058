"""Where redirects lead, and what they say."""

from __future__ import annotations

import pytest

from ollama_simulator.settings import Settings
from ollama_simulator.wire.redirects import Fixed
from ollama_simulator.wire.routes import resolve
from tests.wire.speaking import silent

HTML = ("Content-Type", "text/html; charset=utf-8")
OLD = Settings(wire="0.13.5")


def page(status: int, phrase: str, location: str, shown: str | None = None) -> Fixed:
    """A redirect for those who read."""
    text = f'<a href="{shown or location}">{phrase}</a>.\n\n'.encode("latin-1")
    return Fixed(status, (HTML, ("Location", location)), text)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/api/ps/", "/api/ps"),
        ("/api/tags/?x=1", "/api/tags?x=1"),
        ("/api/tags/?", "/api/tags?"),
        ("/v1/models/", "/v1/models"),
        ("/v1/models/a:b/", "/v1/models/a:b"),
        ("/v1/models/%C3%A4/", "/v1/models/%C3%A4"),
        ("/api/tags%2F", "/api/tags"),
        ("http://localhost:1/api/tags/", "http://localhost:1/api/tags"),
    ],
)
def test_slash_of_a_get(target: str, location: str) -> None:
    """Moved for good, with a page; scheme and host stay if they were sent."""
    assert resolve("GET", target) == page(301, "Moved Permanently", location)


def test_slash_of_others() -> None:
    """The method is kept, and there is no page."""
    assert resolve("POST", "/api/show/") == Fixed(307, (("Location", "/api/show"),))
    head = Fixed(307, (HTML, ("Location", "/api/tags")))
    assert resolve("HEAD", "/api/tags/") == head


@pytest.mark.parametrize(
    ("prefix", "location"),
    [
        ("/ollama", "/ollama/api/tags"),
        ("/a/../b/", "/b/api/tags"),
        ("/", "/api/tags"),
        ("", "/api/tags"),
        ("/a b!", "/ab/api/tags"),
        ("ollama", "ollama/api/ollama/api/tags"),
        ("@@", "//api/tags"),
    ],
)
def test_prefixes(prefix: str, location: str) -> None:
    """What a proxy took away is given back, as far as Ollama's router believes it (1.4)."""
    headers = {"x-forwarded-prefix": prefix}
    found = resolve("GET", "/api/tags/", headers.get)
    assert found == page(301, "Moved Permanently", location)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//api/tags", "/api/tags"),
        ("/api/../api/tags", "/api/tags"),
        ("/api/./tags?x=1", "/api/tags?x=1"),
        ("/api/./tags?", "/api/tags"),
        ("/..", "/"),
        ("/./", "/"),
        ("//nope/", "/nope/"),
        ("/a/../b(x)", "/b%28x%29"),
        ("//t%61gs", "/t%2561gs"),
        ("http://example.com", "/"),
    ],
)
def test_cleaning(target: str, location: str) -> None:
    """A path that is not clean is redirected, known or not."""
    assert resolve("GET", target) == page(307, "Temporary Redirect", location)
    assert resolve("POST", target) == Fixed(307, (("Location", location),))


def test_cleaning_as_before() -> None:
    """An older Go said 301 (11)."""
    found = resolve("GET", "//api/tags", silent, OLD)
    assert found == page(301, "Moved Permanently", "/api/tags")


def test_signs_in_a_page() -> None:
    """They are escaped there, and bytes beyond ASCII in the header only (1.4)."""
    found = resolve("GET", "/./?<'&\">\xe9")
    assert found == page(307, "Temporary Redirect", "/?<'&\">%e9", "/?&lt;&#39;&amp;&#34;&gt;\xe9")
