"""Nothing is wrong: requests are spread as promised and answers pass unchanged."""

from ollama_simulator.conformance.answer import Piece
from ollama_simulator.conformance.asking import PROMPT
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import SEED
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.faults.custom import Custom
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Evaluated

MODEL = "test-model:latest"


@scenario(
    order=1,
    name="Basic single server request",
    needs=SEED,
    claim="A request goes to the first server, once, and its answer comes back unchanged; "
    "afterwards that server is free again.",
    killed_by={"drops-path", "round-robin"},
    timeout=5.0,
    advice="Send each request once, to the first free reliable server, and free that server "
    "when its answer is over.",
)
async def basic(run: Run) -> None:
    """One request after the other: whole, streamed, and with a body of more than a megabyte."""
    long = "a" * 1_200_000
    for prompt, stream in ((PROMPT, False), (PROMPT, True), (long, True)):
        answer = await run.chat(prompt, stream=stream)
        run.served_by(answer, run.s1)
        run.whole(answer)
        run.check("how the server ended it", run.how_it_ended(answer), ["complete"])


@scenario(
    order=2,
    name="Load balancing across multiple servers",
    needs=SEED,
    claim="Concurrent requests go to different servers, one at a time each, and nobody gets "
    "another one's answer; when all are free, the first server is first again.",
    killed_by={"always-first", "round-robin"},
    timeout=5.0,
    advice="Keep a count of requests for each server, and give a busy one no other.",
)
async def spreading(run: Run) -> None:
    """Three at once, three in turn while the former go on, then two one by one."""
    await run.behave(Normal(tokens_per_sec=60, num_tokens=30))
    at_once = await run.together(*(run.begin(tokens=30) for _ in range(3)))
    for answer in at_once:
        run.whole(answer, "one of three at once")
    run.check(
        "who was asked for three at once",
        sorted(record.server for answer in at_once for record in run.attempts(answer)),
        ["s1", "s2", "s3"],
    )
    sessions = []
    for server in (run.s1, run.s2, run.s3):
        session = run.begin(tokens=30)
        sessions.append((server, session))
        await run.reached(session)
    for server, session in sessions:
        await run.together(session)
        run.served_by(session.answer, server, what="one of three in turn")
        run.whole(session.answer)
    run.one_at_a_time()
    await run.behave(QUICK)
    for what in ("the request after them", "one more request"):
        answer = await run.chat(stream=False)
        run.served_by(answer, run.s1, what=what)
        run.whole(answer)


@scenario(
    order=9,
    name="GET requests (non-POST)",
    needs=SEED,
    claim="Requests of any method reach a server once, with their path, query and body, and its "
    "answer comes back with its status and body, whatever they are; only an answer that fails "
    "makes a server unreliable.",
    killed_by={
        "drops-path",
        "drops-query",
        "drops-bodies",
        "round-robin",
        "marks-errors",
        "marks-missing",
        "retries-get",
        "never-marks",
        "loses-tail",
    },
    timeout=5.0,
    advice="Pass on any method, path, query and body, and any status; mark a server only "
    "when it fails.",
)
async def other_methods(run: Run) -> None:
    """Each request is compared with what the server says when asked directly."""
    for method, path in (
        ("GET", "/api/tags"),
        ("GET", "/api/version"),
        ("GET", "/"),
        ("HEAD", "/"),
        ("HEAD", "/api/tags"),
        ("GET", "/api/ps"),
        ("GET", "/No/such/Path/"),
        ("GET", "/api/tags/"),
        ("GET", "/v1/models/library%2Ftest-model"),
        ("OPTIONS", "/api/tags"),
        ("PUT", "/api/tags"),
        ("PATCH", "/api/tags"),
    ):
        await _passes(run, method, path)
    await _passes(run, "POST", "/api/show", {"model": "test-model"})
    await _passes(run, "POST", "/api/show", {"model": "no-such-model"})
    custom = Custom(
        response_body="deleted \u2713\n" * 100_000,
        status_code=200,
        content_type="text/plain; charset=utf-8",
        delay_ms=0,
    )
    errors = [HttpError(status_code=status, message="no") for status in (204, 404, 500, 503)]
    for behavior in (custom, *errors):
        await run.behave(behavior, run.s1)
        await _passes(run, "DELETE", "/api/delete", {"model": "no-such-model"})
        await _passes(run, "POST", "/api/generate", {"model": "test-model", "prompt": "Hello"})
    await run.behave(FailMidStream(tokens_before_fail=0), run.s1)
    failed = await run.ask("GET", "/api/version?check=NONCE")
    # A client may repeat a GET on another connection to the same server (RFC 9110, 9.2.2).
    asked = {record.server for record in run.attempts(failed)}
    run.check("who was asked for a GET that fails", asked, {run.s1.name})
    run.failed(failed, "a GET that fails")
    await run.behave(QUICK, run.s1)
    after = await run.ask("GET", "/api/version?check=NONCE")
    run.served_by(after, run.s2, what="the GET after it")


