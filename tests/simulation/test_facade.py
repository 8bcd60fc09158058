"""Those who don't await have the same methods, with the same signatures and descriptions."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from ollama_simulator.simulation import (
    blocking_fleet,
    blocking_journal,
    blocking_server,
    fleet,
    journal,
    server,
)

PAIRS = [
    (server.AsyncInjected, blocking_server.Injected),
    (server.AsyncServer, blocking_server.Server),
    (fleet.AsyncFleet, blocking_fleet.Fleet),
    (journal.AsyncJournal, blocking_journal.Journal),
]
BLOCKS = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
OWN = {"__init__"}


def public(kind: type) -> dict[str, Any]:
    """What a class offers, by its names for those who don't await."""
    return {
        BLOCKS.get(name, name): value
        for name, value in vars(kind).items()
        if (isinstance(value, property) or inspect.isroutine(value))
        and name not in OWN
        and (not name.startswith("_") or name.startswith("__"))
    }


def function(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member


def described(member: Any) -> tuple[str, str, bool]:
    """Signature and description, in the words of those who don't await."""
    own = function(member)
    words = f"{inspect.signature(own)}", inspect.getdoc(own) or ""
    found = [
        re.sub(r"(ollama_simulator\.simulation\.\w+\.)?\b(Async)?([A-Z]\w+)", r"\3", word)
        for word in words
    ]
    return found[0], found[1], isinstance(member, property)


@pytest.mark.parametrize(("core", "facade"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_same_methods(core: type, facade: type) -> None:
    theirs, ours = public(core), public(facade)
    assert set(theirs) == set(ours)
    for name in theirs:
        assert described(ours[name]) == described(theirs[name]), name
        if not name.startswith("__"):
            assert inspect.getdoc(function(theirs[name])), f"{name} has no description"
    assert inspect.getdoc(facade) == inspect.getdoc(core)


@pytest.mark.parametrize(("core", "facade"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_same_attributes(core: type, facade: type) -> None:
    """Those that are set when one is made; each is described where it is set."""

    def attributes(kind: type) -> set[str]:
        source = inspect.getsource(kind.__init__)  # type: ignore[misc]
        found = re.findall(r"^        self\.([a-z]\w*)(?:: [^=]+)? = .*$", source, re.MULTILINE)
        return set(found)

    assert attributes(facade) == attributes(core)
