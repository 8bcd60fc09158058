"""What each endpoint answers when nothing is wrong, and when the request is.

The reference is Ollama 0.33. Only the outside is looked at: status, header, framing, order of
keys, final newline, and the numbers which clients reckon with.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import time
from typing import Any

import pytest

from tests.acceptance.cells import (
    CELLS,
    CHAT,
    CHAT_WHOLE,
    COMPLETIONS,
    COMPLETIONS_WHOLE,
    GENERATE,
    GENERATE_WHOLE,
    JSON_UTF8,
    MESSAGES,
    MESSAGES_STREAM,
    MESSAGES_WHOLE,
    MODEL,
    PLAIN,
    PROMPT,
    STREAMING,
    WHOLE,
    Cell,
    error_message,
    events,
    lines,
    name_of,
    pieces,
    whole_text,
)
from tests.acceptance.program import Fleet
from tests.acceptance.rawhttp import HOST, Answer, Ended, ask, request

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)$")
HTTP_DATE = re.compile(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$")
METRICS = (
    "total_duration load_duration? prompt_eval_count prompt_eval_duration? eval_count eval_duration"
)
DETAILS = (
    "parent_model format family families parameter_size quantization_level "
    "context_length? embedding_length?"
)


def assert_keys(document: dict[str, Any], order: str) -> None:
    """Check the keys and their order; a key with a question mark may be absent."""
    names = order.split()
    required = [name for name in names if not name.endswith("?")]
    known = [name.rstrip("?") for name in names]
    found = list(document)
    assert [name for name in required if name not in found] == [], f"missing in {found}"
    assert found == [name for name in known if name in found], f"{found} is not {known}"


def header_names(answer: Answer) -> list[str]:
    """Return the names of the header in the order of the wire."""
    return [name for name, _ in answer.headers]


def post(fleet: Fleet, path: str, body: Any, **kwargs: Any) -> Answer:
    """Post to the first server, which must answer completely."""
    answer = ask(fleet.port, "POST", path, body, **kwargs)
    assert answer.ended is Ended.COMPLETE, answer
    return answer


@pytest.fixture(autouse=True)
def quick(fleet: Fleet) -> None:
    """Make all servers quick."""
    fleet.behave(None, "Normal", tokens_per_sec=500.0, num_tokens=5)


# --- header and framing --------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_head(fleet: Fleet, cell: Cell) -> None:
    """Only the header lines of Ollama, in its order, whatever the endpoint."""
    answer = fleet.ask(cell)
    assert (answer.version, answer.status, answer.reason) == ("HTTP/1.1", 200, "OK")
    last = "Transfer-Encoding" if answer.framing == "chunked" else "Content-Length"
    expected = ["Content-Type", "Date", last]
    if cell is MESSAGES_STREAM:
        expected = ["Cache-Control", "Connection", *expected]
        assert answer.header("Cache-Control") == "no-cache"
        assert answer.header("Connection") == "keep-alive"
    assert header_names(answer) == expected
    assert HTTP_DATE.match(answer.header("Date") or "")


@pytest.mark.parametrize("cell", [*PLAIN, *WHOLE], ids=name_of)
def test_length_up_to_2048_bytes_and_chunks_beyond(fleet: Fleet, cell: Cell) -> None:
    """A document of at most 2048 bytes has a length; a longer one is one chunk."""
    answer = fleet.ask(cell)
    if cell.method == "HEAD":
        assert answer.body == b""
        hidden = ask(fleet.port, "GET", cell.path)
        assert answer.header("Content-Length") == str(len(hidden.body))
    elif len(answer.body) <= 2048:
        assert answer.framing == "length"
        assert answer.header("Content-Length") == str(len(answer.body))
    else:
        assert answer.framing == "chunked"
        assert len(answer.chunks) == 1


@pytest.mark.parametrize("cell", WHOLE, ids=name_of)
def test_a_long_whole_answer_is_one_chunk(fleet: Fleet, cell: Cell) -> None:
    """An answer beyond 2048 bytes has no length."""
    answer = fleet.ask(cell.limited(900))
    assert answer.ended is Ended.COMPLETE, answer
    assert len(answer.body) > 2048
    assert answer.framing == "chunked"
    assert len(answer.chunks) == 1
    assert answer.header("Content-Length") is None


def test_the_edge_between_length_and_chunks(fleet: Fleet) -> None:
    """The rule holds byte by byte, and HEAD follows it."""

    def tags(padding: int) -> tuple[Answer, Answer]:
        model = {
            "name": "m",
            "size": 1,
            "digest": "d" * padding,
            "family": "f",
            "parameter_size": "1B",
            "quantization_level": "Q",
        }
        fleet.accepted("POST", "/models", {"port": fleet.port, "models": [model]})
        return ask(fleet.port, "GET", "/api/tags"), ask(fleet.port, "HEAD", "/api/tags")

    rest = len(tags(1)[0].body) - 1
    seen: set[int] = set()
    for turn in range(200):
        # The size aimed at is missed when the time stamp ends in a zero, which is left out.
        answer, head = tags(2048 + turn % 2 - rest)
        length = len(answer.body)
        seen.add(length)
        assert answer.framing == ("length" if length <= 2048 else "chunked"), length
        assert head.header("Content-Length") == (str(length) if length <= 2048 else None), length
        if {2048, 2049} <= seen:
            return
    raise AssertionError(f"the edge was never met: {seen}")


@pytest.mark.parametrize("cell", [*PLAIN, *WHOLE], ids=name_of)
def test_final_newline(fleet: Fleet, cell: Cell) -> None:
    """Documents of the compatible endpoints end in a newline, native ones do not."""
    answer = fleet.ask(cell)
    if cell.method != "HEAD":
        assert answer.body.endswith(b"\n") is (cell.dialect != "native")
        assert not answer.body.endswith(b"\n\n")


@pytest.mark.parametrize("cell", [*PLAIN, *WHOLE], ids=name_of)
def test_documents_are_compact(fleet: Fleet, cell: Cell) -> None:
    """JSON is written without blanks between its parts."""
    answer = fleet.ask(cell)
    if answer.body and cell.path != "/":
        again = json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False)
        shape = re.compile(r'"(?:[^"\\]|\\.)*"|[-\d.eE+]+')
        assert shape.sub("x", answer.text.rstrip("\n")) == shape.sub("x", again)


# --- the endpoints without inference -------------------------------------------------------


def test_root(fleet: Fleet) -> None:
    """The sign of life, with and without its body."""
    answer = ask(fleet.port, "GET", "/")
    assert answer.body == b"Ollama is running"
    assert answer.header("Content-Length") == "17"
    assert ask(fleet.port, "HEAD", "/").header("Content-Length") == "17"


def test_version(fleet: Fleet) -> None:
    """The version of the wire profile."""
    assert ask(fleet.port, "GET", "/api/version").body == b'{"version":"0.33.0-rc2"}'


def test_tags(fleet: Fleet) -> None:
    """The default model, key by key."""
    document = ask(fleet.port, "GET", "/api/tags").json()
    (model,) = document["models"]
    assert_keys(model, "name model modified_at size digest details capabilities?")
    assert_keys(model["details"], DETAILS)
    assert (model["name"], model["model"]) == ("test-model:latest", "test-model:latest")
    assert model["size"] == 4_000_000_000
    assert re.fullmatch(r"(abc123def456)+(a(b(c(1)?)?)?)?", model["digest"])
    assert TIME.match(model["modified_at"])
    details = model["details"]
    assert details["family"] == "test"
    assert (details["parameter_size"], details["quantization_level"]) == ("7B", "Q4_K_M")


def test_ps(fleet: Fleet) -> None:
    """Nothing at the start; after an inference the model, to expire in five minutes."""
    assert ask(fleet.port, "GET", "/api/ps").body == b'{"models":[]}'
    fleet.ask(CHAT_WHOLE)
    (model,) = ask(fleet.port, "GET", "/api/ps").json()["models"]
    assert_keys(model, "name model size digest details expires_at size_vram context_length")
    assert (model["name"], model["model"]) == ("test-model:latest", "test-model:latest")
    assert len(model["details"]) == 6
    assert TIME.match(model["expires_at"])
    assert isinstance(model["size_vram"], int)
    assert isinstance(model["context_length"], int)


def test_show(fleet: Fleet) -> None:
    """The model's description, key by key."""
    document = post(fleet, "/api/show", {"model": MODEL}).json()
    assert_keys(
        document,
        "license? modelfile parameters? template? system? renderer? parser? details messages? "
        "model_info projector_info? tensors? capabilities? modified_at requires?",
    )
    assert document["details"]["family"] == "test"
    assert list(document["model_info"]) == sorted(document["model_info"])
    assert post(fleet, "/api/show", {"name": "test-model:latest"}).status == 200


