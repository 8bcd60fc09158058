"""Servers that fail: what the client reads, and where the next request goes."""

from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import SEED
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.timeout_after_headers import TimeoutAfterHeaders
from ollama_simulator.net import kernel

CONNECT_S = 1.0
"""Seconds within which a balancer must connect."""
LATE_S = 2.5
"""How much later than its timeout a balancer may give up."""


@scenario(
    order=3,
    name="Server unreachable - marked as unreliable",
    needs=SEED,
    claim="A server that does not answer within the timeout, or to which no connection is made "
    "within a second, costs its client a 502 and is passed over from then on, but not for ever.",
    killed_by={
        "no-timeout",
        "no-connect-timeout",
        "never-marks",
        "marks-expire",
        "leaks-silent",
        "retries-elsewhere",
        "hangs-up-on-failure",
    },
    timeout=5.0,
    advice="Bound the connection (1 s) and the silence of a server (--timeout), answer 502, "
    "and mark the server.",
)
async def unreachable(run: Run) -> None:
    """The first server hangs, the second lets nobody in, the third is sound."""
    await run.behave(Hang(), run.s1)
    await run.behave(ConnectTimeout() if kernel.CAN_BE_DEAF else ConnectionRefused(), run.s2)
    hanging = run.begin(stream=False)
    await run.reached(hanging)
    dropped = await run.chat(stream=False)
    run.failed(dropped, "the request that can't connect")
    run.in_time(
        "when it was given up",
        dropped.seconds <= CONNECT_S + LATE_S,
        f"within {CONNECT_S + LATE_S:g} s",
        f"after {dropped.seconds:.2f} s",
        tolerance=LATE_S,
    )
    await run.behave(QUICK, run.s2)
    after = await run.chat(stream=False)
    run.served_by(after, run.s3, what="the request after the one that can't connect")
    run.whole(after)
    await run.together(hanging)
    answer = hanging.answer
    run.served_by(answer, run.s1, what="the request that hangs")
    run.failed(answer, "the request that hangs")
    run.in_time(
        "when that was given up",
        run.timeout - 0.1 <= answer.seconds <= run.timeout + LATE_S,
        f"after {run.timeout:g} to {run.timeout + LATE_S:g} s",
        f"after {answer.seconds:.2f} s",
        tolerance=LATE_S,
    )
    await run.behave(QUICK, run.s1)
    after = await run.chat(stream=False)
    run.served_by(after, run.s3, what="the request after the one that hung")
    run.whole(after)
    await run.everybody_serves()


@scenario(
    order=4,
    name="Server fails mid-stream",
    needs=SEED,
    claim="When a server dies in the middle of an answer, its client can tell, nobody else is "
    "asked in secret, and the server is passed over from then on.",
    killed_by={"hides-truncation", "never-marks"},
    timeout=5.0,
    advice="When a server breaks in its answer, end the client's connection without the last "
    "chunk, mark the server, and ask nobody else.",
)
async def mid_stream(run: Run) -> None:
    """Three tokens, then a reset; afterwards the server is sound again."""
    await run.behave(FailMidStream(tokens_before_fail=3, tokens_per_sec=20), run.s1)
    answer = await run.chat()
    run.served_by(answer, run.s1, what="the request that breaks")
    run.check("how the server ended it", run.how_it_ended(answer), ["rst"])
    run.cut(answer)
    await run.behave(QUICK, run.s1)
    after = await run.chat(stream=False)
    run.served_by(after, run.s2, what="the next request")
    run.whole(after)


@scenario(
    order=8,
    name="No available servers response",
    needs=SEED,
    claim="When no server can be reached, every client soon gets a 502, however often it asks; "
    "when they are back, so are the answers.",
    killed_by={"no-second-chance", "hangs-up-on-failure"},
    timeout=5.0,
    advice="Go on trying servers that failed, one a request, and answer 502 each time.",
)
async def none_reachable(run: Run) -> None:
    """All refuse, then all are sound: the third is next, since the others had more chances."""
    await run.behave(ConnectionRefused())
    for count in range(1, 9):
        answer = await run.chat(stream=False)
        run.failed(answer, f"request {count}")
        run.served_by(answer, what=f"request {count}")
        run.in_time(
            f"the time of request {count}",
            answer.seconds < 1 + LATE_S,
            f"below {1 + LATE_S:g} s",
            f"{answer.seconds:.2f} s",
            tolerance=LATE_S,
        )
    await run.behave(QUICK)
    after = await run.chat(stream=False)
    run.served_by(after, run.s3, what="the request when they were back")
    run.whole(after)
    await run.everybody_serves()


