"""Nothing is wrong: requests are spread as promised and answers pass unchanged."""

from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.pace import Normal
from ollama_simulator.records import Evaluated

MODEL = "test-model:latest"


@scenario(
    1,
    "Basic single server request",
    claim="A request goes to the first server, once, and its answer comes back unchanged; "
    "afterwards that server is free again.",
    killed_by={"drops-path", "round-robin"},
)
async def basic(run: Run) -> None:
    """One request after the other, whole and streamed."""
    for stream in (False, True):
        answer = await run.chat(stream=stream)
        run.served_by(answer, run.s1)
        run.whole(answer)
        run.check("how the server ended it", run.how_it_ended(answer), ["complete"])


@scenario(
    2,
    "Load balancing across multiple servers",
    claim="Concurrent requests go to different servers, one at a time each, and nobody gets "
    "another one's answer; when all are free, the first server is first again.",
    killed_by={"always-first", "round-robin"},
)
async def spreading(run: Run) -> None:
    """Two waves of three, then two in turn."""
    await run.behave(Normal(tokens_per_sec=50, num_tokens=30))
    for wave in ("first", "second"):
        sessions = []
        for server in (run.s1, run.s2, run.s3):
            session = run.begin(tokens=30)
            sessions.append((server, session))
            await run.reached(session)
        for server, session in sessions:
            await run.together(session)
            run.served_by(session.answer, server, what=f"a request of the {wave} wave")
            run.whole(session.answer)
    run.one_at_a_time()
    for what in ("the request after them", "one more request"):
        answer = await run.chat(tokens=30, stream=False)
        run.served_by(answer, run.s1, what=what)
        run.whole(answer)


@scenario(
    9,
    "GET requests (non-POST)",
    claim="Requests of any method reach a server with their path and query, and its answer "
    "comes back with its status and body, whatever they are; none of that makes a server "
    "unreliable.",
    killed_by={"drops-path", "drops-query", "round-robin"},
)
async def other_methods(run: Run) -> None:
    """Each request is compared with what the server says when asked directly."""
    asked = [
        ("GET", "/api/tags", None),
        ("GET", "/api/version", None),
        ("GET", "/", None),
        ("HEAD", "/", None),
        ("GET", "/api/ps", None),
        ("GET", "/no/such/path", None),
        ("DELETE", "/api/tags", {"model": "no-such-model"}),
    ]
    for method, path, body in asked:
        target = f"{path}?check=NONCE"
        what = f"{method} {path}"
        direct = await run.ask(method, target, body, port=run.s1.listener.port)
        answer = await run.ask(method, target, body)
        attempts = run.attempts(answer)
        run.served_by(answer, run.s1, what=what)
        run.check(
            f"what the server was asked for {what}",
            [f"{record.method} {record.target}" for record in attempts],
            [f"{method} {target.replace('NONCE', answer.nonce)}"],
        )
        run.check(f"the end of {what}", answer.end, direct.end)
        run.check(f"the status of {what}", answer.status, direct.status)
        run.check(f"the body of {what}", answer.text, direct.text)


@scenario(
    11,
    "KV cache prefix matching",
    claim="A repeated conversation goes to the server that has it in its cache, and starts sooner.",
    killed_by={"round-robin", "drops-path"},
)
async def warm_cache(run: Run) -> None:
    """The same long prompt twice."""
    await run.behave(
        Normal(tokens_per_sec=100, prompt_eval_tokens_per_sec=400, num_tokens=5), run.s1
    )
    prompt = "You are a helpful assistant. " + "Remember all of this, word for word. " * 20
    first = await run.chat(prompt, tokens=5)
    second = await run.chat(prompt, tokens=5, same_as=first)
    run.check(
        "who was asked, both times",
        [record.server for record in run.attempts(first)],
        [run.s1.name, run.s1.name],
    )
    run.whole(first, "the cold answer")
    run.whole(second, "the warm answer")
    evaluated = run.fleet.journal.where(Evaluated, server=run.s1.name)
    run.check(
        "tokens found in the cache",
        [record.cached for record in evaluated],
        [0, *(record.prompt for record in evaluated[1:])],
    )
    cold, warm = (_first_token(answer.pieces, answer.asked_at) for answer in (first, second))
    run.note(
        "the time to the first token",
        warm < 0.6 * cold,
        f"below 0.6 of the cold {cold * 1000:.0f} ms",
        f"{warm * 1000:.0f} ms",
    )


def _first_token(pieces: list, asked_at: float) -> float:  # type: ignore[type-arg]
    return pieces[0].t - asked_at if pieces else float("inf")


@scenario(
    12,
    "Embeddings endpoints",
    claim="Embedding requests of every dialect, single and in batches, pass unchanged, large "
    "ones too.",
    killed_by={"drops-path", "loses-tail"},
)
async def embeddings(run: Run) -> None:
    """Each vector is compared with what the server gives when asked directly."""
    batch = [f"text number {index}, with a few words of its own" for index in range(40)]
    asked = [
        ("/api/embed", {"model": MODEL, "input": "Hello world"}, "embeddings", 1),
        ("/api/embed", {"model": MODEL, "input": ["Hello world", "How are you?"]}, "embeddings", 2),
        ("/api/embed", {"model": MODEL, "input": batch}, "embeddings", len(batch)),
        ("/api/embeddings", {"model": MODEL, "prompt": "Hello world"}, "embedding", 384),
        ("/v1/embeddings", {"model": MODEL, "input": batch}, "data", len(batch)),
    ]
    for path, body, key, size in asked:
        what = f"{path} of {size}"
        direct = await run.ask("POST", path, body, port=run.s1.listener.port)
        answer = await run.ask("POST", path, body)
        run.served_by(answer, run.s1, what=what)
        run.check(f"the status of {what}", answer.status, 200)
        run.check(f"the end of {what}", answer.end, direct.end)
        ours, theirs = ((found.json() or {}).get(key) for found in (answer, direct))
        run.note(f"the size of {what}", len(ours or ()) == size, size, len(ours or ()))
        run.note(f"the vectors of {what}", ours == theirs, "as asked directly", "others")
