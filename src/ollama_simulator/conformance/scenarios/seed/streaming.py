"""Tokens reach the client when they are made."""

from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.asking import SOON_S
from ollama_simulator.conformance.feature import SEED
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked, Evaluated

GAP_S = 0.1
COUNT = 12
MODEL = "test-model:latest"
TALK = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
STREAMS = (
    ("/api/chat", TALK),
    ("/api/generate", {"model": MODEL, "prompt": "Hello"}),
    ("/v1/chat/completions", TALK),
    ("/v1/messages", {**TALK, "max_tokens": COUNT}),
)


@scenario(
    order=10,
    name="Streaming response timing",
    needs=SEED,
    claim="Every token of a stream, in any dialect, is passed on before the next one is made; the "
    "stream ends as its server ended it, and a timeout of 0 waits as long as it takes.",
    killed_by={
        "buffers",
        "buffers-events",
        "passes-pairs",
        "loses-tail",
        "impatient-at-zero",
        "connect-timeout-for-all",
    },
    timeout=0,
    advice="Flush each piece of an answer as it comes, and count silence from the last byte.",
)
async def timing(run: Run) -> None:
    """Streams of known pace: each token's arrival is compared with the server's clock."""
    await run.behave(Normal(tokens_per_sec=1 / GAP_S, num_tokens=COUNT, load_delay_ms=1200))
    sessions = []
    for server, (path, body) in zip((run.s1, run.s2, run.s3), STREAMS, strict=False):
        begin = len(run.fleet.journal.records)
        sessions.append((path, server, begin, run.begin_any("POST", path, body)))
        await run.fleet.journal.wait_for(Asked, SOON_S, since=begin)
    await run.together(*(session for *_, session in sessions))
    begin = len(run.fleet.journal.records)
    last = run.begin_any("POST", *STREAMS[3])
    await run.together(last)
    sessions.append((STREAMS[3][0], run.s1, begin, last))
    firsts: list[float] = []
    for path, server, since, session in sessions:
        evaluated = run.fleet.journal.where(Evaluated, since=since, server=server.name)
        if run.check(f"who served {path}", len(evaluated) > 0, True):
            firsts += _in_time(run, path, session.answer, evaluated[0].t)
    # A pause of the machine may hold up one of them; a balancer holds up each.
    run.in_time(
        "how late the first tokens were",
        len(firsts) == len(STREAMS) and sorted(firsts)[1] < GAP_S,
        f"{GAP_S * 1000:.0f} ms at most",
        ", ".join(f"{late * 1000:.0f} ms" for late in firsts),
        tolerance=GAP_S,
    )


def _in_time(run: Run, what: str, answer: Answer, start: float) -> list[float]:
    """Check one stream; gives how late its first token was, if there was one."""
    run.check(f"the end of {what}", answer.ending, "complete")
    last = answer.lines()[-1][1] if answer.lines() else None
    ends = run.note(
        f"the last line of {what}", _is_last(answer, last), "the dialect's", answer.last_line()
    )
    tokens = answer.tokens()
    if not run.check(f"the number of tokens of {what}", len(tokens), COUNT) or not ends:
        return []
    late = [t - (start + index * GAP_S) for index, (t, _) in enumerate(tokens, 1)]
    in_time = sum(seconds < GAP_S for seconds in late)
    # A pause of the machine may cost a token or two; a balancer that holds back costs half.
    run.in_time(
        f"tokens of {what} passed on before the next one was made",
        in_time >= COUNT - 3 and sorted(late)[COUNT // 2] < GAP_S / 2,
        f"at least {COUNT - 3} of {COUNT}, half of them in {GAP_S / 2 * 1000:.0f} ms",
        f"{in_time}, half of them in {sorted(late)[COUNT // 2] * 1000:.0f} ms",
        tolerance=GAP_S,
    )
    return late[:1]


def _is_last(answer: Answer, line: Any) -> bool:
    """Whether a stream ended with what only a whole one ends with."""
    done = isinstance(line, dict) and (line.get("done") or line.get("type") == "message_stop")
    return bool(done) or answer.body.endswith(b"data: [DONE]\n\n")
