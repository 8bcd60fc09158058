"""What a run of the suite found: a typed, versioned document.

Rules of this file:

1. Everything here is a value. How it is shown is a function of it (`reporters`).
2. A field is added with a default; a change of meaning is a new `FORMAT`.

It must not import anything of this package.
"""

from enum import Enum

import msgspec

FORMAT = 1
"""Of the document. Readers refuse what they don't know."""


class Level(Enum):
    """How much a failure matters."""

    MUST = "MUST"
    """It fails the run."""
    SHOULD = "SHOULD"
    """It warns."""
    TELL = "TELL"
    """It only tells: the claim holds, or it doesn't."""


class Verdict(Enum):
    """What became of a case. Of several that fit, the first one."""

    ERROR = "error"
    """The suite or the simulator went wrong. Nothing is said about the balancer."""
    SKIPPED = "skipped"
    """The balancer doesn't claim a feature that the case needs."""
    BLOCKED = "blocked"
    """A case that this one stands on did not pass."""
    INCONCLUSIVE = "inconclusive"
    """What should be judged did not come about: a fault did not strike, or the machine was busy."""
    VACUOUS = "vacuous"
    """Nothing was checked."""
    FAIL = "fail"
    PASS = "pass"


class Check(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    what: str
    expected: str
    actual: str
    held: bool
    advice: str = ""
    """What its author might do about it; empty for what the scenario says."""
    firm: bool = False
    """Whether it holds or not whatever became of the faults: who was asked, for example."""
    unsteady: bool = False
    """Whether it is about time, and the machine was too busy to tell."""
    t: float = 0.0
    """When, in seconds since the case began."""


class Moment(msgspec.Struct, frozen=True):
    """A line of one of the two journals."""

    t: float
    """Seconds since the case began."""
    side: str
    """`client`, or the name of a server."""
    what: str
    request: str = ""
    """Which request of ours it belongs to, `r1`, `r2` ...; empty for none."""
    kind: str = ""
    """`asks`, `reads`, `ends` of a client; of a server `asked`, `done`, `struck`, `left`, or
    `notes` for anything else."""


class Figure(msgspec.Struct, frozen=True):
    """A number beside the verdict."""

    name: str
    value: float
    unit: str = ""


class Result(msgspec.Struct, frozen=True):
    """One case, played or not."""

    id: str
    name: str
    """How the seed's report calls it; of all others the id."""
    claim: str
    level: Level
    verdict: Verdict
    seconds: float
    checks: tuple[Check, ...] = ()
    reason: str = ""
    """Why it was not judged."""
    advice: str = ""
    """Of a failure: what its author might do about it."""
    figures: tuple[Figure, ...] = ()
    moments: tuple[Moment, ...] = ()
    """Both journals on one time axis; of cases that did not pass."""
    plays: int = 1
    """How often it was played: again only if it was inconclusive."""
    evidence: tuple[str, ...] = ()
    """Where the trouble was met in the world."""

    @property
    def group(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]

    @property
    def passed(self) -> bool:
        """Whether everything that was checked held, and something was checked."""
        return self.verdict is Verdict.PASS

    @property
    def judged(self) -> bool:
        """Whether something is said about the balancer: it passed, or it failed."""
        return self.verdict in (Verdict.PASS, Verdict.FAIL)

    @property
    def broken(self) -> list[Check]:
        """The checks that did not hold."""
        return [check for check in self.checks if not check.held]

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass, the likely cause first."""
        if self.reason:
            return [self.reason]
        if not self.broken:
            return ["nothing was checked"]
        return [f"{each.what}: expected {each.expected}, got {each.actual}" for each in self.broken]


class Subject(msgspec.Struct, frozen=True):
    """What was judged."""

    name: str
    variant: str = ""
    version: str = ""
    features: tuple[str, ...] = ()
    """What it claims."""
    configuration: str = ""
    """How it was started, and its configuration, as of the first case."""
    home: str = ""
    """Where it comes from: a package and its version."""


class Report(msgspec.Struct, frozen=True):
    """A run of the suite."""

    subject: Subject
    suite: str
    """Version of the suite."""
    seed: int
    platform: str
    python: str
    date: str
    """When it began, ISO 8601 in UTC."""
    seconds: float
    timeout_scale: float = 1.0
    results: tuple[Result, ...] = ()
    format: int = FORMAT

    def count(self, verdict: Verdict, level: Level | None = None) -> int:
        """How many cases have a verdict, at a level or at all of them."""
        return sum(each.verdict is verdict and level in (None, each.level) for each in self.results)


def lean(report: Report) -> Report:
    """The report without the checks of what passed, which are most of it."""
    results = (
        msgspec.structs.replace(each, checks=()) if each.passed else each for each in report.results
    )
    return msgspec.structs.replace(report, results=tuple(results))


def status(report: Report, *, strict: bool = False) -> int:
    """The exit status of a run.

    1: a MUST failed, or with `strict` a SHOULD. 2: something that counts could not be judged, or
    nothing was. 0: neither.
    """
    counted = [Level.MUST, Level.SHOULD] if strict else [Level.MUST]
    results = [each for each in report.results if each.level in counted]
    if any(each.verdict is Verdict.FAIL for each in results):
        return 1
    unclear = (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.VACUOUS)
    if any(each.verdict in unclear for each in results):
        return 2
    return 0 if any(each.judged for each in report.results) else 2
