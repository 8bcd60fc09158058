"""Flaws of what is done with servers that say they are busy."""

from collections.abc import Iterable

from ollama_simulator.conformance.flaws.flaw import Flawed
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.net.client import ResponseHead


class PassesBusyOn(Flawed):
    """A 503 is passed on where the request should be sent to another server."""

    def retries_status(self, status: int) -> bool:
        return status != 503 and super().retries_status(status)


class Storms(Flawed):
    """A request that servers are too busy for is sent to them again and again."""

    most = 24

    def retries_status(self, status: int) -> bool:
        self.most -= 1
        return status in (429, 503) and self.most > 0

    def choose(self, call: Call) -> Backend | None:
        call.tried.clear()
        return super().choose(call)


class BansBusy(Flawed):
    """A server that answered 503 once is never asked again."""

    def heard(self, backend: Backend, head: ResponseHead) -> None:
        if head.status == 503:
            backend.rests_until = float("inf")


class DropsRetryAfter(Flawed):
    """How long a client should wait is not passed on."""

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in headers if not pair[0].lower().startswith("retry-after"))


class IgnoresRetryAfter(Flawed):
    """A server is asked again before it wants to be."""

    def rests(self, backend: Backend) -> bool:
        return False


class WaitsForSecondsOnly(Flawed):
    """Retry-After is only understood in seconds."""

    def heard(self, backend: Backend, head: ResponseHead) -> None:
        if (head.header("retry-after") or "").isdigit():
            super().heard(backend, head)
