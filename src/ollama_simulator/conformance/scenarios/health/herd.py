"""A server that comes back is cold, and must not be buried."""

from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked, ModelLoaded, Received, Restarted

CLIENTS = 6
MOST = 4
"""Requests of six that a server of three may have at once: two is even, and whoever compares two
servers never goes beyond three; one more for an answer whose end is not known yet."""
DOWN_S = 0.6
LOAD_MS = 400
AFTER_S = 1.5
"""So long it is watched when it is used again."""
WITHIN_S = 20.0
PACED = Normal(tokens_per_sec=50, load_delay_ms=LOAD_MS)


@scenario(
    claim="A server that comes back with nothing in memory, while the others are busy, is given "
    "its share of the requests at first, not all of them.",
    advice="A server that came back is given every request until it has caught up with the others. "
    "Compare the requests in progress, not those of the past, and begin slowly with a cold server.",
    level=Level.SHOULD,
    needs={Feature.SHARES},
    wants={Feature.LEAST_LOADED},
    evidence=(
        "freenet/freenet-core#3210",
        "gabrielkoerich/orch#331",
        "matrixorigin/matrixone#25209",
        "azrtydxb/Fastllm-proxy#21",
    ),
    killed_by={"favours-newcomers"},
)
async def herd(run: Run) -> None:
    """Six clients that never stop asking; one of three servers restarts."""
    await run.behave(PACED)
    server = await run.favourite()
    journal, clock = run.fleet.journal, run.fleet.clock
    await server.restart(seconds=DOWN_S)
    came_back: float | None = None
    used: float | None = None

    def enough(answers: list[Answer]) -> bool:
        nonlocal came_back, used
        if came_back is None:
            came_back = next((each.t for each in journal.where(Restarted)), None)
        if used is None and came_back is not None:
            ours = {each.exchange for each in journal.where(Received, server=server.name)}
            asked = (each for each in journal.where(Asked) if each.exchange in ours)
            used = next((each.t for each in asked if each.t > came_back), None)
        return used is not None and clock.now() > used + AFTER_S

    answers = await crowd.keep_asking(run, CLIENTS, enough, seconds=WITHIN_S, tokens=20)
    if came_back is None:
        raise NotArranged(f"{server.name} did not come back")
    if used is None:
        run.note(f"whether {server.name} is used again", False, f"within {WITHIN_S:g} s", "no")
        return
    peak = crowd.most_at_once(run, server, used, used + AFTER_S)
    run.note(
        f"requests that {server.name} had at once at first",
        peak <= MOST,
        f"at most {MOST} of {CLIENTS}",
        peak,
    )
    loads = [each for each in journal.where(ModelLoaded, server=server.name) if each.t > came_back]
    run.figure("requests at once at first", peak)
    run.figure("loads after it came back", len(loads))
    run.figure("time until it was used again", used - came_back, "s")
    lost = sum(not answer.good for answer in answers)
    run.figure("requests lost", lost)
