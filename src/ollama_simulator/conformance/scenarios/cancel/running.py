"""A client leaves while a server works for it: in a stream, or before its answer begins.

Sources: design document 3.2, S12 to S14; `balancers.md` 2 for what good balancers take.
"""

from ollama_simulator.acts import How
from ollama_simulator.conformance.dialect import CHAT, DIALECTS, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.cancel.leaving import (
    HOWS,
    free_at,
    knows,
    leave,
    still_there,
)
from ollama_simulator.faults.normal import Normal

SPOKEN = {name: variant(dialect=dialect, needs=dialect.needs) for name, dialect in DIALECTS.items()}
BOTH = {each: SPOKEN[each] for each in ("chat", "openai")}
THREE = {each: SPOKEN[each] for each in ("chat", "openai", "messages")}

AT_ONCE_S = 1.0
"""Seconds in which a server must know that its client left, where that is seen at once."""
SLACK_S = 2.5
"""Seconds by which the timeouts of good balancers are late."""
LONG = 400
"""Tokens of an answer that nobody waits for to its end."""
STREAMING = Normal(tokens_per_sec=50, num_tokens=LONG)
PREFILL = Normal(tokens_per_sec=50, num_tokens=LONG, prompt_eval_tokens_per_sec=4)
LOAD = Normal(tokens_per_sec=50, num_tokens=LONG, load_delay_ms=10_000)

CANCEL = (
    "Watch the client's connection while its answer is on its way, and close the connection to "
    "the server as soon as the client's ends: else a server works for nobody."
)
WAITING = (
    "Watch the client's connection while you wait for the server's first byte, too, and close the "
    "connection to the server as soon as the client's ends."
)
BUFFERED = "Pass an answer on as it comes: this one was not, so its client had nothing to leave."


@scenario(
    claim="When a client closes its connection in the middle of a stream, its server's connection "
    "is closed within a second.",
    advice=CANCEL,
    evidence=[
        "BerriAI/litellm#30244",
        "BerriAI/litellm#13774",
        "BerriAI/litellm#9178",
        "open-webui/open-webui#1166",
        "mostlygeek/llama-swap#43",
        "bold84/cot_proxy#2",
        "Nayjest/lm-proxy#88",
    ],
    killed_by={"forgets-upstream"},
    variants=each_of(SPOKEN, HOWS),
)
async def in_a_stream(run: Run, dialect: Dialect, how: How) -> None:
    """After ten tokens."""
    await run.behave(STREAMING)
    session = run.start(dialect, tokens=LONG)
    await run.started(session, 10)
    await leave(run, session, how, AT_ONCE_S, early=BUFFERED)


@scenario(
    claim="A client that shuts down only its sending side either gets the rest of its stream, or "
    "its server is told that it left; and when it closes the connection, its server is told.",
    level=Level.SHOULD,
    advice="Take the end of a client's sending side either for nothing, and go on passing the "
    "answer on, or for its leaving, and close the connection to the server.",
    evidence=["BerriAI/litellm#30244"],
    killed_by={"forgets-upstream"},
    variants=BOTH,
)
async def half_closed(run: Run, dialect: Dialect) -> None:
    """FIN after ten tokens, and the client reads on."""
    await run.behave(STREAMING)
    session = run.start(dialect, tokens=LONG)
    await run.started(session, 10)
    answer = session.answer
    if not still_there(run, answer, BUFFERED):
        return
    had, since = len(answer.tokens()), run.fleet.clock.now()
    session.finish_sending()
    await run.until(
        lambda: free_at(run, run.attempts(answer)) is not None or len(answer.tokens()) >= had + 15,
        seconds=AT_ONCE_S * run.scale,
    )
    more = len(answer.tokens()) - had
    told = free_at(run, run.attempts(answer)) is not None
    run.figure("tokens after the half-close", more)
    run.in_time(
        "what became of a half-closed stream",
        told or more >= 15,
        "passed on, or its server is told",
        "its server is told" if told else f"{more} more tokens came, its server works on",
        tolerance=AT_ONCE_S,
        since=since,
    )
    if not told:
        left_at = run.fleet.clock.now()
        await session.leave()
        await knows(run, run.attempts(answer), left_at, AT_ONCE_S, CANCEL)


@scenario(
    claim="A server whose client left before the first byte of its answer is freed, at the latest "
    "when the balancer's timeout has passed.",
    advice=WAITING,
    evidence=["BerriAI/litellm#31499"],
    timeout=1.0,
    killed_by={"forgets-upstream"},
    variants={
        **each_of({"prefill": variant(behavior=PREFILL)}, THREE, {"fin": HOWS["fin"]}),
        **each_of({"prefill": variant(behavior=PREFILL)}, BOTH, {"rst": HOWS["rst"]}),
        **each_of({"load": variant(behavior=LOAD)}, BOTH, HOWS),
    },
)
async def before_an_answer(run: Run, behavior: Normal, dialect: Dialect, how: How) -> None:
    """After 0.3 s of a long prefill, or of the load of a model."""
    await run.behave(behavior)
    session = run.start(dialect, tokens=LONG)
    await run.reached(session)
    await run.sleep(0.3)
    await leave(run, session, how, run.timeout + SLACK_S, late=WAITING)


