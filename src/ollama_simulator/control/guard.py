"""Stands before the control API, and before helpers: who isn't let in, whatever path and method.

Source: RFC 6750; RFC 9110, 11.6.1; Fetch Metadata Request Headers, 2.3; RFC 6454, 7.

Rules of this file:

1. It comes before the routes, so that nothing is reached without it: unknown paths, streams and
   other methods neither.
2. What changes anything is refused to web pages of other origins: whoever has such a page open
   in a browser on this machine would otherwise let it break servers.
3. Where there is a token, what is told without it is the page that asks for it, and that the
   program runs.
4. Who reaches a helper needs no token, as who reaches its server. But pages are refused there, too:
   it restarts its server for whoever asks.

It must not import the servers' insides.
"""

import re
from collections.abc import Sequence

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from ollama_simulator.access import OPEN, Access, is_loopback
from ollama_simulator.control.api import is_ours
from ollama_simulator.control.dashboard.routes import PREFIX
from ollama_simulator.control.operation import instance
from ollama_simulator.control.problems import MEDIA, Problem

READS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
METRICS = "/metrics"
_BEARER = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)
CHALLENGE = 'Bearer realm="ollama_simulator"'
CALLED = ("*.local", "*.internal")
"""Names by which a server that only its own machine reaches may be called, beside those that the
control API always has (`wire.hosts`): globs."""


class Guard:
    """An application that others stand behind. `advice` is for who calls it by a name that it
    doesn't know; that stands for `{name}`."""

    def __init__(
        self,
        behind: ASGIApp,
        access: Access,
        advice: str = "if that is this simulator, start it with --control-name {name}",
    ) -> None:
        self._behind = behind
        self._access = access
        self._advice = advice

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http" and (problem := self._refusal(scope)):
            await _tell(problem, scope, send)
        else:
            await self._behind(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        return self._of_host(scope) or _of_page(scope) or self._of_token(scope)

    def _of_host(self, scope: Scope) -> Problem | None:
        for host in _headers(scope, b"host"):
            if not self._access.knows(host):
                name = host.partition(":")[0]
                advice = self._advice.replace("{name}", name)
                return Problem("ForeignHost", f"nothing here is called {name!r}; {advice}")
        return None

    def _of_token(self, scope: Scope) -> Problem | None:
        path = scope["path"]
        opened = path in OPEN or path.startswith(f"{PREFIX}/")
        opened = opened or (path == METRICS and self._access.open_metrics)
        if self._access.token is None or (opened and scope["method"] in READS):
            return None
        found = _headers(scope, b"authorization")
        given = _BEARER.fullmatch(found[0]) if len(found) == 1 else None
        if given is not None and self._access.opens(given[1]):
            return None
        if given is None:
            words = "this needs the simulator's token, as Authorization: Bearer …"
            return Problem("BadToken", words, headers={"WWW-Authenticate": CHALLENGE})
        words = "that is not the token that the simulator was started with"
        told = f'{CHALLENGE}, error="invalid_token"'
        return Problem("BadToken", words, headers={"WWW-Authenticate": told})


def before_helpers(behind: ASGIApp, host: str) -> Guard:
    """The guard of the helpers on an address. As their servers, they ask for the name only where
    no other machine reaches them."""
    access = Access(names=CALLED if is_loopback(host) else ("*",))
    return Guard(behind, access, "a helper is asked as localhost, or by its address")


def _of_page(scope: Scope) -> Problem | None:
    """What a page of another origin asks a browser to do."""
    sites, origins = _headers(scope, b"sec-fetch-site"), _headers(scope, b"origin")
    if scope["method"] in READS or not (sites or origins):
        return None
    own = f"http://{''.join(_headers(scope, b'host'))}"
    # Only the browser knows when a proxy stands between them.
    if (set(sites) <= {"same-origin", "none"}) if sites else (origins == [own]):
        return None
    page = origins[0] if origins else "another site"
    return Problem("ForeignPage", f"a page of {page} can't change anything here; {own} can")


def _headers(scope: Scope, name: bytes) -> Sequence[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _tell(problem: Problem, scope: Scope, send: Send) -> None:
    if is_ours(scope["path"]):
        media, body = MEDIA, problem.details(instance(scope))
    else:
        place = f"{scope['method']} {scope['path']}"
        media, body = "application/json", msgspec.json.encode({"error": f"{place}: {problem}"})
    headers = {"Content-Type": media, "Content-Length": str(len(body)), **problem.headers}
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
