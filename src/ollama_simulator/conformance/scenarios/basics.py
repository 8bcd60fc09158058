"""What everything else stands on: a sound server's answer reaches the client."""

from ollama_simulator.conformance.dialect import DIALECTS, Dialect
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant

SPOKEN = {name: variant(dialect=dialect, needs=dialect.needs) for name, dialect in DIALECTS.items()}
MODES = {"stream": variant(stream=True), "whole": variant(stream=False)}


@scenario(
    claim="A request to a sound fleet reaches one server, once, and its answer comes back "
    "complete and unchanged.",
    advice="Pass method, path, headers and body of the request on to one server, and status, "
    "headers and body of its answer back.",
    killed_by={"drops-path"},
    variants=each_of(SPOKEN, MODES),
)
async def relay(run: Run, dialect: Dialect, stream: bool) -> None:
    """Two requests, one after the other."""
    for what in ("the first answer", "the second answer"):
        answer = await run.talk(dialect, stream=stream, tokens=12)
        asked = len(run.attempts(answer))
        once = "Send a request that is answered well once, and to one server."
        run.check(
            f"servers asked for {what}", asked, 1, advice=once if asked > 1 else "", firm=True
        )
        run.good(answer, what)
