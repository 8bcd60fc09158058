"""What a test should not leave behind, found in the journal of its fleet.

Rules of this file:

1. It is a function of the records alone.
2. A fault counts as struck if it changed anything on any of the servers that it was set on
   together. One of the door has done its work when the door stands: the kernel refuses or drops
   whoever knocks without a word to us.

It must not import pytest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ollama_simulator import records
from ollama_simulator.faults import fault
from ollama_simulator.faults.rule import Rule

UNSTRUCK, BUSY, INTERNAL = "unstruck", "busy", "internal-error"
KINDS = (UNSTRUCK, BUSY, INTERNAL)
"""What there is to allow."""


class Finding(msgspec.Struct, frozen=True):
    """Something that a test should not leave behind."""

    kind: str
    """One of `KINDS`."""
    text: str
    """What it is, in a sentence or two."""


def findings(
    journal: Sequence[records.Record], rules: Mapping[int, Rule] | None = None
) -> list[Finding]:
    """Everything in a journal that a test should not leave behind, the worst first. `rules` are
    those in force, by their numbers, as the journal doesn't tell whom they fit."""
    return [
        *(Finding(INTERNAL, text) for text in _failures(journal)),
        *(Finding(BUSY, text) for text in _busy(journal)),
        *(Finding(UNSTRUCK, text) for text in _unstruck_rules(journal, rules or {})),
        *(Finding(UNSTRUCK, text) for text in _unstruck_behaviors(journal)),
    ]


def running(journal: Iterable[records.Record]) -> dict[int, records.Asked]:
    """The requests that were not finished, by their numbers."""
    found: dict[int, records.Asked] = {}
    for record in journal:
        if isinstance(record, records.Asked) and record.exchange is not None:
            found[record.exchange] = record
        elif isinstance(record, records.Finished) and record.exchange is not None:
            found.pop(record.exchange, None)
    return found


def _failures(journal: Iterable[records.Record]) -> Iterable[str]:
    for record in journal:
        if isinstance(record, records.Failed):
            where = f" in request #{record.exchange}" if record.exchange else ""
            yield f"{record.server} failed{where}: {record.error}. This is a bug of the simulator."


def _busy(journal: Sequence[records.Record]) -> Iterable[str]:
    open_requests = running(journal)
    gone = {record.exchange for record in journal if isinstance(record, records.Left)}
    for number, asked in open_requests.items():
        what = f"request #{number}, {asked.method} {asked.target} on {asked.server}"
        if number in gone:
            yield f"{what}, is still running, though its client left."
        else:
            yield (
                f"{what}, is still running: its client has neither read the answer to its end nor "
                "closed the connection."
            )
    for taken in _taken(journal):
        if taken.exchange not in open_requests:
            yield (
                f"slot {taken.slot} of {taken.model} on {taken.server} is still taken by request "
                f"#{taken.exchange}, which is over."
            )


def _taken(journal: Iterable[records.Record]) -> Iterable[records.Admitted]:
    """Slots that were given and not given back. A process that ends has no slots."""
    held: dict[int | None, records.Admitted] = {}
    for record in journal:
        if isinstance(record, records.Admitted):
            held[record.exchange] = record
        elif isinstance(record, records.Released):
            held.pop(record.exchange, None)
        elif isinstance(record, records.Stopped | records.ServerRemoved):
            held = {n: each for n, each in held.items() if each.server != record.server}
        elif isinstance(record, records.ModelUnloaded):
            held = {
                n: each
                for n, each in held.items()
                if (each.server, each.model) != (record.server, record.model)
            }
    return held.values()


def _unstruck_rules(journal: Sequence[records.Record], rules: Mapping[int, Rule]) -> Iterable[str]:
    struck = {record.rule for record in journal if isinstance(record, records.Struck)}
    refused = {
        record.rule
        for record in journal
        if isinstance(record, records.Healed) and record.why == "refused"
    }
    declared: dict[int, list[int]] = {}
    for index, record in enumerate(journal):
        if isinstance(record, records.Injected) and record.rule not in struck | refused:
            declared.setdefault(record.rule, []).append(index)
    for number, places in declared.items():
        record = journal[places[0]]
        assert isinstance(record, records.Injected)
        name = f" {record.name!r}" if record.name else ""
        servers = {journal[place].server for place in places}
        ends = _end_of_rule(journal, number)
        yield (
            f"rule {number}{name}, {record.fault} on {', '.join(sorted(servers))}"
            f"{_conditions(rules.get(number))}, never struck: "
            f"{_asked_for(journal[places[0] : ends], servers)}."
        )


def _conditions(rule: Rule | None) -> str:
    """Whom a rule fits, as far as that is known and not everybody."""
    if rule is None:
        return ""
    usual = msgspec.structs.asdict(Rule(fault=rule.fault, name=rule.name))
    own = msgspec.structs.asdict(rule).items()
    told = [f"{name}={value!r}" for name, value in own if value != usual[name]]
    return f" ({', '.join(told)})" if told else ""


def _end_of_rule(journal: Sequence[records.Record], number: int) -> int:
    ends = [
        index
        for index, record in enumerate(journal)
        if isinstance(record, records.Healed) and record.rule == number
    ]
    return max(ends, default=len(journal))


def _unstruck_behaviors(journal: Sequence[records.Record]) -> Iterable[str]:
    quiet = {"Normal", *_at_the_door()}
    for begin, name, servers in _behaviors(journal):
        # A request keeps the behaviour that it began with, so one may strike after its end.
        rest = journal[begin:]
        struck = any(
            isinstance(record, records.Struck)
            and (record.source, record.fault) == ("behavior", name)
            and record.server in servers
            for record in rest
        )
        if name not in quiet and not struck:
            who = ", ".join(sorted(servers))
            yield f"the behaviour {name} of {who} never struck: {_asked_for(rest, servers)}."


def _behaviors(journal: Sequence[records.Record]) -> Iterable[tuple[int, str, set[str]]]:
    """Each behaviour that was set: where in the journal, which, and on whom. Servers that were
    given the same one after the other, and no other meanwhile, count together."""
    found: list[tuple[int, str, set[str]]] = []
    for index, record in enumerate(journal):
        if isinstance(record, records.Behaved):
            if found and found[-1][1] == record.behavior and record.server not in found[-1][2]:
                found[-1][2].add(record.server)
            else:
                found.append((index, record.behavior, {record.server}))
    return found


def _at_the_door() -> list[str]:
    return [name for name, kind in fault.known().items() if kind.at_the_door()]


def _asked_for(stretch: Iterable[records.Record], servers: set[str]) -> str:
    """What servers were asked for meanwhile, which often shows why nothing fitted."""
    asked = Counter(
        f"{record.method} {record.target}"
        for record in stretch
        if isinstance(record, records.Asked) and record.server in servers
    )
    if not asked:
        return "nobody asked for anything meanwhile"
    told = [what if n == 1 else f"{what} ({n} times)" for what, n in asked.most_common(5)]
    more = f", and {len(asked) - 5} others" if len(asked) > 5 else ""
    return f"meanwhile it was asked for {', '.join(told)}{more}"
