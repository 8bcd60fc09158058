"""Reliable, Unreliable, second chances, and servers that are busy."""

from ollama_simulator.acts import How
from ollama_simulator.conformance.drive import QUICK, NotArranged
from ollama_simulator.conformance.feature import SEED
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.conformance.session import Session
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.server import SimServer

BUSY = Slow(tokens_per_sec=10, num_tokens=600)
"""How a server behaves that has enough to do for the whole of a scenario."""
MARGIN_S = 0.5
"""A server that was free so soon after a request may have been free at its time."""


@scenario(
    order=5,
    name="Server recovery from unreliable to reliable",
    needs=SEED,
    claim="A server that failed is used when no reliable one is free, however often it fails, and "
    "is first again after one answer that came to its end, whatever its method, status and "
    "framing; a client that leaves is no such answer.",
    killed_by={
        "never-forgives",
        "never-marks",
        "forgives-leavers",
        "marks-errors",
        "forgives-chat-only",
        "chances-at-the-end",
        "no-first-chance",
    },
    timeout=5.0,
    advice="Make a server reliable again when an answer of it came to its end, and only then.",
)
async def recovery(run: Run) -> None:
    """The first server fails and recovers, again and again, while the others are kept busy."""
    await run.behave(ConnectionRefused(), run.s1)
    run.failed(await run.chat(stream=False), "the request that is refused")
    await run.behave(BUSY)
    second = await _occupy(run, run.s2, "the request after the refused one")
    third = await _occupy(run, run.s3, "the request while the second is busy")
    await _leaves(run)
    await _free(run, second)
    still = await run.chat(stream=False)
    run.served_by(still, run.s2, what="the request after clients of the first left")
    run.whole(still)
    for what, target, body in (
        ("a stream", "/api/chat", _talk("test-model")),
        ("a GET", "/api/version", None),
        ("a 404", "/api/chat", _talk("no-such-model")),
        ("a whole 500", "/api/chat", _talk("test-model")),
    ):
        await run.behave(BUSY, run.s2)
        second = await _occupy(run, run.s2, f"the request before {what}")
        broken = what == "a whole 500"
        await run.behave(HttpError(status_code=500, message="no") if broken else QUICK, run.s1)
        answer = await run.ask("POST" if body else "GET", target, body)
        run.served_by(answer, run.s1, what=f"{what} while the others are busy")
        run.check(f"the end of {what}", answer.ending, "complete")
        await _free(run, second)
        await run.behave(FailMidStream(tokens_before_fail=0, tokens_per_sec=50), run.s1)
        await _fails(run, run.s1, stream=False, what=f"the request after {what} of the first ended")
    await _fails_often(run)
    await third.leave()
    await run.sees_leaving(third.answer, run.s3, "its client")
    await run.everybody_serves()
    run.one_at_a_time()


def _talk(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


async def _occupy(run: Run, server: SimServer, what: str) -> Session:
    session = run.begin(tokens=600)
    await run.reached(session)
    run.served_by(session.answer, server, what=what)
    return session


async def _leaves(run: Run) -> None:
    """Clients of the first server leave it, in an answer and before one; it stays unreliable."""
    for what, behavior in (
        ("in its answer", BUSY),
        ("before its answer", Hang()),
    ):
        await run.behave(behavior, run.s1)
        leaver = await _occupy(run, run.s1, f"the request of a client that leaves {what}")
        if isinstance(behavior, Slow):
            await run.started(leaver, 2)
        await leaver.leave()
        await run.sees_leaving(leaver.answer, run.s1, f"a client {what}")


async def _free(run: Run, session: Session) -> None:
    """The second server's client leaves."""
    await session.leave()
    await run.sees_leaving(session.answer, run.s2, "its client")
    await run.behave(QUICK, run.s2)


async def _fails_often(run: Run) -> None:
    """The first is unreliable. While the others are reliable and busy it is tried, whatever
    became of it before; when the second has failed once, it has its second chance sooner."""
    await run.behave(BUSY, run.s2)
    second = await _occupy(run, run.s2, "the request after the last failure")
    for count in ("second", "third", "fourth"):
        await _fails(run, run.s1, stream=False, what=f"the {count} failure in a row")
    await _free(run, second)
    await run.behave(FailMidStream(tokens_before_fail=0, tokens_per_sec=50), run.s2)
    await _fails(run, run.s2, stream=False, what="the first failure of the second")
    await run.behave(QUICK, run.s2)
    chance = await run.chat(stream=False)
    run.served_by(chance, run.s2, what="the request after one failure here and four there")
    run.whole(chance)


@scenario(
    order=6,
    name="All servers busy - queue or reject",
    needs=SEED,
    claim="While every server is busy, another request gets 503 and reaches nobody; a client "
    "that leaves, before or in its answer, stops its server, frees it and costs it nothing.",
    killed_by={"ok-for-busy", "always-first", "stays-busy", "marks-leavers", "waits-when-busy"},
    timeout=5.0,
    advice="Answer 503 at once while every server is busy, and free a server when its client "
    "leaves.",
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
        run.in_time(
            f"when {what} was rejected",
            fourth.answer.seconds <= 1.0,
            "within 1 s",
            f"after {fourth.answer.seconds:.2f} s",
            tolerance=1.0,
        )
        run.served_by(fourth.answer, what=what)
    for session, server, how in zip(sessions[:2], (run.s1, run.s2), How, strict=True):
        await session.leave(how)
        await run.sees_leaving(session.answer, server, f"its client ({how.value})")
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
    order=7,
    name="Second chance mechanism for unreliable servers",
    needs=SEED,
    claim="Unreliable servers get their chances in turn: who fails again waits until all the "
    "others had theirs, and then everybody gets another; one success ends it.",
    killed_by={
        "no-second-chance",
        "forgets-turns",
        "chances-for-one",
        "forgives-early",
        "chances-forgive",
        "never-marks",
        "hangs-up-on-failure",
    },
    timeout=5.0,
    advice="Give unreliable servers their second chances in turn.",
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
    await run.behave(QUICK)
    for what in ("the next chance", "the request after a success"):
        answer = await run.chat()
        run.served_by(answer, run.s2, what=what)
        run.whole(answer)
    await run.behave(FailMidStream(tokens_before_fail=0, tokens_per_sec=40), run.s2)
    await _fails(run, run.s2, stream=False, what="the first failure after a success")
    await run.behave(QUICK)
    answer = await run.chat()
    run.served_by(answer, run.s2, what="the chance after it")
    run.whole(answer)


async def _fails(run: Run, server: SimServer, *, stream: bool, what: str) -> None:
    answer = await run.chat(stream=stream)
    run.served_by(answer, server, what=what)
    if stream:
        run.cut(answer, f"the answer of {what}")
    else:
        run.failed(answer, what)
