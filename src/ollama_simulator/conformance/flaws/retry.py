"""Flaws of how requests are treated that servers find fault with."""

import msgspec

from ollama_simulator.acts import Head
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.net.client import ResponseHead


class RetriesClientErrors(Flawed):
    """Whatever was answered 400 or more is sent to another server."""

    def retries_status(self, status: int) -> bool:
        return status >= 400


class OwnStatusForClientErrors(FlawedRelay):
    """An answer that finds fault with the request reaches the client as a 502."""

    def passed_on(self, head: ResponseHead) -> Head:
        found = super().passed_on(head)
        return msgspec.structs.replace(found, status=502) if 400 <= head.status < 500 else found


class BansOnClientErrors(Flawed):
    """A server that answered 400 or more is never asked again."""

    def heard(self, backend: Backend, head: ResponseHead) -> None:
        if head.status >= 400:
            backend.rests_until = float("inf")
