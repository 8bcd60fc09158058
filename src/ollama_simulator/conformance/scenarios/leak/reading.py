"""A client that doesn't read: its server has to wait, and nobody else.

Sources: design document 3.2, S17.
"""

from ollama_simulator.conformance.dialect import CHAT, OPENAI, Dialect
from ollama_simulator.conformance.installed_models import warm
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.leak.flood import MOST, PIECE, Flood, Tap
from ollama_simulator.conformance.scenarios.leak.storm import held
from ollama_simulator.conformance.session import Session

MEGA = 1024 * 1024
BOUND = 24 * MEGA
"""Bytes that a balancer and the kernels' buffers on both its sides may take."""
UNREAD = 64 * 1024
"""Bytes that the kernel keeps for our client."""
STILL_S = 0.8
"""If nothing was taken for so long, nothing will be."""

VARIANTS = {
    "chat": variant(dialect=CHAT, needs={CHAT.feature}),
    "openai": variant(dialect=OPENAI, needs={OPENAI.feature}),
}


async def _stalled(run: Run, dialect: Dialect, tap: Tap) -> Session:
    """A client that has begun to read a flood, and stopped. Returns when nothing moves."""
    await run.behave(Flood(tap))
    session = run.send(run.spell(dialect), unread=UNREAD)
    session.stop_reading()
    await run.until(lambda: bool(session.answer.pieces), session, run.patience)
    clock = run.fleet.clock
    limit = clock.now() + 15.0 * run.scale
    before, since = -1, clock.now()
    while clock.now() < limit and not tap.ended and clock.now() - since < STILL_S * run.scale:
        if tap.sent != before:
            before, since = tap.sent, clock.now()
        await run.sleep(0.02)
    return session


@scenario(
    claim="While a client doesn't read, its server has to wait: what the balancer takes in advance "
    "is bounded; when the client reads on, it gets everything.",
    level=Level.SHOULD,
    advice="Read from the server only as fast as the client takes it: wait for each write to the "
    "client (or its buffer to drain) before the next read from the server.",
    evidence=[
        "MAXeaglet/commandcode-proxy#20",
        "Mintplex-Labs/anything-llm#6210",
        "OpenCTI-Platform/opencti#13908",
        "gravitee-io/issues#918",
        "theopenco/llmgateway#1540",
    ],
    timeout=8.0,
    variants=VARIANTS,
    killed_by={"reads-ahead"},
)
async def back_pressure(run: Run, dialect: Dialect) -> None:
    """A stream as fast as it is taken, up to 96 MB."""
    before = held(run)
    tap = Tap()
    session = await _stalled(run, dialect, tap)
    answer, after = session.answer, held(run)
    begun = run.note("the answer", answer.status == 200, 200, answer.state)
    if not begun:
        return
    taken = f"{tap.sent / MEGA:.1f} MB"
    run.figure("taken in advance", tap.sent / MEGA, "MB")
    if before.memory is not None and after.memory is not None:
        run.figure("memory of the balancer, grown by", (after.memory - before.memory) / MEGA, "MB")
    run.note(
        "what the balancer took for a client that doesn't read",
        tap.sent <= BOUND,
        f"at most {BOUND // MEGA} MB",
        f"{taken} and more" if tap.sent < MOST else f"{taken}: all there was",
    )
    tap.shut = True
    if tap.sent > BOUND:
        return
    session.go_on_reading()
    await run.together(session)
    size = sum(len(text) for _, text in answer.tokens())
    run.note(
        "the whole answer, when the client reads on",
        answer.finished() and size == tap.lines * len(PIECE),
        f"complete, {tap.lines * len(PIECE)} characters",
        f"{answer.ending}, {size} characters",
        advice="Lose nothing while the client doesn't read: keep what its socket did not take.",
    )


@scenario(
    claim="A client that doesn't read keeps nobody else waiting.",
    advice="Let a write that blocks hold up its own answer only: no lock, and no thread that "
    "others need, while you wait for a client.",
    evidence=["gravitee-io/issues#918", "theopenco/llmgateway#1540"],
    timeout=8.0,
    arrange=warm,
    killed_by={"waits-for-slowest"},
)
async def slow_reader(run: Run) -> None:
    """Others ask while a stream waits for its client."""
    tap = Tap()
    session = await _stalled(run, run.dialect, tap)
    run.note(
        "the answer that nobody reads",
        session.answer.status == 200 and session.answer.end is None,
        "begun, not over",
        session.answer.story,
    )
    for what in ("the first", "the second"):
        answer = await run.talk(tokens=8, patience=4.0 * run.scale)
        run.good(answer, f"{what} answer of somebody else")
    await session.leave()