def test_v1_models(fleet: Fleet) -> None:
    """The list and the single model, in OpenAI's form."""
    document = ask(fleet.port, "GET", "/v1/models").json()
    assert_keys(document, "object data")
    (model,) = document["data"]
    assert_keys(model, "id object created owned_by")
    assert (model["id"], model["object"]) == ("test-model:latest", "model")
    assert model["owned_by"] == "library"
    assert isinstance(model["created"], int)
    single = ask(fleet.port, "GET", "/v1/models/test-model").json()
    assert single == {**model, "id": "test-model"}
    fleet.accepted("POST", "/models", {"port": fleet.port, "models": []})
    assert ask(fleet.port, "GET", "/v1/models").body == b'{"object":"list","data":null}\n'


# --- chat and generate, native -------------------------------------------------------------


def test_chat_stream(fleet: Fleet) -> None:
    """One line a token and a chunk a line, then the line with the numbers."""
    answer = fleet.ask(CHAT)
    assert [bytes(chunk.data) for chunk in answer.chunks] == answer.body.splitlines(keepends=True)
    *said, last = lines(answer)
    for line in said:
        assert_keys(line, "model created_at message done")
        assert_keys(line["message"], "role content")
        assert (line["message"]["role"], line["done"]) == ("assistant", False)
    assert len(said) == 5
    assert_keys(last, f"model created_at message done done_reason {METRICS}")
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["eval_count"]) == (True, 5)
    assert last["done_reason"] in ("stop", "length")
    assert {line["model"] for line in [*said, last]} == {MODEL}
    stamps = [line["created_at"] for line in [*said, last]]
    assert all(TIME.match(stamp) and stamp.endswith("Z") for stamp in stamps), stamps
    assert last["total_duration"] >= last["eval_duration"] > 0


