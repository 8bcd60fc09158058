"""What the application promises, by what its client reads and by what Ollama saw."""

import json
import os
import socket
import threading
from collections.abc import Iterator

import flawed
import httpx
import pytest
import uvicorn
from app import make_app

from ollama_simulator import (
    AbruptClose,
    ConnectionRefused,
    FailMidStream,
    Hang,
    HttpError,
    Normal,
    Server,
    Slow,
)

PATIENCE_S = 1.0
QUESTION = {"text": "Why is the sky blue?"}


@pytest.fixture
def web(ollama: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of the application, which runs as it does for its users."""
    if "FLAW" in os.environ:
        flawed.install(os.environ["FLAW"], monkeypatch)
    app = make_app(ollama.url, patience=PATIENCE_S)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{door.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def events(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    """The events of an answer: their names, and their data."""
    name = "message"
    for line in answer.iter_lines():
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            yield name, value.strip()
            name = "message"


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=20, num_tokens=20))
def test_words_come_while_others_are_made(web: httpx.Client, ollama: Server) -> None:
    with web.stream("POST", "/ask", json=QUESTION) as answer:
        told = events(answer)
        name, first = next(told)
        assert name == "message"
        assert ollama.journal.where("Finished") == []  # Ollama is still at work
        *words, last = told
    assert json.loads(first)
    assert len(words) == 19
    assert last == ("done", "")


def test_server_down(web: httpx.Client, ollama: Server) -> None:
    ollama.inject(ConnectionRefused())
    answer = web.post("/ask", json=QUESTION)
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "the model server can't be reached",
    )


def test_server_busy(web: httpx.Client, ollama: Server) -> None:
    ollama.inject(HttpError(status_code=503, message="server busy"))
    answer = web.post("/ask", json=QUESTION)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.ollama(behavior=Normal(load_delay_ms=300))
def test_a_slow_first_token_is_waited_for(web: httpx.Client) -> None:
    assert web.post("/ask", json=QUESTION).text.endswith("event: done\ndata:\n\n")


def test_a_first_token_that_never_comes_is_not(web: httpx.Client, ollama: Server) -> None:
    """And Ollama is not left working for nobody."""
    ollama.inject(Hang())
    assert web.post("/ask", json=QUESTION).status_code == 504
    ollama.journal.wait_for("Left")


@pytest.mark.parametrize(
    "cut", [FailMidStream(tokens_before_fail=5), AbruptClose(bytes_before_close=600)]
)
def test_a_cut_stream_ends_with_an_error(
    web: httpx.Client, ollama: Server, cut: FailMidStream | AbruptClose
) -> None:
    ollama.inject(cut)
    with web.stream("POST", "/ask", json=QUESTION) as answer:
        *words, last = events(answer)
    assert words
    assert last == ("error", "the answer broke off")


@pytest.mark.ollama(behavior=Slow(tokens_per_sec=20, num_tokens=2000))
def test_a_client_that_leaves_stops_ollama(web: httpx.Client, ollama: Server) -> None:
    with web.stream("POST", "/ask", json=QUESTION) as answer:
        next(events(answer))
    left = ollama.journal.wait_for("Left")
    assert left.tokens < 40


@pytest.mark.ollama(behavior=Normal(load_delay_ms=800))
def test_so_does_one_that_leaves_before_the_first_token(web: httpx.Client, ollama: Server) -> None:
    """While Ollama loads its model, a client has nothing to read, and the framework does not watch
    it."""
    with pytest.raises(httpx.ReadTimeout):
        web.post("/ask", json=QUESTION, timeout=0.2)
    left = ollama.journal.wait_for("Left")
    assert left.tokens == 0
