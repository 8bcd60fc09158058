"""What the client promises, proved by what it reads and by what the server saw."""

import os
from collections.abc import Callable

import flawed
import httpx
import ollama as ollama_package
import patient_client
import pytest

from ollama_simulator import (
    AbruptClose,
    ConnectionRefused,
    FailMidStream,
    Hang,
    HttpError,
    ModelNotFound,
    Server,
)

NAME = os.environ.get("CLIENT", "PatientClient")
CLIENT = getattr(patient_client, NAME, None) or getattr(flawed, NAME)
BUSY = HttpError(status_code=503, message="server busy")


class Pauses:
    """Takes the place of `time.sleep`: no test waits, and each pause can be looked at."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.then: Callable[[], object] | None = None

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if self.then is not None:
            self.then()


@pytest.fixture
def pauses() -> Pauses:
    """Those that the client made."""
    return Pauses()


@pytest.fixture
def client(ollama: Server, pauses: Pauses) -> patient_client.PatientClient:
    """One that asks the simulated server."""
    made: patient_client.PatientClient = CLIENT(ollama.url, timeout=0.5, sleep=pauses)
    return made


def answer(client: patient_client.PatientClient) -> str:
    """What the client is told."""
    return "".join(client.ask("test-model", "Why is the sky blue?"))


def test_an_answer_is_asked_for_once(
    client: patient_client.PatientClient, ollama: Server, pauses: Pauses
) -> None:
    assert len(answer(client).split()) > 3
    assert len(ollama.journal.where("Asked")) == 1
    assert pauses.seconds == []


def test_a_busy_server_is_asked_again_later(
    client: patient_client.PatientClient, ollama: Server, pauses: Pauses
) -> None:
    """Twice it has no room, then it has; the second pause is longer."""
    ollama.inject(BUSY, limit=2)
    assert answer(client)
    assert [each.status for each in ollama.journal.where("Finished")] == [503, 503, 200]
    assert pauses.seconds == [0.2, 0.4]


@pytest.mark.parametrize("fault", [AbruptClose(bytes_before_close=0), Hang()])
def test_what_breaks_before_the_first_piece_is_asked_again(
    client: patient_client.PatientClient, ollama: Server, fault: Hang | AbruptClose
) -> None:
    ollama.inject(fault, limit=1)
    assert answer(client)
    assert len(ollama.journal.where("Asked")) == 2


def test_a_server_that_is_down_is_asked_when_it_is_back(
    client: patient_client.PatientClient, ollama: Server, pauses: Pauses
) -> None:
    """The kernel refuses, which no server sees; it is back after the first pause."""
    down = ollama.inject(ConnectionRefused())
    pauses.then = down.heal
    assert answer(client)
    assert pauses.seconds == [0.2]


def test_it_gives_up(client: patient_client.PatientClient, ollama: Server, pauses: Pauses) -> None:
    """After three attempts, with the last failure."""
    ollama.inject(BUSY)
    with pytest.raises(ollama_package.ResponseError, match="server busy"):
        answer(client)
    assert len(ollama.journal.where("Asked")) == 3
    assert len(pauses.seconds) == 2


def test_what_will_never_work_is_not_tried_again(
    client: patient_client.PatientClient, ollama: Server
) -> None:
    ollama.inject(ModelNotFound(model_name="test-model"))
    with pytest.raises(ollama_package.ResponseError, match="not found"):
        answer(client)
    assert len(ollama.journal.where("Asked")) == 1


def test_a_piece_that_was_read_never_comes_twice(
    client: patient_client.PatientClient, ollama: Server
) -> None:
    """When an answer breaks off behind its fifth token, the reader is told, and nobody is asked
    behind his back."""
    whole = list(client.ask("test-model", "Count."))
    ollama.inject(FailMidStream(tokens_before_fail=5))
    read = []
    with pytest.raises((httpx.TransportError, ConnectionError)):  # noqa: PT012 - it reads on
        for piece in client.ask("test-model", "Count."):
            read.append(piece)
    assert read == whole[:5]
    assert len(ollama.journal.where("Asked")) == 2