def test_generate_stream(fleet: Fleet) -> None:
    """The same for generate, whose text is `response` and whose end has a context."""
    answer = fleet.ask(GENERATE)
    *said, last = lines(answer)
    assert len(answer.chunks) == 6
    for line in said:
        assert_keys(line, "model created_at response done")
        assert (line["done"], line["model"]) == (False, MODEL)
    assert_keys(last, f"model created_at response done done_reason context {METRICS}")
    assert (last["response"], last["done"], last["eval_count"]) == ("", True, 5)
    assert all(isinstance(token, int) for token in last["context"])


def test_streaming_is_the_default_of_the_native_endpoints(fleet: Fleet) -> None:
    """Without `stream`, or with null, lines are streamed; the compatible ones answer whole."""
    body = {"model": MODEL, "messages": MESSAGES}
    for given in ({}, {"stream": None}):
        answer = post(fleet, "/api/chat", {**body, **given})
        assert answer.header("Content-Type") == "application/x-ndjson"
        assert len(lines(answer)) == 6
    assert post(fleet, "/v1/chat/completions", body).json()["object"] == "chat.completion"
    assert post(fleet, "/v1/messages", {**body, "max_tokens": 3}).json()["type"] == "message"


def test_chat_whole(fleet: Fleet) -> None:
    """One object with the whole text and the numbers."""
    document = fleet.ask(CHAT_WHOLE).json()
    assert_keys(document, f"model created_at message done done_reason {METRICS}")
    assert_keys(document["message"], "role content")
    assert (document["done"], document["eval_count"]) == (True, 5)


def test_generate_whole(fleet: Fleet) -> None:
    """One object with the whole text and the numbers."""
    document = fleet.ask(GENERATE_WHOLE).json()
    assert_keys(document, f"model created_at response done done_reason context {METRICS}")
    assert (document["done"], document["eval_count"]) == (True, 5)


@pytest.mark.parametrize(
    ("stream", "whole"), list(zip(STREAMING, WHOLE, strict=True)), ids=[c.path for c in WHOLE]
)
def test_streamed_and_whole_say_the_same(fleet: Fleet, stream: Cell, whole: Cell) -> None:
    """The text does not depend on the mode, and is the same each time it is asked for."""
    streamed = "".join(pieces(stream, fleet.ask(stream)))
    assert streamed
    assert whole_text(whole, fleet.ask(whole)) == streamed
    assert "".join(pieces(stream, fleet.ask(stream, fleet.ports[0]))) == streamed


def test_load_and_unload(fleet: Fleet) -> None:
    """No messages load the model; a `keep_alive` of 0 unloads it; one object in either mode."""
    for stream in (True, False):
        body: dict[str, Any] = {"model": MODEL, "messages": [], "stream": stream}
        answer = post(fleet, "/api/chat", body)
        assert_keys(answer.json(), "model created_at message done done_reason")
        assert answer.json()["done_reason"] == "load"
        assert answer.header("Content-Type") == JSON_UTF8
        assert fleet.status(fleet.port)["loaded_model"] == "test-model:latest"
        answer = post(fleet, "/api/generate", {"model": MODEL, "keep_alive": 0, "stream": stream})
        assert_keys(answer.json(), "model created_at response done done_reason")
        assert answer.json()["done_reason"] == "unload"
        assert fleet.status(fleet.port)["loaded_model"] is None


