"""What would ask ollama.com, and what tells of it."""

from __future__ import annotations

import msgspec
import pytest

from ollama_simulator.model import Account, Answer, CloudCall, CloudStatus, Nothing, Origin
from ollama_simulator.wire.ollama_account import ROUTES
from tests.wire.speaking import ask, post, refusal


@pytest.mark.parametrize(
    ("method", "path", "job"),
    [
        ("POST", "/api/me", Account()),
        ("POST", "/api/signout", Account(sign_out=True)),
        ("DELETE", "/api/user/keys/abc", Account(sign_out=True)),
    ],
)
def test_accounts(method: str, path: str, job: Account) -> None:
    """Nobody reads the body."""
    codec = ask(method, path, b"not json")
    assert codec.job == job
    assert codec.late
    assert codec.collect([Answer(None)]) == b"null"


@pytest.mark.parametrize(
    ("path", "job"),
    [
        ("web_search", CloudCall("/api/web_search", "web search is unavailable")),
        ("web_fetch", CloudCall("/api/web_fetch", "web fetch is unavailable")),
    ],
)
def test_the_web(path: str, job: CloudCall) -> None:
    """Any body goes on, but there has to be one."""
    assert post(f"/api/experimental/{path}", b"x").job == job
    said = (400, "missing request body", Origin.DECODE)
    assert refusal(f"/api/experimental/{path}", b" \n") == said


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ((False, "none"), b'{"cloud":{"disabled":false,"source":"none"}}'),
        ((True, "env"), b'{"cloud":{"disabled":true,"source":"env"}}'),
    ],
)
def test_status(value: tuple[bool, str], body: bytes) -> None:
    """The switch, and who moved it."""
    codec = ask("GET", "/api/status")
    assert codec.job == CloudStatus()
    assert codec.collect([Answer(value)]) == body


def test_recommendations() -> None:
    """The built-in list; what is not known is left out."""
    codec = ask("GET", "/api/experimental/model-recommendations")
    assert codec.job == Nothing()
    listed = msgspec.json.decode(codec.collect([Answer(None)]))["recommendations"]
    assert [each["model"] for each in listed] == [
        "kimi-k2.6:cloud",
        "glm-5.1:cloud",
        "qwen3.5:cloud",
        "minimax-m2.7:cloud",
        "gemma4",
        "qwen3.5",
    ]
    assert list(listed[0]) == "model description context_length max_output_tokens".split()
    lengths = [(each["context_length"], each["max_output_tokens"]) for each in listed[:4]]
    assert lengths == [
        (262_144, 262_144),
        (202_752, 131_072),
        (262_144, 32_768),
        (204_800, 128_000),
    ]
    assert (listed[4]["vram_bytes"], list(listed[4])) == (
        12_000_000_000,
        "model description vram_bytes".split(),
    )


def test_what_the_old_profile_lacks() -> None:
    """They came later."""
    assert {route.path for route in ROUTES if route.since != "0.13.5"} == {
        "/api/status",
        "/api/experimental/web_search",
        "/api/experimental/web_fetch",
        "/api/experimental/model-recommendations",
    }
