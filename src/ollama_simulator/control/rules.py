"""Control routes for the rules of servers: which fault strikes which requests, and when.

Rules of this file:

1. A path means one server, several (`s1,s2`) or `all`. A rule that is set on several has one
   number on all of them.

It must not import the servers' insides.
"""

from collections.abc import Sequence

import msgspec

from ollama_simulator.control.naming import names, several
from ollama_simulator.control.operation import Call, Example, Table
from ollama_simulator.control.problems import Problem
from ollama_simulator.control.views import ActiveRule, active_rules
from ollama_simulator.control.web import document
from ollama_simulator.faults.rule import plain, readable

operation = Table("Rules")
S1 = Example(path={"name": "s1"})
FIRST = Example(path={"name": "s1", "id": "1"})
PATH = "/servers/{name}/rules"


class Rules(msgspec.Struct, frozen=True):
    """The rules of some servers."""

    rules: list[ActiveRule]
    """In the order in which they are asked."""


class Given(msgspec.Struct, frozen=True):
    """A rule that was set."""

    id: int
    """Its number, by which it is found and ended."""
    servers: tuple[str, ...]
    """The names of those that have it."""


class Ended(msgspec.Struct, frozen=True):
    """What was healed."""

    healed: int
    """How many rules ended, counted on each server."""


@operation("GET", PATH, gives=Rules, problems=("UnknownServer",), examples=(S1,), several=True)
async def list_rules(call: Call) -> Rules:
    """The rules of a server, several (`s1,s2`) or `all`."""
    return Rules(active_rules(call.fleet, several(call)))


@operation(
    "POST",
    PATH,
    takes=readable,
    gives=Given,
    status=201,
    problems=("UnknownServer", "PortTaken", "Unsupported"),
    examples=(
        Example(path={"name": "s1"}, body={"fault": {"type": "Hang"}, "limit": 1}),
        Example(
            path={"name": "all"},
            body={
                "fault": {"type": "HttpError", "status_code": 503, "message": "busy"},
                "path": "/api/*",
                "probability": 0.1,
                "ttl": 60,
            },
        ),
        Example(path={"name": "s1,s2"}, body={"fault": {"type": "ConnectionRefused"}}),
    ),
    several=True,
)
async def add_rule(call: Call) -> object:
    """Set a rule on a server, several (`s1,s2`) or `all`.

    Rules are asked in the order in which they were set; the first is the outermost.
    """
    servers = several(call)
    number = await call.fleet.inject(names(servers), plain(call.body(readable())))
    where = f"/servers/{call.path['name']}/rules/{number}"
    return document(Given(number, names(servers)), 201, {"Location": where})


@operation(
    "DELETE",
    PATH,
    gives=Ended,
    problems=("UnknownServer", "PortTaken"),
    examples=(Example(path={"name": "all"}),),
    several=True,
)
async def heal(call: Call) -> Ended:
    """Heal a server, several (`s1,s2`) or `all`: all rules end, and the behaviour is `Normal`."""
    return Ended(await call.fleet.heal(names(several(call))))


@operation(
    "GET",
    f"{PATH}/{{id}}",
    gives=ActiveRule,
    problems=("UnknownServer", "UnknownRule"),
    examples=(FIRST,),
    several=True,
)
async def get_rule(call: Call) -> ActiveRule:
    """One rule of a server, or of several that have it."""
    return _found(call)


@operation(
    "DELETE",
    f"{PATH}/{{id}}",
    status=204,
    problems=("UnknownServer", "UnknownRule", "PortTaken"),
    examples=(FIRST,),
    several=True,
)
async def remove_rule(call: Call) -> None:
    """End one rule, on a server or on several."""
    await call.fleet.heal(names(several(call)), _found(call).id)


def _found(call: Call) -> ActiveRule:
    """The rule that is meant. Raises `Problem`."""
    there = active_rules(call.fleet, several(call))
    number = chosen(call, [each.id for each in there])
    return next(each for each in there if each.id == number)


def chosen(call: Call, there: Sequence[int]) -> int:
    """The number of the rule that is meant, of those that there are. Raises `Problem`."""
    name, number = call.path["name"], call.path["id"]
    for each in there:
        if str(each) == number:
            return each
    known = ", ".join(map(str, there)) or "none"
    raise Problem("UnknownRule", f"no rule {number!r} on {name}; there are {known}")
