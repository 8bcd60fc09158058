"""Which fault strikes where and when: rules, which are values, and how they are read.

Rules of this file:

1. A rule says nothing of servers, and has no state: who is asked and counts is `rules`.
2. What a rule can't mean is a complaint that names its field; it is never ignored.

It must not import the journal or anything above.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ollama_simulator.exchange import Exchange
from ollama_simulator.faults import fault
from ollama_simulator.faults.fault import Fault
from ollama_simulator.mistakes import instead
from ollama_simulator.model import Embed, Infer, Job, Refusal
from ollama_simulator.once import once
from ollama_simulator.wire.redirects import Fixed

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Times = Annotated[int, Meta(ge=0, le=10**12)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault, the requests that it strikes, and the time in which it does. Globs are those of
    file names: `*` is any number of characters, `?` one, `[ab]` one of these."""

    fault: Any
    """The fault: any of those that there are."""
    name: str = ""
    """What you call it. Chances depend on it; without one they depend on the rule's number."""
    path: str = "*"
    """A glob for the path of the request, without its query."""
    method: str = "*"
    """A glob for the method."""
    model: str = "*"
    """A glob for the model that is asked for, as the request writes it. To know that, the body
    is read before the fault strikes; without it a fault may strike before."""
    header: Mapping[str, str] = {}
    """Headers that the request must have, and a glob for the value of each."""
    contains: str = ""
    """A text that the request's body must have, as it stands there or as JSON writes it; empty for
    any body. To know that, the body is read before the fault strikes."""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """How likely it strikes. It is drawn from the fleet's seed, the server, the rule and the
    request's number on its server: the same again in the next run."""
    ramp: Seconds = 0.0
    """Seconds, from `since` on, in which `probability` rises evenly from 0 to what it says: a
    server gets worse and worse."""
    skip: Times = 0
    """How many requests that fit it lets pass at first."""
    limit: Times | None = None
    """How many it strikes at most; None for any number."""
    every: Annotated[int, Meta(ge=1, le=10**12)] = 1
    """Of those that fit, behind those that it let pass, it strikes the first, and from there
    each so-manieth."""
    shared: bool = False
    """Whether servers that it is set on together also count together."""
    since: Seconds = 0.0
    """Seconds, by the fleet's clock, after it was set from which it strikes."""
    until: Seconds | None = None
    """Seconds after it was set until which it strikes; None for ever."""
    ttl: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """Seconds after which it is removed by itself, whatever became of whoever set it; None to
    keep it."""

    def fits(self, method: str, target: str, headers: Mapping[str, list[str]]) -> bool:
        """Whether a request's head is one that it strikes. Headers by their names in lower case."""
        return (
            (self.path == "*" or fnmatchcase(target.partition("?")[0], self.path))
            and (self.method == "*" or fnmatchcase(method, self.method))
            and (not self.header or self._in(headers))
        )

    def _in(self, headers: Mapping[str, list[str]]) -> bool:
        return all(
            any(fnmatchcase(value, glob) for value in headers.get(name.lower(), []))
            for name, glob in self.header.items()
        )

    @property
    def reads(self) -> bool:
        """Whether more than a request's head must be read to know whether it strikes it."""
        return self.model != "*" or bool(self.contains)

    def wants(self, job: Job | None) -> bool:
        """Whether what is asked for is for a model that it strikes."""
        if self.model == "*":
            return True
        return fnmatchcase(model_of(job), self.model)

    def found_in(self, body: bytes) -> bool:
        """Whether a request's body has the text that it must have."""
        said = json.dumps(self.contains)[1:-1], json.dumps(self.contains, ensure_ascii=False)[1:-1]
        texts = (text.encode("utf-8", "surrogatepass") for text in (self.contains, *said))
        return any(text in body for text in texts)

    def likelihood(self, age: float) -> float:
        """How likely it strikes, so many seconds after it was set."""
        if not self.ramp:
            return self.probability
        return self.probability * min(1.0, (age - self.since) / self.ramp)


def model_of(job: Job | None) -> str:
    """The model that a job is for, as its request writes it; empty for none."""
    if isinstance(job, Infer | Embed):
        return job.model
    named = getattr(job, "model", "")
    return named if isinstance(named, str) else ""


async def fits_behind(rule: Rule, exchange: Exchange) -> bool:
    """Whether a request is one that a rule strikes by what is behind its head."""
    if rule.model != "*":
        job = None
        if not isinstance(exchange.route, Fixed):
            try:
                job = (await exchange.codec()).job
            except Refusal:
                return False
        if not rule.wants(job):
            return False
    if rule.contains:
        try:
            body = await exchange.body()
        except Refusal:
            return False
        if not rule.found_in(body):
            return False
    return True


CONDITIONS = (
    *("path", "method", "model", "header", "contains"),
    *("probability", "ramp", "skip", "limit", "every"),
)
"""What a fault of the door can't be asked: there is no request yet."""


def complaint(rule: Rule) -> tuple[str, str] | None:
    """What is wrong with a rule that its fields alone don't tell: the field, and why."""
    if not isinstance(rule.fault, Fault):
        return "fault", f"{rule.fault!r} is no fault"
    name = type(rule.fault).__name__
    if rule.fault.at_the_door():
        usual = {field.name: field for field in msgspec.structs.fields(Rule)}
        for field in (*CONDITIONS, "shared"):
            default = usual[field].default
            default = {} if field == "header" else default
            if getattr(rule, field) != default:
                return field, f"{name} works before there is a request, so it can't ask for that"
    if rule.until is not None and rule.until <= rule.since:
        return "until", f"it would end at {rule.until:g} s and begin at {rule.since:g} s"
    if rule.ttl is not None and rule.ttl <= rule.since:
        return "ttl", f"it would be removed at {rule.ttl:g} s and begin at {rule.since:g} s"
    return None


@once
def readable() -> Any:
    """What a decoder is told to read a rule: its fault may be any that is known."""
    return msgspec.defstruct(
        "Rule",
        [("fault", fault.any_fault())],
        bases=(Rule,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def plain(read: Rule) -> Rule:
    """A rule that was decoded as `readable`, as a rule like any other."""
    return Rule(**{name: getattr(read, name) for name in Rule.__struct_fields__})


class BadFault(ValueError):
    """Words that name no fault. The text names the culprit and what there is."""


def named(words: str) -> Fault:
    """A fault in a header's words: its JSON, or its name alone if it has no field that must be
    given. Raises `BadFault`."""
    text = words.strip()
    try:
        if text.startswith("{"):
            read: Fault = msgspec.json.decode(text, type=fault.any_fault())
            return read
        if text in fault.known():
            return fault.known()[text]()
    except msgspec.MsgspecError as error:
        raise BadFault(str(error)) from None
    except TypeError as error:
        why = str(error).removeprefix(f"{text}: ")
        raise BadFault(f"{text} needs its fields, as JSON: {why}") from None
    raise BadFault(f"there is no fault {text!r}; {instead(text, list(fault.known()))}")