# --- the KV cache --------------------------------------------------------------------------

WORDS = 100
LONG = " ".join(f"w{number}" for number in range(WORDS))
COUNT = 2 * WORDS  # a marker, 100 words and 99 blanks
RATE = 800.0


NOTHING = 1e-6
"""What is told of a prompt that took no time: the least that a runner's timer tells."""


def evaluated(document: dict[str, Any]) -> float:
    """Return the seconds of prompt evaluation which an answer reports."""
    return float(document["prompt_eval_duration"]) / 1e9


def slow_reader(fleet: Fleet) -> None:
    """Give all servers a prompt rate that can be measured."""
    fleet.behave(
        None, "Normal", tokens_per_sec=900.0, num_tokens=2, prompt_eval_tokens_per_sec=RATE
    )


def test_a_prompt_seen_before_costs_nothing(fleet: Fleet) -> None:
    """The count stays, the duration goes, and the first byte comes sooner."""
    slow_reader(fleet)
    cell = CHAT.saying(LONG)
    cold_answer, warm_answer = fleet.ask(cell), fleet.ask(cell)
    cold, warm = lines(cold_answer)[-1], lines(warm_answer)[-1]
    assert cold["prompt_eval_count"] in (COUNT, COUNT + 1)
    assert warm["prompt_eval_count"] == cold["prompt_eval_count"]
    assert 0.8 * COUNT / RATE < evaluated(cold) < 1.5 * COUNT / RATE
    assert evaluated(warm) == NOTHING
    assert cold_answer.first_at - cold_answer.sent_at > 0.8 * COUNT / RATE
    assert warm_answer.first_at - warm_answer.sent_at < 0.5 * COUNT / RATE


def test_the_cache_is_of_one_server_and_can_be_cleared(fleet: Fleet) -> None:
    """Another server has not seen the prompt; nor has this one after its cache is cleared."""
    slow_reader(fleet)
    cell = CHAT_WHOLE.saying(LONG)
    fleet.ask(cell)
    assert evaluated(fleet.ask(cell, fleet.ports[1]).json()) > 0.8 * COUNT / RATE
    fleet.accepted("POST", "/kv-cache/clear", {"port": fleet.port})
    assert evaluated(fleet.ask(cell).json()) > 0.8 * COUNT / RATE
    assert evaluated(fleet.ask(cell, fleet.ports[1]).json()) == NOTHING


def test_only_new_tokens_cost(fleet: Fleet) -> None:
    """The longest common prefix is free; a change at the start costs all."""
    slow_reader(fleet)
    fleet.ask(CHAT_WHOLE.saying(LONG))
    longer = fleet.ask(CHAT_WHOLE.saying(f"{LONG} {LONG}")).json()
    assert longer["prompt_eval_count"] in (2 * COUNT, 2 * COUNT + 1)
    assert 0.8 * COUNT / RATE < evaluated(longer) < 1.4 * COUNT / RATE
    other = fleet.ask(CHAT_WHOLE.saying(f"x {LONG}")).json()
    assert evaluated(other) > 0.8 * COUNT / RATE


def test_a_conversation_goes_on_from_its_cache(fleet: Fleet) -> None:
    """The answer is in the cache too: the next turn costs only its new message."""
    slow_reader(fleet)
    first = fleet.ask(CHAT_WHOLE.saying(LONG).limited(30)).json()
    messages = [
        {"role": "user", "content": LONG},
        first["message"],
        {"role": "user", "content": "and then ?"},
    ]
    body = {"model": MODEL, "messages": messages, "stream": False}
    second = post(fleet, "/api/chat", body).json()
    assert second["prompt_eval_count"] > first["prompt_eval_count"]
    assert 0 < evaluated(second) <= 10 / RATE, "the new message has six tokens"


@pytest.mark.parametrize(
    "cell", [GENERATE_WHOLE, GENERATE, COMPLETIONS_WHOLE, MESSAGES_WHOLE], ids=name_of
)
def test_other_endpoints_have_no_cache(fleet: Fleet, cell: Cell) -> None:
    """Elsewhere the same prompt costs the same again."""
    slow_reader(fleet)
    for _ in range(2):
        answer = fleet.ask(cell.saying(LONG).limited(2))
        assert answer.ended is Ended.COMPLETE
        assert answer.first_at - answer.sent_at > 0.7 * COUNT / RATE


