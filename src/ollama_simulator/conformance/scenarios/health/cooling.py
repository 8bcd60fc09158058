"""A server that failed is left alone for a while, by those who say so."""

from ollama_simulator.acts import Door
from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.faults.fault import Fault

WINDOW_S = 0.7
"""The shortest cool-down that deserves the name is a second; it began some time before."""
TRIES = 30
"""Requests within it. Who goes on drawing one of three servers for each gives the failed one
fewer than two in one play of ten thousand."""
ALLOWED = 1
"""A health check may be passed meanwhile, and end the cool-down."""
MEETING = 6
"""Requests in which a shut door is met by who takes turns; a retry would hide that it was."""


@scenario(
    claim="A server that failed is given no requests for a while, if they come one after the other "
    "and others are free.",
    advice="A server that just failed is given the next requests although others are free. Let its "
    "cool-down begin with the failure itself, not with the next tick of some cycle.",
    level=Level.SHOULD,
    needs={Feature.MARKS},
    evidence=("BerriAI/litellm#34836", "BerriAI/litellm#34416"),
    timeout=1.0,
    killed_by={"marks-late"},
    variants={
        "refused": variant(fault=breaking.REFUSED),
        "silent": variant(fault=breaking.SILENT, needs={Feature.TIMEOUT}),
        "errors": variant(fault=breaking.status(503), needs={Feature.MARKS_5XX}),
        "closed": variant(fault=breaking.CLOSED, level=Level.TELL),
        "reset-stream": variant(fault=breaking.RESET, level=Level.TELL),
    },
)
async def cooldown(run: Run, fault: Fault) -> None:
    """It fails once and is sound at once; requests follow one after the other."""
    broken = await breaking.break_one(run, fault)
    shut = fault.door is not Door.OPEN

    def met(answers: list[Answer]) -> bool:
        return broken.met or any(not answer.good for answer in answers)

    await crowd.one_by_one(run, MEETING if shut else 1, enough=met, tokens=4)
    await broken.heal()
    answers = await crowd.one_by_one(run, TRIES, seconds=WINDOW_S, pause=0.01, tokens=2)
    name = broken.server.name
    count = crowd.given(run, answers)[name]
    # Whoever takes turns gives it one of three.
    if count <= ALLOWED and len(answers) < 3 * (count + 1):
        raise NotArranged(f"there was time for {len(answers)} requests only, soon after it failed")
    run.note(
        f"requests that {name} was given soon after it failed",
        count <= ALLOWED,
        f"at most {ALLOWED} of {len(answers)}",
        count,
    )
    run.figure(f"requests given to {name} soon after it failed", count)
