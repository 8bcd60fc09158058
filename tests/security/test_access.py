"""Who is let in, as a value: names, addresses, tokens."""

from __future__ import annotations

import socket

import pytest

from ollama_simulator.access import Access, about_token, is_loopback, new_token

TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:11500", True),
        ("127.0.0.1", True),
        ("localhost:80", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("sim.localhost:11500", True),
        ("[::1]:11500", True),
        ("10.1.2.3:11500", True),
        ("192.168.0.7", True),
        ("", True),
        (f"{socket.gethostname()}:11500", True),
        ("evil.example", False),
        ("evil.example:11500", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evillocalhost", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("1.2.3.4.5", False),
        ("[::1", False),
        ("localhost:80:80", False),
        ("simulator", False),
        ("0x7f.1", False),
    ],
)
def test_what_it_may_be_called(host: str, known: bool) -> None:
    """Names that a page of somebody else's can have lead here are not among them."""
    assert Access().knows(host) is known


def test_names_that_are_given() -> None:
    access = Access(names=("simulator", "*.Svc.cluster.local"))
    assert access.knows("simulator:11500")
    assert access.knows("fleet.svc.cluster.local")
    assert not access.knows("svc.cluster.local.evil.example")
    assert not access.knows("other:11500")
    assert Access(names=("*",)).knows("evil.example")


def test_only_the_token_opens() -> None:
    access = Access(token=TOKEN)
    assert access.opens(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\xff" * 20):
        assert not access.opens(other)
    assert Access().opens("")


def test_what_is_a_token() -> None:
    """What is wrong is told without the token itself."""
    assert about_token(TOKEN) is None
    assert about_token("c2VjcmV0IHNlY3JldA==") is None
    for bad in ("", "short", "with a blank in the middle", "naïve-naïve-naïve-naïve", "a\nb" * 9):
        words = about_token(bad)
        assert words is not None
        assert not bad or bad not in words
        with pytest.raises(ValueError, match="token"):
            Access(token=bad)
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert not any(map(about_token, made))


def test_where_other_machines_reach_it_there_is_a_token() -> None:
    for host in ("0.0.0.0", "10.1.2.3", "::"):
        assert not is_loopback(host)
        with pytest.raises(ValueError, match="needs a token"):
            Access(host=host)
        assert not Access(host=host, token=TOKEN).local
    for host in ("127.0.0.1", "127.9.9.9", "::1"):
        assert Access(host=host).local