@scenario(
    claim="A server whose client leaves a call that is no stream is freed, at the latest when the "
    "balancer's timeout has passed.",
    advice="Watch the client's connection of a call that is no stream, too: it is as long as a "
    "stream. Close the connection to the server when the client's ends.",
    evidence=[
        "BerriAI/litellm#37140",
        "BerriAI/litellm#3341",
        "BerriAI/litellm#22842",
        "lemonade-sdk/lemonade#2898",
    ],
    timeout=1.0,
    killed_by={"forgets-upstream"},
    variants=each_of(SPOKEN, HOWS),
)
async def a_whole_answer(run: Run, dialect: Dialect, how: How) -> None:
    """After 0.3 s of eight."""
    await run.behave(STREAMING)
    session = run.start(dialect, stream=False, tokens=LONG)
    await run.reached(session)
    await run.sleep(0.3)
    await leave(run, session, how, run.timeout + SLACK_S)


@scenario(
    claim="A server whose client leaves before its answer begins is freed within a second, long "
    "before the balancer's timeout.",
    level=Level.SHOULD,
    advice=WAITING + " Now the server is freed by the timeout alone.",
    evidence=["BerriAI/litellm#31499", "BerriAI/litellm#37140"],
    timeout=6.0,
    killed_by={"holds-unanswered"},
    variants={
        "prefill-chat": variant(
            needs={CHAT.feature}, behavior=PREFILL, dialect=CHAT, stream=True, how=How.FIN
        ),
        "prefill-openai": variant(
            needs={OPENAI.feature}, behavior=PREFILL, dialect=OPENAI, stream=True, how=How.FIN
        ),
        "load-chat": variant(
            needs={CHAT.feature}, behavior=LOAD, dialect=CHAT, stream=True, how=How.FIN
        ),
        "whole-chat": variant(
            needs={CHAT.feature}, behavior=STREAMING, dialect=CHAT, stream=False, how=How.FIN
        ),
        "whole-openai": variant(
            needs={OPENAI.feature}, behavior=STREAMING, dialect=OPENAI, stream=False, how=How.RST
        ),
        "whole-messages": variant(
            needs={MESSAGES.feature},
            behavior=STREAMING,
            dialect=MESSAGES,
            stream=False,
            how=How.FIN,
        ),
    },
)
async def at_once(run: Run, behavior: Normal, dialect: Dialect, stream: bool, how: How) -> None:
    """As above, with a timeout that is six times as long."""
    await run.behave(behavior)
    session = run.start(dialect, stream=stream, tokens=LONG)
    await run.reached(session)
    await run.sleep(0.3)
    await leave(run, session, how, AT_ONCE_S)


@scenario(
    claim="Nobody else is asked for a client that has left.",
    level=Level.SHOULD,
    advice="Before a request that was not answered is sent to another server, look whether its "
    "client is still there.",
    evidence=["linkerd/linkerd2#986"],
    timeout=1.0,
    killed_by={"retries-for-nobody"},
    variants=BOTH,
)
async def retries_for_nobody(run: Run, dialect: Dialect) -> None:
    """Every server is silent; the client leaves before the first timeout."""
    await run.behave(PREFILL)
    session = run.start(dialect, tokens=LONG)
    await run.reached(session)
    await run.sleep(0.2)
    if not still_there(run, session.answer):
        return
    await session.leave()
    before = len(run.attempts(session.answer))
    await run.sleep(run.timeout + 0.8 * run.scale)
    run.check(
        "servers asked after the client left",
        len(run.attempts(session.answer)) - before,
        0,
        firm=True,
    )


@scenario(
    claim="A client that leaves ends its own request only.",
    advice="Cancel the one request whose client left: find it by its connection, not by its "
    "server, its model or its place in a list.",
    evidence=["ikawrakow/ik_llama.cpp#1929"],
    timeout=4.0,
    killed_by={"leavers-take-all"},
    variants=HOWS,
)
async def others_go_on(run: Run, how: How) -> None:
    """The second of three streams is left, and of three more where servers have two at a time."""
    await run.behave(Normal(tokens_per_sec=50, num_tokens=60))
    sessions = []
    for _ in run.servers:
        sessions.append(run.start(tokens=60))
        await run.reached(sessions[-1])
    first, leaver, third = sessions
    await run.started(leaver, 5)
    # Who has room for one at a time refuses these, or lets them wait.
    more = [run.start(tokens=30, patience=run.patience + 3.0) for _ in run.servers]
    await run.sleep(0.3)
    beside = [each for each in more if run.attempts(each.answer) and each.answer.end is None]
    await leaver.leave(how)
    stay = await run.together(first, third, *beside)
    for answer in stay:
        run.good(answer, f"the answer {answer.label}, whose client stays")