# --- OpenAI and Anthropic ------------------------------------------------------------------


def test_chat_completions_stream(fleet: Fleet) -> None:
    """Role on the first chunk only, a finish chunk of its own, and `[DONE]` in the same write."""
    answer = fleet.ask(COMPLETIONS)
    said = events(answer)
    assert said[-1] == "[DONE]"
    chunks = [json.loads(data) for data in said[:-1]]
    assert len(chunks) == 6
    for chunk in chunks:
        assert_keys(chunk, "id object created model system_fingerprint choices")
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["system_fingerprint"] == "fp_ollama"
        assert_keys(chunk["choices"][0], "index delta finish_reason")
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert re.fullmatch(r"chatcmpl-\d{1,3}", chunks[0]["id"])
    deltas = [list(chunk["choices"][0]["delta"]) for chunk in chunks]
    assert deltas == [["role", "content"], *[["content"]] * 4, []]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons[:-1] == [None] * 5
    assert reasons[-1] in ("stop", "length")
    assert len(answer.chunks) == 6, "the finish chunk and [DONE] are one HTTP chunk"


def test_chat_completions_usage(fleet: Fleet) -> None:
    """`include_usage` adds one chunk without choices; the whole answer always has it."""
    body = {**(COMPLETIONS.body or {}), "stream_options": {"include_usage": True}}
    answer = post(fleet, "/v1/chat/completions", body)
    *_, usage, done = events(answer)
    assert done == "[DONE]"
    chunk = json.loads(usage)
    assert_keys(chunk, "id object created model system_fingerprint choices usage")
    assert chunk["choices"] == []
    assert_keys(chunk["usage"], "prompt_tokens completion_tokens total_tokens")
    assert chunk["usage"]["completion_tokens"] == 5
    whole = fleet.ask(COMPLETIONS_WHOLE).json()
    assert whole["usage"] == chunk["usage"]
    assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + 5


def test_chat_completions_whole(fleet: Fleet) -> None:
    """One completion, key by key."""
    document = fleet.ask(COMPLETIONS_WHOLE).json()
    assert_keys(document, "id object created model system_fingerprint choices usage")
    assert (document["object"], document["model"]) == ("chat.completion", MODEL)
    (choice,) = document["choices"]
    assert_keys(choice, "index message finish_reason")
    assert_keys(choice["message"], "role content")
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")


def test_messages_stream(fleet: Fleet) -> None:
    """The events of Anthropic's protocol, one in each chunk."""
    answer = fleet.ask(MESSAGES_STREAM.limited(5))
    decoded = [json.loads(data) for data in events(answer)]
    assert [event["type"] for event in decoded] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 5,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    for chunk, event in zip(answer.chunks, decoded, strict=True):
        assert bytes(chunk.data).startswith(f"event: {event['type']}\ndata: {{".encode())
    message = decoded[0]["message"]
    assert_keys(message, "id type role model content usage")
    assert re.fullmatch(r"msg_[0-9a-f]{24}", message["id"])
    assert message["content"] == []
    estimate = (len("user") + len(PROMPT)) // 4
    assert message["usage"] == {"input_tokens": estimate, "output_tokens": 0}
    assert decoded[1]["content_block"] == {"type": "text", "text": ""}
    end = decoded[-2]
    assert end["usage"]["output_tokens"] == 5
    assert end["delta"]["stop_reason"] in ("end_turn", "max_tokens")


def test_messages_whole(fleet: Fleet) -> None:
    """One message, key by key."""
    document = fleet.ask(MESSAGES_WHOLE.limited(5)).json()
    assert_keys(document, "id type role model content stop_reason usage")
    assert (document["type"], document["role"], document["model"]) == (
        "message",
        "assistant",
        MODEL,
    )
    (block,) = document["content"]
    assert_keys(block, "type text")
    assert_keys(document["usage"], "input_tokens output_tokens")
    assert document["usage"]["output_tokens"] == 5


# --- embeddings ----------------------------------------------------------------------------


def norm(vector: list[float]) -> float:
    """Return the length of a vector."""
    return math.sqrt(sum(value * value for value in vector))


def embed(fleet: Fleet, given: Any, **more: Any) -> list[list[float]]:
    """Return the vectors of the native endpoint."""
    body = {"model": MODEL, "input": given, **more}
    found: list[list[float]] = post(fleet, "/api/embed", body).json()["embeddings"]
    return found


