"""Reliable, Unreliable, second chances, and servers that are busy."""

from ollama_simulator.conformance.run import NotArranged, Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.cut import FailMidStream
from ollama_simulator.faults.http import HttpError
from ollama_simulator.faults.pace import Normal, Slow
from ollama_simulator.server import SimServer

MARGIN_S = 0.5
"""A server that was free so soon after a request may have been free at its time."""


@scenario(
    5,
    "Server recovery from unreliable to reliable",
    claim="A server that failed is used when no reliable one is free, and is first again after "
    "one answer that came to its end, whatever its status; a client that leaves is no such "
    "answer.",
    killed_by={"never-forgives", "never-marks", "forgives-leavers", "marks-errors"},
)
async def recovery(run: Run) -> None:
    """The first server fails once; then the others are kept busy."""
    await run.behave(FailMidStream(tokens_before_fail=0, tokens_per_sec=50), run.s1)
    run.failed(await run.chat(stream=False), "the request that fails")
    await run.behave(Slow(tokens_per_sec=10, num_tokens=200))
    second = run.begin(tokens=200)
    await run.reached(second)
    third = run.begin(tokens=200)
    await run.reached(third)
    leaver = run.begin(tokens=200)
    await run.started(leaver, 2)
    await leaver.leave()
    run.served_by(second.answer, run.s2, what="the request after the failure")
    run.served_by(third.answer, run.s3, what="the request while the second is busy")
    run.served_by(leaver.answer, run.s1, what="the request while no reliable one is free")
    await run.sees_leaving(leaver.answer, run.s1, "its client")
    await second.leave()
    await run.sees_leaving(second.answer, run.s2, "its client")
    await run.behave(Normal(), run.s2)
    still = await run.chat(stream=False)
    run.served_by(still, run.s2, what="the request after the client of the first left")
    run.whole(still)
    await run.behave(Slow(tokens_per_sec=10, num_tokens=200), run.s2)
    await run.behave(HttpError(status_code=500, message="not now"), run.s1)
    second = run.begin(tokens=200)
    await run.reached(second)
    complete = await run.chat(stream=False)
    run.served_by(complete, run.s1, what="the request with two busy")
    run.check("the status of its answer", complete.status, 500)
    await second.leave()
    await third.leave()
    for session, server in ((second, run.s2), (third, run.s3)):
        await run.sees_leaving(session.answer, server, "its client")
    await run.behave(Normal())
    first = await run.chat(stream=False)
    run.served_by(first, run.s1, what="the request after a whole answer (500) of the first")
    run.whole(first)
    run.one_at_a_time()


@scenario(
    6,
    "All servers busy - queue or reject",
    claim="While every server is busy, another request gets 503 and reaches nobody; a client "
    "that leaves, before or in its answer, stops its server, frees it and costs it nothing.",
    killed_by={"ok-for-busy", "always-first", "stays-busy", "marks-leavers"},
)
async def all_busy(run: Run) -> None:
    """Three slow requests and a fourth; then two clients leave and the third one's completes."""
    await run.behave(Slow(tokens_per_sec=2, num_tokens=100), run.s1)
    await run.behave(Normal(load_delay_ms=60_000), run.s2)
    await run.behave(Normal(tokens_per_sec=10, num_tokens=30), run.s3)
    sessions = []
    for server, tokens in ((run.s1, 100), (run.s2, 20), (run.s3, 30)):
        session = run.begin(tokens=tokens)
        sessions.append(session)
        await run.reached(session)
        run.served_by(session.answer, server, what=f"a request for {server.name}")
    await run.started(sessions[0])
    rejected = run.begin(stream=False)
    other = run.begin_any("GET", "/api/tags?check=NONCE")
    await run.together(rejected, other)
    asked = max(rejected.answer.asked_at, other.answer.asked_at)
    if any(0 < session.answer.ended_at < asked + MARGIN_S for session in sessions):
        raise NotArranged("a server was free when the fourth request was made")
    for fourth, what in ((rejected, "the fourth request"), (other, "a fourth request by GET")):
        run.busy(fourth.answer, what)
        run.served_by(fourth.answer, what=what)
    for session, server in zip(sessions[:2], (run.s1, run.s2), strict=True):
        await session.leave()
        await run.sees_leaving(session.answer, server, "its client")
    await run.together(sessions[2])
    run.whole(sessions[2].answer, "the answer whose client stayed")
    await run.behave(Normal(tokens_per_sec=40))
    later = []
    for server in (run.s1, run.s2, run.s3):
        session = run.begin()
        later.append((server, session))
        await run.reached(session)
    for server, session in later:
        await run.together(session)
        run.served_by(session.answer, server, what=f"a later request for {server.name}")
        run.whole(session.answer)
    run.one_at_a_time()


@scenario(
    7,
    "Second chance mechanism for unreliable servers",
    claim="Unreliable servers get their chances in turn: who fails again waits until all the "
    "others had theirs, and then everybody gets another; one success ends it.",
    killed_by={
        "no-second-chance",
        "forgets-turns",
        "chances-for-one",
        "forgives-early",
        "never-marks",
        "hangs-up-on-failure",
    },
)
async def second_chances(run: Run) -> None:
    """Everybody fails three times, before the head and in the body; then all are sound."""
    everybody = (run.s1, run.s2, run.s3)
    rounds: list[tuple[str, int, bool]] = [
        ("first", 0, False),
        ("second", 1, True),
        ("third", 0, False),
    ]
    for name, tokens, stream in rounds:
        await run.behave(FailMidStream(tokens_before_fail=tokens, tokens_per_sec=40))
        for server in everybody if name != "third" else everybody[:1]:
            await _fails(run, server, stream=stream, what=f"the {name} chance of {server.name}")
    await run.behave(Normal())
    for what in ("the next chance", "the request after a success"):
        answer = await run.chat(stream=False)
        run.served_by(answer, run.s2, what=what)
        run.whole(answer)


async def _fails(run: Run, server: SimServer, *, stream: bool, what: str) -> None:
    answer = await run.chat(stream=stream)
    run.served_by(answer, server, what=what)
    if stream:
        run.cut(answer, f"the answer of {what}")
    else:
        run.failed(answer, what)
