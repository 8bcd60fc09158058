"""A chat client that tries again, where that is safe."""

import time
from collections.abc import Callable, Iterator

import httpx
import ollama

Failure = ollama.ResponseError | httpx.TransportError | ConnectionError


class CutShort(ConnectionError):
    """The answer ended without saying that it is complete."""


class PatientClient:
    """Asks one Ollama server, several times if need be."""

    def __init__(
        self,
        host: str,
        *,
        attempts: int = 3,
        pause: float = 0.2,
        timeout: float = 30.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`pause` seconds are waited before the second attempt, twice as long before the third.
        An attempt fails when its server is silent for `timeout` seconds."""
        self._ollama = ollama.Client(host, timeout=timeout)
        self._attempts = attempts
        self._pause = pause
        self._sleep = sleep

    def ask(self, model: str, question: str) -> Iterator[str]:
        """The answer, piece by piece.

        Who has seen a piece must not see it again, so only what fails before the first piece is
        tried again. Raises what the last attempt raised.
        """
        for attempt in range(1, self._attempts + 1):
            begun = False
            try:
                for piece in self._once(model, question):
                    begun = True
                    yield piece
                return
            except (ollama.ResponseError, httpx.TransportError, ConnectionError) as failure:
                last = attempt == self._attempts
                if last or not self.worth_another_try(failure, begun):
                    raise
            self._sleep(self._pause * 2 ** (attempt - 1))

    def worth_another_try(self, failure: Failure, begun: bool) -> bool:
        """Whether the next attempt may end better, and does no harm."""
        if begun:
            return False
        if isinstance(failure, ollama.ResponseError):
            return failure.status_code in (429, 500, 502, 503, 504)
        return True

    def _once(self, model: str, question: str) -> Iterator[str]:
        messages = [{"role": "user", "content": question}]
        done = False
        for part in self._ollama.chat(model, messages, stream=True):
            done = bool(part.done)
            if part.message.content:
                yield part.message.content
        if not done:
            raise CutShort("the answer broke off")