def test_embed(fleet: Fleet) -> None:
    """384 numbers of length 1, the same each time and on each server, other for other text."""
    answer = post(fleet, "/api/embed", {"model": MODEL, "input": "the sea"})
    document = answer.json()
    assert_keys(document, "model embeddings total_duration? load_duration? prompt_eval_count?")
    (vector,) = document["embeddings"]
    assert len(vector) == 384
    assert abs(norm(vector) - 1) < 1e-5
    assert embed(fleet, "the sea") == [vector]
    body = {"model": MODEL, "input": "the sea"}
    assert ask(fleet.ports[1], "POST", "/api/embed", body).json()["embeddings"] == [vector]
    assert embed(fleet, "the land") != [vector]


def test_embed_batch(fleet: Fleet) -> None:
    """Many inputs give many vectors, in order, each as if it were alone."""
    together = embed(fleet, ["one", "two", "", "one"])
    assert len(together) == 4
    assert together[0] == together[3]
    assert together[:2] == [embed(fleet, "one")[0], embed(fleet, "two")[0]]
    assert embed(fleet, []) == []
    assert embed(fleet, "") == []


@pytest.mark.parametrize(
    ("asked", "given"), [(16, 16), (100, 100), (383, 383), (384, 384), (500, 384)]
)
def test_embed_dimensions(fleet: Fleet, asked: int, given: int) -> None:
    """Fewer dimensions are cut and made of length 1 again; more are ignored."""
    (full,) = embed(fleet, "the sea")
    (vector,) = embed(fleet, "the sea", dimensions=asked)
    assert len(vector) == given
    assert abs(norm(vector) - 1) < 1e-5
    scale = norm(full[:given])
    assert all(abs(a - b / scale) < 1e-5 for a, b in zip(vector, full, strict=False))


def test_embeddings(fleet: Fleet) -> None:
    """The old endpoint has one vector, the same."""
    document = post(fleet, "/api/embeddings", {"model": MODEL, "prompt": "the sea"}).json()
    assert_keys(document, "embedding")
    assert len(document["embedding"]) == 384
    (vector,) = embed(fleet, "the sea")
    assert all(abs(a - b) < 1e-6 for a, b in zip(document["embedding"], vector, strict=True))
    assert post(fleet, "/api/embeddings", {"model": MODEL, "prompt": ""}).json() == {
        "embedding": []
    }


def test_v1_embeddings(fleet: Fleet) -> None:
    """OpenAI's form, as numbers and as base64."""
    body: dict[str, Any] = {"model": MODEL, "input": ["the sea", "the land"]}
    document = post(fleet, "/v1/embeddings", body).json()
    assert_keys(document, "object data model usage")
    assert [item["index"] for item in document["data"]] == [0, 1]
    for item in document["data"]:
        assert_keys(item, "object embedding index")
    assert_keys(document["usage"], "prompt_tokens total_tokens")
    vectors = [item["embedding"] for item in document["data"]]
    assert vectors == embed(fleet, ["the sea", "the land"])
    coded = post(fleet, "/v1/embeddings", {**body, "encoding_format": "base64"}).json()
    for item, vector in zip(coded["data"], vectors, strict=True):
        assert list(struct.unpack("<384f", base64.b64decode(item["embedding"]))) == pytest.approx(
            vector, abs=1e-7
        )
    (short,) = post(fleet, "/v1/embeddings", {**body, "input": "a", "dimensions": 8}).json()["data"]
    assert len(short["embedding"]) == 8


# --- errors --------------------------------------------------------------------------------

UNKNOWN = [
    (CHAT, "model 'nope' not found"),
    (CHAT_WHOLE, "model 'nope' not found"),
    (GENERATE, "model 'nope' not found"),
    (GENERATE_WHOLE, "model 'nope' not found"),
    (next(c for c in PLAIN if c.name == "show"), "model 'nope:latest' not found"),
    (
        next(c for c in PLAIN if c.name == "embed"),
        'model "nope" not found, try pulling it first',
    ),
    (
        next(c for c in PLAIN if c.name == "embeddings"),
        'model "nope" not found, try pulling it first',
    ),
    (
        next(c for c in PLAIN if c.name == "v1-embeddings"),
        'model "nope" not found, try pulling it first',
    ),
    (COMPLETIONS, "model 'nope' not found"),
    (COMPLETIONS_WHOLE, "model 'nope' not found"),
    (MESSAGES_STREAM, "model 'nope' not found"),
    (MESSAGES_WHOLE, "model 'nope' not found"),
]


