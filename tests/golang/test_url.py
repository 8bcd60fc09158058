"""Targets taken apart and written again, as Go does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang.url import Url, clean, parse


@pytest.mark.parametrize(
    ("target", "host", "path", "escaped", "again"),
    [
        ("/", "", "/", "/", "/"),
        ("/api%2Ftags?a=b", "", "/api/tags", "/api%2Ftags", "/api%2Ftags?a=b"),
        ("/t%61gs", "", "/tags", "/t%61gs", "/t%61gs"),
        ("/a(b)!", "", "/a(b)!", "/a(b)!", "/a(b)!"),
        ("/a b", "", "/a b", "/a%20b", "/a%20b"),
        ("/\xe9?\xe9", "", "/\xe9", "/%E9", "/%E9?\xe9"),
        ("/a#b", "", "/a#b", "/a%23b", "/a%23b"),
        ("/a?", "", "/a", "/a", "/a?"),
        ("//a/b", "", "//a/b", "//a/b", "//a/b"),
        ("*", "", "*", "*", "*"),
        ("HTTP://u:p@h:1/a?b", "h:1", "/a", "/a", "http://u:p@h:1/a?b"),
        ("http://h", "h", "", "", "http://h"),
        ("http:///a", "", "/a", "/a", "http:///a"),
        ("http:/a", "", "/a", "/a", "http:/a"),
        ("http:a?b", "", "", "", "http:a?b"),
        ("http://[::1]:80/", "[::1]:80", "/", "/", "http://[::1]:80/"),
        ("http://[fe80::1%25en0]/", "[fe80::1%en0]", "/", "/", "http://[fe80::1%25en0]/"),
        ("http://%C3%A9/", "\xc3\xa9", "/", "/", "http://%C3%A9/"),
    ],
)
def test_targets(target: str, host: str, path: str, escaped: str, again: str) -> None:
    """Host and path are decoded; what is written again keeps the path as sent, if it may."""
    url = parse(target)
    assert (url.host, url.path, url.escaped, str(url)) == (host, path, escaped, again)


@pytest.mark.parametrize(
    "target",
    [
        *("", "api", "/\x01", "/\x7f", "/%zz", "/%2", ":a", "http://[::1", "http://a[::1]/"),
        *("http://[1.2.3.4]/", "http://[::1]x/", "http://a:b/", "http://a:1:2/", "http://a b/"),
        *("http://%41/", "http://u<@h/", "http://u%@h/", "http://[::1%25%zz]/"),
    ],
)
def test_bad_targets(target: str) -> None:
    """What Go would not take."""
    with pytest.raises(ValueError, match=r"\w"):
        parse(target)


def test_addresses_that_may_be_relative() -> None:
    """A host may stand there without a scheme; a first segment with a colon may not."""
    assert parse("//evil/a", of_request=False).host == "evil"
    assert parse("///a", of_request=False) == Url(path="///a")
    assert parse("a/b", of_request=False).path == "a/b"
    with pytest.raises(ValueError, match="neither"):
        parse("1:b", of_request=False)


def test_a_path_that_looks_like_a_scheme() -> None:
    """Is written so that it doesn't."""
    assert str(Url(path="a:b/c")) == "./a:b/c"


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("", "."),
        ("/", "/"),
        ("//", "/"),
        ("/a//b/./c/..", "/a/b"),
        ("/../a", "/a"),
        ("a/../..", ".."),
        ("../a/", "../a"),
        ("a/..", "."),
    ],
)
def test_clean(path: str, short: str) -> None:
    """The shortest path that means the same."""
    assert clean(path) == short


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_what_is_written_is_read_again(target: str) -> None:
    """A path survives both ways."""
    try:
        url = parse("/" + target)
    except ValueError:
        return
    assert parse(url.escaped).path == url.path
