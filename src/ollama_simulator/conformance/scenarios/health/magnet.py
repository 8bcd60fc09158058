"""A server that fails fast is always free, and seems quick: it must not draw the requests."""

from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import warm
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.slow import Slow
from ollama_simulator.settings import Settings

IN_TURN = 16
"""Requests one after the other. Who draws one of three servers for each, and learns nothing, has
fewer than `FEWEST` good ones in less than one play of a million."""
FEWEST = 2
ENOUGH = 8
"""After so many good ones nothing more is asked."""
BESIDE = 26
"""The same beside a busy server, where the failing one draws half of all requests from who draws
two servers and takes the one with less to do."""
LONG = Slow(tokens_per_sec=10, num_tokens=600)

EVIDENCE = ("thushan/olla#144", "petersimmons1972/olla#12")


@scenario(
    claim="While one server fails every request at once, requests that come one after the other "
    "are not all given to it: the servers that work are given work.",
    advice="The server that fails is asked again and again, or nobody is, although others work. "
    "Let a failure (a refused connection, a closed one, an answer that breaks off) count against "
    "its server alone, and give the next request to another one.",
    evidence=EVIDENCE,
    arrange=warm,
    killed_by={"never-marks"},
    variants={
        "refused": variant(fault=breaking.REFUSED),
        "closed": variant(fault=breaking.CLOSED),
        "reset-stream": variant(
            fault=breaking.RESET, level=Level.SHOULD, killed_by={"forgets-broken"}
        ),
        "short-stream": variant(
            fault=breaking.SHORT, level=Level.SHOULD, killed_by={"forgets-broken"}
        ),
    },
)
async def magnet(run: Run, fault: Fault) -> None:
    """One request after the other."""
    await breaking.break_one(run, fault)
    await _in_turn(run, IN_TURN)


@scenario(
    claim="While one server answers every request with an error at once, requests that come one "
    "after the other are not all given to it: the servers that work are given work.",
    advice="The server that answers with errors is asked again and again although others work. "
    "Let an answer of 500 or more count against a server, and give the next request to another.",
    level=Level.SHOULD,
    wants={Feature.MARKS_5XX},
    evidence=EVIDENCE,
    arrange=warm,
    killed_by={"never-marks"},
    variants={
        "500": variant(fault=breaking.status(500)),
        "503": variant(fault=breaking.status(503)),
    },
)
async def magnet_of_errors(run: Run, fault: Fault) -> None:
    """One request after the other."""
    await breaking.break_one(run, fault)
    await _in_turn(run, IN_TURN)


async def _in_turn(run: Run, most: int) -> None:
    answers = await crowd.one_by_one(
        run, most, enough=lambda answers: _good(answers) >= ENOUGH, tokens=4
    )
    good = _good(answers)
    run.note(
        f"good answers of {len(answers)}, one after the other",
        good >= FEWEST,
        f"at least {FEWEST}",
        f"{good} ({crowd.outcomes(answers)})",
    )
    run.figure("share of good answers", good / len(answers))
    crowd.shares(run, answers)


@scenario(
    claim="While one server is busy and another fails every request at once, the failing one, "
    "always free and quick, does not draw all other requests: the third is given work.",
    advice="The server with the fewest requests in progress, or with the shortest times, is the "
    "one that fails at once. Count failures against a server before you compare load or time.",
    level=Level.SHOULD,
    evidence=EVIDENCE,
    arrange=warm,
    # Who takes turns gives the busy one its share, which it answers, too.
    settings=Settings(num_parallel=4),
    killed_by={"prefers-quick"},
    variants={
        "refused": variant(fault=breaking.REFUSED),
        "closed": variant(fault=breaking.CLOSED),
        "reset-stream": variant(fault=breaking.RESET),
    },
)
async def magnet_beside_load(run: Run, fault: Fault) -> None:
    """A long answer, and requests one after the other beside it."""
    await run.behave(LONG)
    long = run.start(tokens=600)
    await run.reached(long)
    await run.behave(QUICK)
    await breaking.break_one(run, fault)
    await _in_turn(run, BESIDE)
    await long.leave()


def _good(answers: list[Answer]) -> int:
    return sum(answer.good for answer in answers)
