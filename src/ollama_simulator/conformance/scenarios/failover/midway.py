"""A server dies when a part of its answer has reached the client."""

from ollama_simulator.acts import How
from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import CHAT, GENERATE, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Dies

SPOKEN = {
    each.name: variant(dialect=each, needs={each.feature})
    for each in (CHAT, GENERATE, OPENAI, MESSAGES)
}
ENDS = {how.value: variant(how=how) for how in How}


@scenario(
    claim="When a server dies within an answer, its client never reads the beginning of another "
    "answer behind what it has.",
    advice="A part of the answer was passed on already, and then the request was sent to another "
    "server, whose answer begins anew: the client has the beginning twice. When the first byte is "
    "out, don't retry: cut the client's connection.",
    evidence=(
        "NuGuardAI/nuguard#455",
        "aden-hive/hive#6541",
        "BerriAI/litellm#29808",
        "BloopAI/bloop#955",
    ),
    killed_by={"replays-midstream"},
    timeout=1.0,
    variants=each_of(SPOKEN, ENDS),
)
async def no_replay(run: Run, dialect: Dialect, how: How) -> None:
    """One server ends after seven tokens of twenty; whoever is asked next is sound."""
    await run.take_turns(Dies(7, how))
    answer = await run.talk(dialect, tokens=20)
    content = answer.content()
    run.note(
        "the text that the client has",
        answer.expected.startswith(content),
        f"a beginning of {answer.expected[:60]!r} ...",
        repr(content),
    )
    run.note(
        "an answer that says it is complete",
        answer.outcome is not Outcome.COMPLETE or content == answer.expected,
        "has the whole text",
        f"{answer.story}, text {content!r}",
    )
    run.figure("servers asked", len(run.attempts(answer)))
