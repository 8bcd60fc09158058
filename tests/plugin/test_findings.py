"""What a test should not leave behind, found in a journal."""

from __future__ import annotations

from typing import Any

from ollama_simulator.acts import Door, How
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.rule import Rule
from ollama_simulator.pytest_plugin.findings import Finding, findings, running
from ollama_simulator.records import (
    Admitted,
    Asked,
    Behaved,
    DoorMoved,
    Failed,
    Finished,
    Healed,
    Injected,
    Left,
    ModelUnloaded,
    Record,
    Released,
    ServerRemoved,
    Stopped,
    Struck,
)

NEVER = "nobody asked for anything meanwhile."


def at(kind: type[Record], server: str = "s1", exchange: int | None = None, **fields: Any) -> Any:
    return kind(t=0.0, server=server, exchange=exchange, **fields)


def asked(number: int, server: str = "s1", target: str = "/api/chat") -> Any:
    return at(Asked, server, number, connection=1, method="POST", target=target, ordinal=number)


def finished(number: int, server: str = "s1") -> Any:
    return at(Finished, server, number, outcome="complete", status=200, tokens=1, body_bytes=2)


def rule(number: int, server: str = "s1", fault: str = "Hang", name: str = "") -> Any:
    return at(Injected, server, rule=number, fault=fault, name=name)


def behaves(behavior: str, server: str = "s1") -> Any:
    return at(Behaved, server, behavior=behavior)


def struck(fault: str, server: str = "s1", number: int | None = None) -> Any:
    source = "behavior" if number is None else "rule"
    return at(Struck, server, 1, fault=fault, rule=number, source=source)


def texts(*journal: Record, **rules: Any) -> list[str]:
    return [each.text for each in findings(journal, **rules)]


def test_nothing_is_left_of_an_ordinary_request() -> None:
    slot = {"model": "m", "slot": 0}
    journal = [
        asked(1),
        at(Admitted, "s1", 1, waited=0.0, **slot),
        at(Released, "s1", 1, **slot),
        finished(1),
    ]
    assert findings(journal) == []


# --- rules ------------------------------------------------------------------------------------


def test_a_rule_that_never_struck() -> None:
    """With what was asked for while it was in force, the most frequent first."""
    journal = [
        asked(1, target="/before"),
        finished(1),
        rule(1, name="cut"),
        *(step for n in (2, 3) for step in (asked(n, target="/often"), finished(n))),
        asked(4, target="/once"),
        finished(4),
        at(Healed, rule=1, why="asked"),
        asked(5, target="/after"),
        finished(5),
    ]
    assert findings(journal) == [
        Finding(
            "unstruck",
            "rule 1 'cut', Hang on s1, never struck: meanwhile it was asked for "
            "POST /often (2 times), POST /once.",
        )
    ]


def test_whom_it_fits_is_told_if_it_is_known() -> None:
    known = {1: Rule(fault=Hang(), path="/x", limit=2)}
    (text,) = texts(rule(1), rules=known)
    assert text.startswith("rule 1, Hang on s1 (path='/x', limit=2), never struck: ")
    (text,) = texts(rule(1), rules={1: Rule(fault=Hang())})
    assert text.startswith("rule 1, Hang on s1, never struck: ")


def test_a_rule_of_several_servers_needs_one() -> None:
    both = [rule(1, "s1"), rule(1, "s2")]
    assert texts(*both, struck("Hang", "s2", 1)) == []
    assert texts(*both) == [f"rule 1, Hang on s1, s2, never struck: {NEVER}"]


def test_another_rule_s_stroke_does_not_count() -> None:
    assert texts(rule(1), rule(2), struck("Hang", "s1", 2)) == [
        f"rule 1, Hang on s1, never struck: {NEVER}"
    ]


def test_a_rule_that_was_refused_is_none() -> None:
    """Whoever set it has got the exception."""
    assert texts(rule(1), at(Healed, rule=1, why="refused")) == []


def test_many_targets_are_counted() -> None:
    journal = [rule(1), *(asked(n, target=f"/{n}") for n in range(1, 8))]
    ends = [finished(n) for n in range(1, 8)]
    (text,) = texts(*journal, *ends)
    assert text.endswith("POST /1, POST /2, POST /3, POST /4, POST /5, and 2 others.")


# --- behaviours -------------------------------------------------------------------------------


def test_a_behavior_that_never_struck() -> None:
    assert texts(behaves("Hang")) == [f"the behaviour Hang of s1 never struck: {NEVER}"]
    assert texts(behaves("Hang"), struck("Hang")) == []


def test_a_rule_s_stroke_is_none_of_the_behavior() -> None:
    (text,) = texts(behaves("Hang"), struck("Hang", "s1", 1))
    assert text.startswith("the behaviour Hang of s1 never struck")


def test_it_may_strike_a_request_that_began_with_it() -> None:
    assert texts(behaves("Hang"), asked(1), behaves("Normal"), struck("Hang"), finished(1)) == []


def test_servers_that_were_told_one_after_the_other_count_together() -> None:
    both = [behaves("Hang", "s1"), behaves("Hang", "s2")]
    assert texts(*both, struck("Hang", "s2")) == []
    assert texts(*both) == [f"the behaviour Hang of s1, s2 never struck: {NEVER}"]


def test_a_second_time_is_another_time() -> None:
    """The first stroke says nothing of it."""
    once = [behaves("Hang"), struck("Hang"), behaves("Normal")]
    assert texts(*once) == []
    assert texts(*once, behaves("Hang")) == [f"the behaviour Hang of s1 never struck: {NEVER}"]


def test_the_door_has_done_its_work_when_it_stands() -> None:
    """Nobody tells whom the kernel refuses."""
    assert texts(at(DoorMoved, door=Door.SHUT), behaves("ConnectionRefused")) == []
    assert texts(behaves("Normal")) == []


# --- requests and slots -----------------------------------------------------------------------


def test_a_request_in_progress() -> None:
    journal = [asked(1), finished(1), asked(2)]
    assert list(running(journal)) == [2]
    assert findings(journal) == [
        Finding(
            "busy",
            "request #2, POST /api/chat on s1, is still running: its client has neither read the "
            "answer to its end nor closed the connection.",
        )
    ]
    assert texts(*journal, at(Left, "s1", 2, how=How.FIN, tokens=0)) == [
        "request #2, POST /api/chat on s1, is still running, though its client left."
    ]


def test_a_slot_that_is_lost() -> None:
    """Unless its model or its server is gone."""
    lost = [
        asked(1),
        at(Admitted, "s1", 1, model="m", waited=0.0, slot=3),
        finished(1),
    ]
    said = "slot 3 of m on s1 is still taken by request #1, which is over."
    assert texts(*lost) == [said]
    assert texts(*lost, at(Stopped, "s2")) == [said]
    assert texts(*lost, at(ModelUnloaded, model="n", why="asked")) == [said]
    assert texts(*lost, at(Stopped)) == []
    assert texts(*lost, at(ServerRemoved, port=1)) == []
    assert texts(*lost, at(ModelUnloaded, model="m", why="asked")) == []


# --- the simulator ----------------------------------------------------------------------------


def test_an_internal_error_comes_first() -> None:
    journal = [rule(1), asked(1), at(Failed, "s1", 1, error="KeyError: 'x'")]
    found = findings(journal)
    assert [each.kind for each in found] == ["internal-error", "busy", "unstruck"]
    assert (
        found[0].text == "s1 failed in request #1: KeyError: 'x'. This is a bug of the simulator."
    )