@pytest.mark.parametrize(("cell", "message"), UNKNOWN, ids=[cell.name for cell, _ in UNKNOWN])
def test_unknown_model(fleet: Fleet, cell: Cell, message: str) -> None:
    """A 404 with the words of each endpoint, and a length in either mode."""
    answer = post(fleet, cell.path, {**(cell.body or {}), "model": "nope"})
    assert answer.status == 404, answer
    assert error_message(cell, answer) == message
    assert answer.framing == "length"
    assert answer.body.endswith(b"\n") is (cell.dialect != "native")
    expected = JSON_UTF8 if cell.dialect == "native" else "application/json"
    assert answer.header("Content-Type") == expected


def test_unknown_model_in_the_path(fleet: Fleet) -> None:
    """`/v1/models/{model}` names the model with its tag."""
    answer = ask(fleet.port, "GET", "/v1/models/nope")
    cell = next(c for c in PLAIN if c.name == "v1-model")
    assert answer.status == 404
    assert error_message(cell, answer) == "model 'nope:latest' not found"


@pytest.mark.parametrize(
    ("cell", "body", "message"),
    [
        (CHAT, b"", "missing request body"),
        (CHAT, b'{"model":"x"', "unexpected EOF"),
        (GENERATE, b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (CHAT, b'{"messages":[]}', "model is required"),
        (COMPLETIONS, b"", "EOF"),
        (COMPLETIONS, b'{"model":"test-model"}', "[] is too short - 'messages'"),
        (MESSAGES_WHOLE, b"hello", "invalid character 'h' looking for beginning of value"),
        (MESSAGES_WHOLE, b"{}", "model is required"),
        (
            MESSAGES_WHOLE,
            b'{"model":"test-model","messages":[{"role":"user","content":"a"}]}',
            "max_tokens is required and must be positive",
        ),
    ],
)
def test_bad_request(fleet: Fleet, cell: Cell, body: bytes, message: str) -> None:
    """A 400 with the words of Ollama's decoder, without a newline."""
    answer = post(fleet, cell.path, body)
    assert answer.status == 400, answer
    assert error_message(cell, answer) == message
    assert answer.header("Content-Type") == JSON_UTF8
    assert not answer.body.endswith(b"\n")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/no/such/path", 404, None),
        ("POST", "/v1/messages/count_tokens", 404, None),
        ("GET", "/api/chat", 405, "POST"),
        ("DELETE", "/v1/chat/completions", 405, "POST"),
        ("POST", "/api/tags", 405, "HEAD, GET"),
        ("HEAD", "/api/ps", 405, "GET"),
        ("HEAD", "/v1/models", 405, "GET"),
    ],
)
def test_no_such_route(
    fleet: Fleet, method: str, path: str, status: int, allow: str | None
) -> None:
    """Unknown paths and wrong methods are answered in plain text."""
    answer = ask(fleet.port, method, path)
    text = b"404 page not found" if status == 404 else b"405 method not allowed"
    assert (answer.ended, answer.status, answer.header("Allow")) == (Ended.COMPLETE, status, allow)
    assert answer.header("Content-Type") == "text/plain"
    assert answer.header("Content-Length") == str(len(text))
    assert answer.body == (b"" if method == "HEAD" else text)


def test_different_models_on_different_servers(fleet: Fleet) -> None:
    """A model asked for at the wrong server is not found there."""
    for port, name in zip(fleet.ports, ["qwen3-32b", "gpt-oss:20b"], strict=False):
        model = {
            "name": name,
            "size": 1000,
            "digest": "abc...",
            "family": "f",
            "parameter_size": "20B",
            "quantization_level": "Q4_K_M",
        }
        fleet.accepted("POST", "/models", {"port": port, "models": [model]})
    first, second = fleet.ports[:2]
    for port, name, status in [
        (first, "qwen3-32b", 200),
        (first, "qwen3-32b:latest", 200),
        (first, "gpt-oss:20b", 404),
        (first, MODEL, 404),
        (second, "gpt-oss:20b", 200),
        (second, "gpt-oss", 404),
        (second, "qwen3-32b", 404),
        (fleet.ports[2], MODEL, 200),
    ]:
        for cell in (CHAT_WHOLE, GENERATE, COMPLETIONS_WHOLE, MESSAGES_STREAM):
            answer = ask(port, "POST", cell.path, {**(cell.body or {}), "model": name})
            assert answer.status == status, (port, name, cell.name, answer)
    ids = [model["id"] for model in ask(first, "GET", "/v1/models").json()["data"]]
    assert ids == ["qwen3-32b:latest"]


# --- connections ---------------------------------------------------------------------------


def test_keep_alive(fleet: Fleet) -> None:
    """All endpoints, one after the other, on one connection, errors included."""
    connection = fleet.connect()
    for cell in CELLS:
        connection.ask(cell.method, cell.path, cell.body)
        assert connection.read().ended is Ended.COMPLETE, cell
        connection.ask("GET", "/no/such/path")
        assert connection.read().status == 404
    assert connection.fate(silence=0.3) is Ended.SILENT


