"""The table of the newer control routes.

It must not import the servers' insides.
"""

from ollama_simulator.control import catalogue, fleets, journal, parts, rules
from ollama_simulator.control.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *fleets.operation.all,
    *rules.operation.all,
    *parts.operation.all,
    *journal.operation.all,
    *catalogue.operation.all,
)
_FIRST = {operation.path.split("/")[1] for operation in OPERATIONS}


def is_ours(path: str) -> bool:
    """Whether a path belongs to these routes, be there something or not."""
    return path.split("/")[1] in _FIRST


def allowed(path: str) -> str:
    """The methods that a path takes, as `Allow` tells them."""
    parts = path.rstrip("/").split("/")
    found = {
        operation.method
        for operation in OPERATIONS
        if len(own := operation.path.split("/")) == len(parts)
        and all(a == b or a.startswith("{") for a, b in zip(own, parts, strict=True))
    }
    return ", ".join(sorted({*found, "OPTIONS"}))
