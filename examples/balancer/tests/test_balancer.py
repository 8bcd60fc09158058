"""What the balancer promises, proved by what its clients read and by what its servers saw."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ollama_simulator import ConnectionRefused, FailMidStream, Fleet, Slow

HERE = Path(__file__).parent.parent
PROGRAM = HERE / ("flawed.py" if os.environ.get("FLAW") else "tiny_balancer.py")
QUESTION = {"model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def balancer(ollama_fleet: Fleet) -> Iterator[httpx.Client]:
    """A client of the balancer, which runs in front of the simulated servers."""
    command = [sys.executable, str(PROGRAM), "--listen=127.0.0.1:0", *ollama_fleet.urls]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            with httpx.Client(base_url=url, timeout=10) as client:
                yield client
        finally:
            process.terminate()


def test_requests_at_the_same_time_go_to_different_servers(
    ollama_fleet: Fleet, balancer: httpx.Client
) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: balancer.post("/api/chat", json=QUESTION), range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {record.server for record in ollama_fleet.journal.where("Asked")} == {"s1", "s2", "s3"}


def test_who_refuses_is_passed_over(ollama_fleet: Fleet, balancer: httpx.Client) -> None:
    ollama_fleet["s1"].inject(ConnectionRefused())
    for _ in range(3):
        assert balancer.post("/api/chat", json=QUESTION).status_code == 200
    assert "s1" not in {record.server for record in ollama_fleet.journal.where("Asked")}


def test_when_nobody_can_be_reached_the_client_is_told(
    ollama_fleet: Fleet, balancer: httpx.Client
) -> None:
    ollama_fleet.inject(ConnectionRefused())
    assert balancer.post("/api/chat", json=QUESTION).status_code == 502


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=20, num_tokens=20))
def test_tokens_are_passed_on_while_others_are_made(
    ollama_fleet: Fleet, balancer: httpx.Client
) -> None:
    with balancer.stream("POST", "/api/chat", json=QUESTION) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["done"] is False
        assert ollama_fleet.journal.where("Finished") == []  # the server is still at work
        assert json.loads(list(lines)[-1])["done"] is True


def test_an_answer_that_breaks_off_looks_broken(
    ollama_fleet: Fleet, balancer: httpx.Client
) -> None:
    ollama_fleet.inject(FailMidStream(tokens_before_fail=5))
    with pytest.raises(httpx.TransportError):
        balancer.post("/api/chat", json=QUESTION)


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=20, num_tokens=2000))
def test_a_client_that_leaves_stops_its_server(ollama_fleet: Fleet, balancer: httpx.Client) -> None:
    with balancer.stream("POST", "/api/chat", json=QUESTION) as answer:
        next(answer.iter_lines())
    left = ollama_fleet.journal.wait_for("Left", timeout=5)
    assert left.tokens < 2000
