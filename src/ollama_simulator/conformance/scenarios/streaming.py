"""Tokens reach the client when they are made."""

from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.pace import Normal
from ollama_simulator.records import Evaluated

GAP_S = 0.12
COUNT = 12


@scenario(
    10,
    "Streaming response timing",
    claim="Every token of a stream is passed on before the next one is made, and the stream "
    "ends as the server ended it; a timeout of 0 waits for the first as long as it takes.",
    killed_by={
        "buffers",
        "passes-pairs",
        "loses-tail",
        "impatient-at-zero",
        "connect-timeout-for-all",
    },
    timeout=0,
)
async def timing(run: Run) -> None:
    """A stream of known pace: each token's arrival is compared with the server's clock."""
    await run.behave(
        Normal(
            tokens_per_sec=1 / GAP_S,
            num_tokens=COUNT,
            load_delay_ms=1200,
        )
    )
    answer = await run.chat(tokens=COUNT)
    run.served_by(answer, run.s1)
    run.whole(answer, "the stream")
    tokens = answer.tokens()
    run.check("the number of tokens", len(tokens), COUNT)
    evaluated = run.fleet.journal.where(Evaluated, server=run.s1.name)
    if not evaluated:
        return
    late = [t - (evaluated[0].t + index * GAP_S) for index, (t, _) in enumerate(tokens, 1)]
    in_time = sum(seconds < GAP_S for seconds in late)
    # A pause of the machine may cost a token or two; a balancer that holds back costs half.
    run.note(
        "tokens passed on before the next one was made",
        in_time >= COUNT - 3,
        f"at least {COUNT - 3} of {COUNT}",
        f"{in_time}, the latest {max(late, default=0) * 1000:.0f} ms late",
    )
