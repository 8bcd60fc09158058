"""Why models of the cloud don't run."""

import pytest

from ollama_simulator.engine.registry import cloud, dial
from ollama_simulator.model import Origin
from ollama_simulator.settings import Settings

NOON = 1_795_446_725_999_999_999


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        (
            Settings(no_cloud=True, key=True),
            403,
            "ollama cloud is disabled: web fetch is unavailable",
        ),
        (Settings(), 401, "unauthorized"),
        (
            Settings(key=True),
            502,
            'Post "https://ollama.com:443/api/web_fetch?ts=1795446725": '
            "dial tcp: lookup ollama.com: no such host",
        ),
        (
            Settings(key=True, cloud="http://127.0.0.1:9"),
            502,
            'Post "http://127.0.0.1:9/api/web_fetch?ts=1795446725": '
            "dial tcp 127.0.0.1:9: connect: connection refused",
        ),
    ],
)
def test_refuse(settings: Settings, status: int, message: str) -> None:
    """Switched off, without a key, out of reach: in this order."""
    refusal = cloud.refuse(settings, "/api/web_fetch", NOON, "web fetch is unavailable")
    assert (refusal.status, refusal.message, refusal.origin) == (status, message, Origin.CLOUD)


def test_the_words_for_a_model() -> None:
    """Without a word for it, it is a model that is unavailable."""
    refusal = cloud.refuse(Settings(no_cloud=True), "/api/chat", NOON)
    assert refusal.message == "ollama cloud is disabled: remote model is unavailable"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.0.0.1/v2/", "10.0.0.1:80: connect: connection refused"),
        ("https://localhost/v2/", "127.0.0.1:443: connect: connection refused"),
        ("http://[::1]:5/", "[::1]:5: connect: connection refused"),
    ],
)
def test_addresses(url: str, why: str) -> None:
    """An address is refused with the port that was meant."""
    assert dial.failure("Get", url) == f'Get "{url}": dial tcp {why}'


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        (Settings(no_cloud=True), 403, "ollama cloud is disabled: remote model is unavailable"),
        (Settings(remotes=()), 400, "this server cannot run this remote model"),
        (
            Settings(no_cloud=True, wire="0.13.5", remotes=()),
            400,
            "this server cannot run this remote model",
        ),
        (
            Settings(remotes=("10.0.0.1",)),
            500,
            'Post "http://10.0.0.1:5/api/chat": dial tcp 10.0.0.1:5: connect: connection refused',
        ),
    ],
)
def test_stubs(settings: Settings, status: int, message: str) -> None:
    """Switched off, not allowed, out of reach: each dialect words it on its own."""
    refusal = cloud.stub(settings, "http://10.0.0.1:5", "/api/chat", NOON)
    assert (refusal.status, refusal.message) == (status, message)
    assert refusal.origin is Origin.HANDLER


def test_a_stub_of_ollamas_own_host() -> None:
    """What it asks has to be signed: with a key, and with the time."""
    host = "https://ollama.com:443"
    refusal = cloud.stub(Settings(), host, "/api/chat", NOON)
    said = "open /home/ollama/.ollama/id_ed25519: no such file or directory"
    assert (refusal.status, refusal.message) == (500, said)
    signed = cloud.stub(Settings(key=True), host, "/api/chat", NOON)
    assert signed.message == (
        'Post "https://ollama.com:443/api/chat?ts=1795446725": '
        "dial tcp: lookup ollama.com: no such host"
    )
