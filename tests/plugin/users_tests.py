"""Tests of a user, as the plugin's own tests run them. What becomes of each stands in
`test_plugin.py`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from ollama_simulator import (
    ConnectionRefused,
    FailMidStream,
    Fleet,
    Hang,
    HttpError,
    Model,
    Rule,
    Server,
    Slow,
)

CHAT = {"model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}
BUSY = HttpError(status_code=503, message="server busy")
KEPT: list[socket.socket] = []


def chat(server: Server) -> httpx.Response:
    return httpx.post(f"{server.url}/api/chat", json=CHAT)


def left_open(server: Server) -> None:
    """Ask, and neither read nor leave."""
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n")
    server.journal.wait_for("Asked")
    KEPT.append(client)


# --- what is started --------------------------------------------------------------------------


def test_one_server(ollama: Server) -> None:
    assert chat(ollama).status_code == 200
    assert ollama.name == "s1"


def test_a_fleet_of_three(ollama_fleet: Fleet) -> None:
    assert [server.name for server in ollama_fleet] == ["s1", "s2", "s3"]
    assert len({server.port for server in ollama_fleet}) == 3


@pytest.mark.ollama(servers=2)
def test_both_fixtures_are_the_same_fleet(ollama: Server, ollama_fleet: Fleet) -> None:
    assert len(ollama_fleet) == 2
    assert ollama.url == ollama_fleet.urls[0]


PORTS: list[int] = []


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_has_its_own(ollama: Server, time: int) -> None:
    """Nothing of the first is there in the second."""
    assert ollama.journal.records == []
    assert ollama.rules == []
    if PORTS:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{PORTS[0]}")
    PORTS.append(ollama.port)
    ollama.inject(BUSY)
    assert chat(ollama).status_code == 503


@pytest.mark.ollama(
    profile="tiny", seed=7, models=["llama3:8b", Model("own:1b", 5, "", "", "", "")]
)
def test_a_marker_says_what_it_is(ollama: Server, ollama_fleet: Fleet) -> None:
    assert ollama_fleet.seed == 7
    assert ollama.info().profile == "tiny"
    assert [server.models for server in ollama_fleet] == [["llama3:8b", "own:1b"]] * 3


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=1000, num_tokens=3), rules=[BUSY, Hang()])
def test_faults_from_the_start(ollama: Server) -> None:
    assert [each.rule.fault for each in ollama.rules] == [BUSY, Hang()]
    assert chat(ollama).status_code == 503
    ollama.heal()
    ollama.behave(Slow(tokens_per_sec=1000, num_tokens=3))
    assert len(chat(ollama).text.splitlines()) == 4


test_faults_from_the_start = pytest.mark.ollama(allow=["unstruck"])(test_faults_from_the_start)


@pytest.mark.ollama(servers=4, seed=3)
class TestClosestMarkerWins:
    @pytest.mark.ollama(servers=2)
    def test_argument_by_argument(self, ollama_fleet: Fleet) -> None:
        assert (len(ollama_fleet), ollama_fleet.seed) == (2, 3)

    def test_that_of_the_class(self, ollama_fleet: Fleet) -> None:
        assert len(ollama_fleet) == 4


@pytest.mark.anyio
async def test_an_async_test(ollama: Server) -> None:
    """Its client runs in the test's loop, the servers in a thread of their own."""
    ollama.inject(BUSY, limit=1)
    async with httpx.AsyncClient() as client:
        asked = [client.post(f"{ollama.url}/api/chat", json=CHAT) for _ in range(2)]
        answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    ollama.journal.verify("Finished", count=2)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- what is wrong in a marker ----------------------------------------------------------------


@pytest.mark.ollama(server=3)
def test_unknown_argument(ollama: Server) -> None:
    raise AssertionError


@pytest.mark.ollama(3)
def test_argument_without_a_name(ollama: Server) -> None:
    raise AssertionError


@pytest.mark.ollama(profile="no-such")
def test_unknown_profile(ollama: Server) -> None:
    raise AssertionError


@pytest.mark.ollama(allow=["unstruk"])
def test_unknown_leftover(ollama: Server) -> None:
    raise AssertionError


@pytest.mark.ollama(rules=[Rule(fault=ConnectionRefused(), path="/api/*")])
def test_rule_that_cannot_be(ollama: Server) -> None:
    raise AssertionError


# --- what is left behind ----------------------------------------------------------------------


def test_rule_that_never_struck(ollama_fleet: Fleet) -> None:
    ollama_fleet["s2"].inject(FailMidStream(tokens_before_fail=5), path="/api/generate", name="cut")
    assert chat(ollama_fleet["s2"]).status_code == 200


@pytest.mark.ollama(allow=["unstruck"])
def test_rule_that_never_struck_may(ollama: Server) -> None:
    ollama.inject(Hang())


@pytest.mark.ollama(behavior=Hang())
def test_behavior_that_never_struck(ollama: Server) -> None:
    pass


@pytest.mark.ollama(rules=[Hang()])
def test_request_in_progress(ollama: Server) -> None:
    left_open(ollama)


@pytest.mark.ollama(rules=[Hang()], allow=["busy"])
def test_request_in_progress_may(ollama: Server) -> None:
    left_open(ollama)


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=100, num_tokens=50))
def test_request_that_ends_soon(ollama: Server) -> None:
    """What is over within the grace is not left behind."""
    client = socket.create_connection(("127.0.0.1", ollama.port))
    client.sendall(b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 42\r\n\r\n")
    client.sendall(b'{"model": "test-model", "prompt": "Hello"}')
    ollama.journal.wait_for("FirstToken")
    KEPT.append(client)


@pytest.mark.ollama(rules=[Hang()])
def test_client_that_left(ollama: Server) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(ollama.url, timeout=0.1)


def broken(server: Server) -> None:
    """Have the simulator itself go wrong."""
    core = server._core._link._fleet.server(server.port)  # type: ignore[attr-defined]
    core.failed(KeyError("lost"))


def test_simulator_that_failed(ollama: Server) -> None:
    broken(ollama)


@pytest.mark.ollama(allow=["internal-error"])
def test_simulator_that_failed_may(ollama: Server) -> None:
    broken(ollama)


# --- what is told -----------------------------------------------------------------------------


def test_failure(ollama: Server) -> None:
    """Leaves a rule behind, too, which is told but is no second failure."""
    ollama.inject(Hang(), path="/v1/*")
    ollama.inject(BUSY, limit=1)
    assert chat(ollama).status_code == 200


def test_failed_verification(ollama: Server) -> None:
    chat(ollama)
    ollama.journal.verify("Asked", target="/api/generate")


def test_long_failure(ollama: Server) -> None:
    with httpx.Client(base_url=ollama.url) as client:
        for number in range(40):
            client.get(f"/api/version?number={number}")
    raise AssertionError("see the journal")


def test_skipped(ollama: Server) -> None:
    ollama.inject(Hang())
    pytest.skip("not today")


@pytest.mark.xfail(reason="known")
def test_expected_failure(ollama: Server) -> None:
    ollama.inject(Hang())
    raise AssertionError


@pytest.fixture
def breaking(ollama: Server) -> None:
    chat(ollama)
    raise AssertionError("a fixture of the user's")


def test_failing_fixture(breaking: None) -> None:
    pass


@pytest.fixture
def breaking_late(ollama: Server) -> Iterator[None]:
    yield
    chat(ollama)
    raise AssertionError("a late one")


def test_fixture_that_fails_late(breaking_late: None) -> None:
    pass


def test_of_another_kind() -> None:
    assert True
