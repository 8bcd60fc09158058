"""Servers that say they are well, and don't generate."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Wait
from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.http_error import HttpError

MOST = 16
"""Requests one after the other. Who draws one of three servers for each, and learns nothing, has
fewer than `FEWEST` good ones in less than one play of a million."""
FEWEST = 2
ENOUGH = 4
"""After so many good ones nothing more is asked."""
MOST_S = 40.0

EVIDENCE = ("ollama/ollama#1378", "gpustack/gpustack#4010", "BerriAI/litellm#38174")


class LoadFails(Fault, frozen=True):
    """Try to load the model for a while, and fail."""

    seconds: float

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """As Ollama does when a runner dies while it loads."""
        yield Wait(self.seconds)
        error = HttpError(500, "llama runner process has terminated: exit status 2")
        async for act in error.around(exchange, handler):
            yield act


@scenario(
    claim="A server that answers GET requests well but never begins to generate does not keep all "
    "requests from the servers that do.",
    advice="The server that answers its health checks but never generates is asked again and "
    "again, or took the others with it. Let a request that timed out count against its server "
    "alone, whatever its health says.",
    needs={Feature.TIMEOUT},
    evidence=EVIDENCE,
    timeout=1.0,
    killed_by={"never-marks"},
)
async def liar(run: Run) -> None:
    """It accepts, reads, and is silent."""
    await _some_are_good(run, breaking.SILENT)


@scenario(
    claim="A server that answers GET requests well but fails to generate does not keep all "
    "requests from the servers that do.",
    advice="The server that answers its health checks but fails to generate is asked again and "
    "again. Let its errors count against it, whatever its health says.",
    level=Level.SHOULD,
    wants={Feature.MARKS_5XX},
    evidence=EVIDENCE,
    killed_by={"never-marks"},
    variants={
        "generating": variant(fault=breaking.status(500)),
        "loading": variant(fault=LoadFails(seconds=0.3)),
    },
)
async def liar_with_errors(run: Run, fault: Fault) -> None:
    """Its model is listed; generating with it fails, at once or when it should be loaded."""
    await _some_are_good(run, fault)


async def _some_are_good(run: Run, fault: Fault) -> None:
    await breaking.break_one(run, fault)
    answers = await crowd.one_by_one(
        run,
        MOST,
        enough=lambda answers: sum(each.good for each in answers) >= ENOUGH,
        seconds=MOST_S,
        tokens=4,
        patience=run.timeout + 3.0,
    )
    good = sum(answer.good for answer in answers)
    run.note(
        f"good answers of {len(answers)}, one after the other",
        good >= FEWEST,
        f"at least {FEWEST}",
        f"{good} ({crowd.outcomes(answers)})",
    )
    bad = [answer for answer in answers if not answer.good]
    run.figure("requests lost", len(bad))
    if bad:
        run.figure("time until the last one was lost", bad[-1].ended_at - bad[0].asked_at, "s")
