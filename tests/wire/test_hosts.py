"""By which names a server may be asked."""

from __future__ import annotations

import pytest

from ollama_simulator.wire.hosts import guarded, screen


@pytest.mark.parametrize(
    ("bind", "guards"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
    ],
)
def test_who_asks_for_the_name(bind: str, guards: bool) -> None:
    """A server that only its own machine can reach (1.6)."""
    assert guarded(bind) is guards


@pytest.mark.parametrize(
    "host",
    (
        " :80 localhost LOCALHOST:1 localhost: box BOX:11434 a.localhost"
        " box.local host.docker.internal:11434 .local"
    ).split(" "),
)
def test_names_that_pass(host: str) -> None:
    """And whoever asks for options is answered here (1.5)."""
    assert screen("GET", host, "Box") is None
    assert screen("OPTIONS", host, "Box") == 204


@pytest.mark.parametrize(
    "host",
    (
        "127.0.0.1 127.9.9.9:80 10.1.2.3 172.16.0.1:8 172.31.0.1 192.168.0.1:11434"
        " 0.0.0.0 ::1 :: [::1]:11434 [fd00::1]:11434 ::ffff:127.0.0.1"
    ).split(),
)
def test_addresses_that_pass(host: str) -> None:
    """Their options are the router's matter."""
    assert screen("GET", host, "box") is None
    assert screen("OPTIONS", host, "box") is None


@pytest.mark.parametrize(
    "host",
    (
        "evil.example evil.example:11434 8.8.8.8 172.32.0.1 fe80::1 [::1] [fd00::1] localhost."
        " local 127.1 a:b:c [::1]x:80 ::ffff:8.8.8.8 localhost.evil.example 1.2.3.4."
    ).split(),
)
def test_what_does_not_pass(host: str) -> None:
    """Brackets without a port hide an address (1.6)."""
    assert screen("GET", host, "box") == 403
    assert screen("OPTIONS", host, "box") == 403
