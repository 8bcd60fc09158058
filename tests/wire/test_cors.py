"""Which pages may ask."""

from __future__ import annotations

import pytest

from ollama_simulator.wire.cors import screen

HOST = "localhost:11434"


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "https://localhost:1",
        "http://127.0.0.1:8443",
        "http://0.0.0.0",
        "app://obsidian.md",
        "file://",
        "tauri://x",
        "vscode-webview://x",
        "vscode-file://x",
    ],
)
def test_always(origin: str) -> None:
    """They are told that they may, and that it depends on who asks (1.5)."""
    told = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
    assert screen("POST", origin, HOST, ()) == (None, told)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "HTTP://LOCALHOST",
        "http://localhost.evil.example",
        "chrome-extension://abc",
        "localhost",
    ],
)
def test_never_unless_configured(origin: str) -> None:
    """They are told nothing, whatever the method (1.5)."""
    assert screen("GET", origin, HOST, ()) == (403, ())
    assert screen("OPTIONS", origin, HOST, ()) == (403, ())


@pytest.mark.parametrize("origin", [None, "", f"http://{HOST}", f"https://{HOST}"])
def test_no_page_of_others(origin: str | None) -> None:
    """Without an origin, or with the server's own, it is no page's request."""
    assert screen("OPTIONS", origin, HOST, ()) == (None, ())


@pytest.mark.parametrize(
    ("configured", "origin", "may"),
    [
        ("http://My.example", "http://my.example", True),
        ("http://My.example", "http://My.example", False),
        (" http://my.example", "http://my.example", True),
        ("https://*.my.example", "https://a.my.example", True),
        ("https://*.my.example", "https://my.example", False),
        ("*.my.example", "ftp://x.my.example", True),
        ("chrome-extension://*", "chrome-extension://abc", True),
    ],
)
def test_configured(configured: str, origin: str, may: bool) -> None:
    """A star stands for anything; without one it is the name in lower case that counts."""
    assert screen("GET", origin, HOST, (configured,))[0] == (None if may else 403)


def test_all_may() -> None:
    """Then it depends on nothing."""
    told = (("Access-Control-Allow-Origin", "*"),)
    assert screen("GET", "null", HOST, ("*",)) == (None, told)
    status, headers = screen("OPTIONS", "null", HOST, ("http://a", "*"))
    assert status == 204
    assert "Vary" not in dict(headers)
    assert dict(headers)["Access-Control-Allow-Origin"] == "*"


def test_preflight() -> None:
    """What a page may send (1.5)."""
    status, headers = screen("OPTIONS", "http://localhost", HOST, ())
    assert status == 204
    assert headers[0] == (
        "Access-Control-Allow-Headers",
        "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,"
        "X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,"
        "X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,"
        "X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,"
        "X-Stainless-Runtime-Version,X-Stainless-Timeout",
    )
    assert [value for name, value in headers if name == "Vary"] == [
        "Origin",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
    ]