@scenario(
    order=13,
    name="TCP radio silence (SIGSTOP - VM pause simulation)",
    needs=SEED,
    claim="A server that falls silent, in the middle of an answer or before it, is given up "
    "after the timeout; one that is merely slow is not.",
    killed_by={"no-timeout", "total-timeout", "hides-truncation", "never-marks", "leaks-silent"},
    timeout=2.0,
    advice="Count the silence of a server from its last byte, and give it up after --timeout.",
)
async def radio_silence(run: Run) -> None:
    """The first server freezes in its answer, the second before it, the third is slow."""
    await run.behave(Normal(tokens_per_sec=10, num_tokens=100), run.s1)
    await run.behave(Normal(tokens_per_sec=1.25, num_tokens=5), run.s3)
    await run.behave(Frozen(), run.s2)
    frozen = run.begin(tokens=100)
    await run.started(frozen, 2)
    await run.behave(Frozen(), run.s1)
    silent = run.begin()
    # A frozen server tells nobody that it was asked.
    await run.sleep(0.3)
    slow = run.begin(tokens=5)
    await run.together(frozen, silent, slow)
    run.failed(silent.answer, "the request to a frozen server")
    run.in_time(
        "when it was given up",
        run.timeout - 0.1 <= silent.answer.seconds <= run.timeout + LATE_S,
        f"after {run.timeout:g} to {run.timeout + LATE_S:g} s",
        f"after {silent.answer.seconds:.2f} s",
        tolerance=LATE_S,
    )
    run.cut(frozen.answer, "the answer that fell silent")
    last = frozen.answer.pieces[-1].t if frozen.answer.pieces else frozen.answer.asked_at
    waited = frozen.answer.ended_at - last
    run.in_time(
        "the silence before it was cut",
        run.timeout - 0.5 <= waited <= run.timeout + LATE_S,
        f"{run.timeout:g} to {run.timeout + LATE_S:g} s",
        f"{waited:.2f} s",
        tolerance=LATE_S,
    )
    run.whole(slow.answer, "the slow answer")
    run.served_by(slow.answer, run.s3, what="the slow request")
    await run.behave(QUICK)
    after = await run.chat(stream=False)
    run.served_by(after, run.s3, what="the next request")
    run.whole(after)
    await run.everybody_serves()


@scenario(
    order=14,
    name="TCP RST close (abrupt termination)",
    needs=SEED,
    claim="A reset, in the middle of an answer or before its head, is a failure: the answer is "
    "cut or a 502, and the server is passed over from then on.",
    killed_by={"hides-truncation", "never-marks", "retries-elsewhere"},
    timeout=5.0,
    advice="Treat a reset as a failure: 502 before the head, a visible cut after it.",
)
async def reset(run: Run) -> None:
    """The first server resets a stream, the second a whole answer before its head."""
    await run.behave(FailMidStream(tokens_before_fail=2, tokens_per_sec=20), run.s1, run.s2)
    streamed = await run.chat()
    run.served_by(streamed, run.s1, what="the stream that is reset")
    run.cut(streamed)
    whole = await run.chat(stream=False)
    run.served_by(whole, run.s2, what="the answer that is reset")
    run.failed(whole, "the answer that is reset")
    run.check(
        "how the servers ended them",
        [*run.how_it_ended(streamed), *run.how_it_ended(whole)],
        ["rst", "rst"],
    )
    await run.behave(QUICK, run.s1, run.s2)
    after = await run.chat(stream=False)
    run.served_by(after, run.s3, what="the next request")
    run.whole(after)


@scenario(
    order=15,
    name="TCP graceful shutdown (FIN)",
    needs=SEED,
    claim="An end of file where more was promised is a failure: in a chunked body, after a head or "
    "in a body with a length the answer is cut, without a head it is a 502; and the server is "
    "passed over from then on.",
    killed_by={"hides-truncation", "never-marks", "leaks-cut"},
    timeout=5.0,
    advice="Treat an early end of file as a failure: 502 before the head, a visible cut after it.",
)
async def shutdown(run: Run) -> None:
    """FIN in a chunked body, without a head, in a body with a length, and after a head alone."""
    await run.behave(AbruptClose(bytes_before_close=400), run.s1)
    chunked = await run.chat()
    run.served_by(chunked, run.s1, what="the stream that is closed")
    run.cut(chunked, "the stream that is closed")
    await run.behave(QUICK, run.s1)
    await run.behave(EmptyReply(), run.s2)
    empty = await run.chat()
    run.served_by(empty, run.s2, what="the request without an answer")
    run.failed(empty, "the request without an answer")
    await run.behave(QUICK, run.s2)
    await run.behave(AbruptClose(bytes_before_close=20), run.s3)
    measured = await run.ask("GET", "/api/tags?check=NONCE")
    run.served_by(measured, run.s3, what="the answer cut short of its length")
    run.broken(measured, "the answer cut short of its length")
    await run.behave(TimeoutAfterHeaders(timeout_ms=300), run.s1)
    await run.behave(QUICK, run.s3)
    headed = await run.chat()
    run.served_by(headed, run.s1, what="the stream closed after its head")
    run.broken(headed, "the stream closed after its head")
    run.check(
        "how the servers ended them",
        [run.how_it_ended(answer) for answer in (chunked, empty, measured, headed)],
        [["fin"]] * 4,
    )
    await run.behave(QUICK)
    after = await run.chat(stream=False)
    run.served_by(after, run.s2, what="the next request, when the first had a second chance")
    run.whole(after)
    await run.everybody_serves()
