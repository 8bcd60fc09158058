"""Flaws of how credentials are passed on."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Body
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import CREDENTIALS
from ollama_simulator.net.client import Broken
from ollama_simulator.net.request import Request

Headers = list[tuple[str, str]]


class DropsCredentials(Flawed):
    """A client's credentials are not passed on."""

    def headers(self, request: Request, headers: Headers) -> Headers:
        return [pair for pair in headers if pair[0].lower() not in CREDENTIALS | {"cookie"}]


class RemembersCredentials(Flawed):
    """What the first client sent stays in the headers of all requests after it."""

    _first: Headers = []  # noqa: RUF012 - shared on purpose

    def headers(self, request: Request, headers: Headers) -> Headers:
        if not self._first:
            self._first.extend(pair for pair in headers if pair[0].lower() == "authorization")
        return [*(pair for pair in headers if pair[0].lower() != "authorization"), *self._first]


class ForgetsCredentials(FlawedRelay):
    """A request that is sent to another server comes there without its client's credential."""

    def sent(self, backend: Backend) -> Headers:
        headers = super().sent(backend)
        if not self.tried:
            return headers
        return [pair for pair in headers if pair[0].lower() not in CREDENTIALS]


class AddsCredentials(Flawed):
    """A server's credential is added to its client's, not put in the place of it."""

    def authorized(self, backend: Backend, headers: Headers) -> Headers:
        return [*headers, super().authorized(backend, headers)[-1]]


class FirstCredential(FlawedRelay):
    """Whoever is asked in a server's place is asked with that server's credential."""

    def sent(self, backend: Backend) -> Headers:
        return super().sent(self.tried[0] if self.tried else backend)


class TellsCredentials(FlawedRelay):
    """The text of an error names the server with all that is configured for it."""

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        async for act in super().unanswered(broken):
            yield act
            if isinstance(act, Body):
                notes = (backend.note for backend in self.balancer.backends)
                yield Body(" ".join(notes).encode(), flush=False)
