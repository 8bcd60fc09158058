"""Plays one case: a fresh fleet and a fresh balancer for it, then the judgement.

It must not import the command line.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec

from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.conformance import timeline
from ollama_simulator.conformance.balancers.adapter import Balancer, NotStarted, Setup
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.report import Check, Level, Moment, Result, Verdict
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.records import Failed
from ollama_simulator.settings import Settings

LONGEST_S = 60.0
"""Seconds after which a case is given up; a sound balancer takes a tenth."""


class Game(msgspec.Struct, frozen=True):
    """What all cases of a run share."""

    balancer: Balancer
    steadiness: Steadiness
    seed: int = 0
    scale: float = 1.0
    """How much longer we wait, and balancers are told to wait, than scenarios say."""
    ports: Sequence[int] | None = None
    """Where the servers listen; None for free ports."""
    control_port: int | None = None
    """Where the control API is served meanwhile, so that a person can look in."""


class Played(msgspec.Struct, frozen=True):
    """A case that was played."""

    result: Result
    configuration: str = ""
    """How the balancer was started."""


def prepare(cases: Iterable[Case], balancer: Balancer) -> None:
    """Do what cases need that is slow the first time: in the midst of a case everybody's clock
    would stand still for it."""
    for case in cases:
        settings = case.scenario.settings
        each = settings if isinstance(settings, tuple) else (settings or Settings(),)
        if any(server.helper for server in each) and not unclaimed(case, balancer):
            from ollama_simulator.control import serve

            serve.prepare()
            return


def level_of(case: Case, balancer: Balancer) -> Level:
    """How much a failure matters to a balancer with its claims."""
    return case.level if case.scenario.wants <= balancer.features else Level.TELL


def unclaimed(case: Case, balancer: Balancer) -> list[str]:
    """What a case needs and a balancer doesn't claim, or is not."""
    missing = sorted(feature.value for feature in case.needs - balancer.features)
    return [*missing, "ours to end"] if case.scenario.ends and not balancer.ours else missing


def unplayed(case: Case, balancer: Balancer, verdict: Verdict, reason: str) -> Result:
    """A case that was not played."""
    scenario = case.scenario
    level = level_of(case, balancer)
    return Result(
        case.id,
        case.name,
        scenario.claim,
        level,
        verdict,
        0.0,
        reason=reason,
        plays=0,
        evidence=scenario.evidence,
    )


async def play(case: Case, game: Game) -> Played:
    """Play one case. Raises `BrokenEnvironment` and `PortTaken`."""
    scenario = case.scenario
    clock: Clock = WallClock()
    started = clock.now()
    timeout = scenario.timeout * game.scale
    ports = (0,) * scenario.servers if game.ports is None else game.ports[: scenario.servers]
    error = unclear = configuration = ""
    run: Run | None = None
    ended: str | None = None
    moments: tuple[Moment, ...] = ()
    settings = fitting(scenario.settings, game.balancer)
    fleet = Fleet(ports, seed=game.seed, settings=settings)
    async with fleet, _control(fleet, game.control_port), _helpers(fleet):
        if scenario.arrange is not None:
            await scenario.arrange(fleet, **case.how.arguments)
        claimed = (case.needs | scenario.wants) & game.balancer.features
        setup = Setup(
            fleet.ports, timeout, claimed, case.annotations, scenario.kv_q8, scenario.options
        )
        try:
            async with game.balancer.running(setup) as subject:
                configuration = subject.configuration
                try:
                    seed = f"{game.seed}/{case.id}"
                    async with Run(
                        fleet, subject, timeout, seed, game.steadiness, game.scale
                    ) as run:
                        await _limited(case, run)
                except* NotArranged as group:
                    unclear = str(first_of(group))
                except* Exception as group:
                    error = f"the suite failed: {first_of(group)!r}"
                ended = subject.ended()
                if run is not None:
                    run.look()
        except NotStarted as missing:
            unclear = str(missing)
        for failure in fleet.journal.where(Failed):
            error = f"the simulator failed: {failure.error}"
        if run is not None:
            if ended is not None:
                # The cause of whatever else went wrong, so it is told first.
                run.checks.insert(
                    0, Check("the balancer's process", "running", ended, False, firm=True)
                )
            moments = timeline.moments(run.answers, fleet.journal, run.began)
    stalled = "" if run is None else run.stalled()
    result = judge(case, game.balancer, run, error, unclear, stalled)
    if not result.passed:
        result = msgspec.structs.replace(result, moments=moments)
    return Played(
        msgspec.structs.replace(result, seconds=round(clock.now() - started, 4)), configuration
    )


