"""Faults that tell health checks and work apart.

What balancers ask to learn whether a server is well: GET and HEAD of `/`, `/health`,
`/api/version`, `/api/tags`, `/api/ps` and `/v1/models`. All else counts as work.
"""

from ollama_simulator.faults.fault import Fault
from ollama_simulator.net.request import Request

HEALTH = frozenset({"/", "/health", "/api/version", "/api/tags", "/api/ps", "/v1/models"})


def checks_health(request: Request) -> bool:
    """Whether a request only asks how the server is."""
    path = request.target.partition("?")[0]
    return request.method in ("GET", "HEAD") and path in HEALTH


def check_nested(fault: Fault) -> None:
    """Raise `ValueError` for a fault that can't stand within another one."""
    name = type(fault).__name__
    if fault.at_the_door():
        raise ValueError(f"fault: {name} works before there is a request, so it can't be in here")
    if fault.paces:
        raise ValueError(f"fault: {name} leaves health checks alone by itself, so set it alone")
