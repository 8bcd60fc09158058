"""What a choice costs those who wait for their first token."""

import random
from statistics import fmean

from ollama_simulator.conformance import yardstick
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.conformance.yardstick import Work
from ollama_simulator.faults.normal import Normal

REQUESTS = 12
TOKENS_PER_S = 40.0
GAP_S = 0.15
"""Between two requests on average: a little less than three servers can do."""
SLACK_S = 0.3
LOAD_SEED = 3


@scenario(
    claim="Under a seeded load of short and long answers, first tokens come hardly later than "
    "under random choice.",
    advice="Requests wait although servers are idle or less busy. Choose by the requests that are "
    "in progress.",
    level=Level.TELL,
    needs={Feature.SHARES},
    evidence=("vllm-project/router#197", "open-webui/open-webui#1081"),
    timeout=10.0,
    killed_by={"always-first"},
)
async def first_tokens(run: Run) -> None:
    """Open load: requests come whether others are answered or not. What they would have waited
    under random choice, and where the fewest are in progress, is computed from the moments at
    which they were made and the time that their tokens take; a server does one at a time."""
    await run.behave(Normal(tokens_per_sec=TOKENS_PER_S))
    await run.together(*(run.start(tokens=1) for _ in range(len(run.servers))))
    rng = random.Random(LOAD_SEED)
    began = run.fleet.clock.now()
    sessions, work = [], []
    due = 0.0
    for _ in range(REQUESTS):
        due += rng.expovariate(1 / GAP_S)
        tokens = rng.choice((4, 8, 40))
        await run.fleet.clock.sleep_until(began + due)
        sessions.append(run.start(tokens=tokens))
        work.append(Work(sessions[-1].answer.asked_at - began, tokens / TOKENS_PER_S))
    answers = await run.together(*sessions)
    for answer in answers:
        run.good(answer, "an answer under load")
    times = [each.tokens()[0][0] - each.asked_at for each in answers if each.tokens()]
    mean = fmean(times) if times else 0.0
    by_chance = yardstick.mean_random_wait(work, len(run.servers))
    by_load = yardstick.mean_wait(work, len(run.servers), yardstick.least)
    limit = 2 * by_chance + SLACK_S
    run.in_time(
        "the time to the first token, on average",
        mean <= limit,
        f"at most {limit:.2f} s, twice that of random choice and a little",
        f"{mean:.2f} s",
        tolerance=limit,
    )
    run.figure("time to the first token", mean, "s")
    run.figure("... under random choice", by_chance, "s")
    run.figure("... where the fewest requests are", by_load, "s")
    run.figure("ratio to random choice", mean / by_chance if by_chance else 0.0)