def judge(
    case: Case, balancer: Balancer, run: Run | None, error: str, unclear: str, stalled: str = ""
) -> Result:
    """The verdict: of several that fit, the first one that `Verdict` names.

    `stalled` tells what held the machine up for so long that any balancer would have been wrong.
    """
    scenario = case.scenario
    checks = tuple(run.checks) if run is not None else ()
    broken = [check for check in checks if not check.held]
    if run is not None and not unclear and (missed := run.missed()):
        who = " and ".join(f"{each.fault} on {', '.join(each.servers)}" for each in missed)
        unclear = f"a declared fault did not strike: {who}"
    if unclear and any(check.firm for check in broken):
        # It needs no fault to be wrong; that is why the fault never struck.
        unclear = ""
    if not unclear and broken and all(check.unsteady for check in broken):
        unclear = "; ".join(run.noise) if run is not None else ""
    if not unclear and broken and stalled:
        unclear = f"{stalled}; seen: {broken[0].what}: {broken[0].actual}"
    verdict, reason = Verdict.PASS, ""
    if error:
        verdict, reason = Verdict.ERROR, error
    elif unclear:
        verdict, reason = Verdict.INCONCLUSIVE, unclear
    elif not checks:
        verdict = Verdict.VACUOUS
    elif broken:
        verdict = Verdict.FAIL
    advice = ""
    if verdict is Verdict.FAIL:
        advice = next((each.advice for each in broken if each.advice), "") or scenario.advice
    return Result(
        id=case.id,
        name=case.name,
        claim=scenario.claim,
        level=level_of(case, balancer),
        verdict=verdict,
        seconds=0.0,
        checks=checks,
        reason=reason,
        advice=advice,
        figures=tuple(run.figures) if run is not None else (),
        evidence=scenario.evidence,
    )


def fitting(
    settings: Settings | tuple[Settings, ...] | None, balancer: Balancer
) -> Settings | tuple[Settings, ...] | None:
    """A scenario's settings of servers, with what the balancer can't do without."""
    needed = balancer.server_settings
    if not needed:
        return settings
    if isinstance(settings, tuple):
        return tuple(msgspec.structs.replace(each, **needed) for each in settings)
    return msgspec.structs.replace(settings or Settings(), **needed)


async def _limited(case: Case, run: Run) -> None:
    limit = LONGEST_S * run.scale
    try:
        async with asyncio.timeout(limit):
            await case.scenario.play(run, **case.how.arguments)
    except TimeoutError:
        run.note("the time of the case", False, f"below {limit:g} s", "more", firm=True)


@contextlib.asynccontextmanager
async def _control(fleet: Fleet, port: int | None) -> AsyncIterator[None]:
    if port is None:
        yield
        return
    # Imported only when it is served: it is the slowest import of the package.
    from ollama_simulator.control.serve import serving

    sock = kernel.listen(HOST, port)
    async with asyncio.TaskGroup() as group, serving(fleet, sock, group.create_task):
        yield


@contextlib.asynccontextmanager
async def _helpers(fleet: Fleet) -> AsyncIterator[None]:
    """Serve the servers' helpers, where their settings want them."""
    if not fleet.helpers:
        yield
        return
    # As above.
    from ollama_simulator.control.serve import helping

    async with asyncio.TaskGroup() as group, helping(fleet, group.create_task):
        yield


def first_of(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