async def _passes(run: Run, method: str, path: str, body: dict[str, str] | None = None) -> None:
    target = f"{path}?check=NONCE"
    direct = await run.ask(method, target, body, port=run.s1.listener.port)
    answer = await run.ask(method, target, body)
    what = f"{method} {path}" + (f" (a {direct.status})" if direct.status != 200 else "")
    run.served_by(answer, run.s1, what=what)
    run.check(
        f"what the server was asked for {what}",
        [f"{record.method} {record.target}" for record in run.attempts(answer)],
        [f"{method} {target.replace('NONCE', answer.nonce)}"],
    )
    if body is not None and (sizes := run.received(direct)):
        run.check(f"whether the body of {what} arrived", run.received(answer) != [0], sizes != [0])
    run.check(f"the end of {what}", answer.ending, direct.ending)
    run.check(f"the status of {what}", answer.status, direct.status)
    # A redirect repeats the query.
    expected = direct.body.replace(direct.nonce.encode(), answer.nonce.encode())
    run.note(
        f"the body of {what}",
        answer.body == expected,
        f"{len(expected)} bytes, {expected[:60]!r}",
        f"{len(answer.body)} bytes, {answer.body[:60]!r}",
    )


@scenario(
    order=11,
    name="KV cache prefix matching",
    needs=SEED,
    claim="A repeated conversation goes to the server that has it in its cache, and starts sooner.",
    killed_by={"round-robin", "drops-path"},
    timeout=5.0,
    advice="Send the conversation to the server that is first in order: it has it in its cache.",
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


def _first_token(pieces: list[Piece], asked_at: float) -> float:
    return pieces[0].t - asked_at if pieces else float("inf")


@scenario(
    order=12,
    name="Embeddings endpoints",
    needs=SEED,
    claim="Embedding requests of every dialect, single and in batches, pass unchanged, large "
    "ones too.",
    killed_by={"drops-path", "loses-tail"},
    timeout=5.0,
    advice="Pass requests for embeddings on like all others.",
)
async def embeddings(run: Run) -> None:
    """Each vector is compared with what the server gives when asked directly."""
    batch = [f"text number {index}, with a few words of its own" for index in range(80)]
    asked = [
        ("/api/embed", {"model": MODEL, "input": "Hello world"}, "embeddings", 1),
        ("/api/embed", {"model": MODEL, "input": ["Hello world", "How are you?"]}, "embeddings", 2),
        ("/api/embed", {"model": MODEL, "input": batch}, "embeddings", len(batch)),
        ("/api/embeddings", {"model": MODEL, "prompt": "Hello world"}, "embedding", 384),
        ("/v1/embeddings", {"model": MODEL, "input": batch[:3]}, "data", 3),
    ]
    for path, body, key, size in asked:
        what = f"{path} of {size}"
        direct = await run.ask("POST", path, body, port=run.s1.listener.port)
        answer = await run.ask("POST", path, body)
        run.served_by(answer, run.s1, what=what)
        run.check(f"the status of {what}", answer.status, 200)
        run.check(f"the end of {what}", answer.end, direct.end)
        ours, theirs = ((found.json() or {}).get(key) for found in (answer, direct))
        run.note(
            f"the size of {what}",
            len(ours or ()) == size,
            f"{size} in {len(direct.body)} bytes",
            f"{len(ours or ())} in {len(answer.body)} bytes",
        )
        run.note(f"the vectors of {what}", ours == theirs, "as asked directly", "others")