def test_pipelining(fleet: Fleet) -> None:
    """Requests in one write are answered in order."""
    connection = fleet.connect()
    cells = [CHAT, PLAIN[2], GENERATE_WHOLE, CHAT]
    data = b"".join(request(c.method, c.path, c.body, port=fleet.port) for c in cells)
    connection.send(data, *[c.method for c in cells])
    answers = [connection.read() for _ in cells]
    assert [a.ended for a in answers] == [Ended.COMPLETE] * 4
    assert len(pieces(CHAT, answers[0])) == 5
    assert answers[1].json() == {"version": "0.33.0-rc2"}
    assert answers[2].json()["done"] is True
    assert len(pieces(CHAT, answers[3])) == 5
    assert connection.fate(silence=0.3) is Ended.SILENT


def test_connection_close(fleet: Fleet) -> None:
    """A client which asks for it gets a FIN after its answer."""
    for cell in (PLAIN[0], CHAT, CHAT_WHOLE, MESSAGES_STREAM):
        connection = fleet.connect()
        connection.ask(cell.method, cell.path, cell.body, headers={"Connection": "close"})
        answer = connection.read()
        assert answer.ended is Ended.COMPLETE, answer
        assert answer.header("Connection") == "close"
        assert connection.fate() is Ended.EOF


@pytest.mark.parametrize("cell", [PLAIN[2], CHAT_WHOLE, CHAT], ids=name_of)
def test_http_1_0(fleet: Fleet, cell: Cell) -> None:
    """An old client gets its own version, no chunks, and a FIN."""
    connection = fleet.connect()
    connection.ask(cell.method, cell.path, cell.body, version="1.0")
    answer = connection.read()
    assert (answer.ended, answer.version) == (Ended.COMPLETE, "HTTP/1.0"), answer
    assert answer.framing == ("close" if cell.stream else "length")
    if cell.stream:
        assert len(pieces(cell, answer)) == 5
    else:
        assert connection.fate() is Ended.EOF


def test_http_1_0_keep_alive(fleet: Fleet) -> None:
    """An old client which asks for it keeps its connection when there is a length."""
    connection = fleet.connect()
    for _ in range(2):
        connection.ask("GET", "/api/version", version="1.0", headers={"Connection": "keep-alive"})
        answer = connection.read()
        assert (answer.ended, answer.header("Connection")) == (Ended.COMPLETE, "keep-alive")
    assert connection.fate(silence=0.3) is Ended.SILENT


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_chunked_request(fleet: Fleet, size: int) -> None:
    """A request may come in chunks of any size."""
    connection = fleet.connect()
    for _ in range(2):
        connection.ask("POST", "/api/chat", CHAT.body, chunked=size)
        assert len(pieces(CHAT, connection.read())) == 5


def test_expect_100_continue(fleet: Fleet) -> None:
    """The interim answer comes before the body is sent, the final one after it."""
    connection = fleet.connect()
    whole = request(
        "POST", "/api/chat", CHAT.body, port=fleet.port, headers={"Expect": "100-continue"}
    )
    head, _, body = whole.partition(b"\r\n\r\n")
    connection.send(head + b"\r\n\r\n", "POST")
    answer = connection.read(silence=2.0, stop=lambda answer: bool(answer.interim))
    assert (answer.interim, answer.status) == ([100], 0), answer
    connection.send(body)
    answer = connection.read()
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 200), answer
    assert len(pieces(CHAT, answer)) == 5


def test_a_request_in_small_pieces(fleet: Fleet) -> None:
    """A request may arrive byte by byte."""
    connection = fleet.connect()
    data = request("POST", "/api/chat", CHAT_WHOLE.body, port=fleet.port)
    for at in range(len(data) - 1):
        connection.send(data[at : at + 1])
    time.sleep(0.05)
    connection.send(data[-1:], "POST")
    assert connection.read().json()["done"] is True


def test_a_large_request(fleet: Fleet) -> None:
    """A megabyte of prompt is no error."""
    answer = post(fleet, "/api/generate", {"model": MODEL, "prompt": "x" * 2**20, "stream": False})
    assert answer.status == 200, answer


def test_host_names(fleet: Fleet) -> None:
    """Loopback names are served."""
    for host in ("localhost", f"localhost:{fleet.port}", HOST, "a.localhost"):
        answer = ask(fleet.port, "GET", "/api/version", headers={"Host": host})
        assert answer.status == 200, host
