"""The control API: every route, every curl line of the manual, and every way to be told no.

Shapes and defaults are those of the program which this one follows, so that old scripts work.
Bad input is answered with a 4xx whose JSON names the field and what would be right, and changes
nothing.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import string
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.cells import (
    CHAT,
    CHAT_WHOLE,
    COMPLETIONS_WHOLE,
    GENERATE_WHOLE,
    MESSAGES_WHOLE,
    MODEL,
    pieces,
)
from tests.acceptance.program import Fleet
from tests.acceptance.rawhttp import Answer, Body, Ended, ask

BEHAVIOURS = (
    "Normal",
    "Hang",
    "ConnectionRefused",
    "FailMidStream",
    "TimeoutAfterHeaders",
    "Slow",
    "HttpError",
    "ModelNotFound",
    "AbruptClose",
    "Custom",
)
COMPLETE: dict[str, dict[str, Any]] = {
    "Normal": {
        "tokens_per_sec": 70.0,
        "prompt_eval_tokens_per_sec": 2900.0,
        "num_tokens": 20,
        "load_delay_ms": 0,
    },
    "Hang": {},
    "ConnectionRefused": {},
    "FailMidStream": {"tokens_before_fail": 5, "tokens_per_sec": 50.0},
    "TimeoutAfterHeaders": {"timeout_ms": 1000},
    "Slow": {"tokens_per_sec": 1.0, "num_tokens": 3},
    "HttpError": {"status_code": 500, "message": "no"},
    "ModelNotFound": {"model_name": "x"},
    "AbruptClose": {"bytes_before_close": 10},
    "Custom": {
        "response_body": "",
        "status_code": 200,
        "content_type": "text/plain",
        "delay_ms": 0,
    },
}
REQUIRED = [
    ("FailMidStream", "tokens_before_fail"),
    ("Slow", "tokens_per_sec"),
    ("Slow", "num_tokens"),
    ("HttpError", "status_code"),
    ("HttpError", "message"),
    ("ModelNotFound", "model_name"),
    ("AbruptClose", "bytes_before_close"),
    ("Custom", "response_body"),
    ("Custom", "status_code"),
    ("Custom", "content_type"),
    ("Custom", "delay_ms"),
]
MODEL_A = {
    "name": "qwen3-32b",
    "size": 20000000000,
    "digest": "abc...",
    "family": "qwen3",
    "parameter_size": "32.8B",
    "quantization_level": "Q4_K_M",
}


def split(text: str) -> list[str]:
    """Split text into tokens: words, single blanks, single punctuation marks.

    White space other than the blank only separates.
    """
    return re.findall(
        rf"[{re.escape(string.punctuation)}]| |[^\s{re.escape(string.punctuation)}]+", text
    )


def everything(fleet: Fleet) -> dict[str, Any]:
    """Return all the state that the control API shows."""
    caches = [fleet.accepted("GET", f"/kv-cache/{port}") for port in fleet.ports]
    return {"status": fleet.accepted("GET", "/status"), "caches": caches}


# --- routes --------------------------------------------------------------------------------


def test_health(fleet: Fleet) -> None:
    """`/health` says ok."""
    answer = fleet.control("GET", "/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert (answer.header("Content-Type") or "").startswith("application/json")


def test_status_at_the_start(fleet: Fleet) -> None:
    """`/status` lists all servers by port, with the defaults of a new one."""
    servers = fleet.program.servers()
    assert [server["port"] for server in servers] == sorted(fleet.ports)
    for server in servers:
        expected = {
            "port": server["port"],
            "behavior": "Normal",
            "accepting_connections": True,
            "installed_models": ["test-model:latest"],
            "loaded_model": None,
            "request_count": 0,
            "active_request_count": 0,
        }
        assert {key: server.get(key, "absent") for key in expected} == expected


@pytest.mark.parametrize("kind", BEHAVIOURS)
def test_behaviour_with_all_fields(fleet: Fleet, kind: str) -> None:
    """Each behaviour is taken and shown by its type's name, on the one server only."""
    fleet.behave(fleet.port, kind, **COMPLETE[kind])
    assert fleet.status(fleet.port)["behavior"] == kind
    assert [fleet.status(port)["behavior"] for port in fleet.ports[1:]] == ["Normal"] * 3


@pytest.mark.parametrize("kind", BEHAVIOURS)
def test_behaviour_with_required_fields_only(fleet: Fleet, kind: str) -> None:
    """Fields with a default may be left out, on all servers at once."""
    required = {name for owner, name in REQUIRED if owner == kind}
    fields = {name: value for name, value in COMPLETE[kind].items() if name in required}
    fleet.behave(None, kind, **fields)
    assert [server["behavior"] for server in fleet.program.servers()] == [kind] * 4


def test_whole_numbers_are_rates_too(fleet: Fleet) -> None:
    """A rate may be written without a decimal point."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=100, num_tokens=2)
    assert len(pieces(CHAT, fleet.ask(CHAT))) == 2


def test_default_rate(fleet: Fleet) -> None:
    """Without a rate, tokens come at 65 a second."""
    fleet.behave(fleet.port, "Normal", num_tokens=40)
    answer = fleet.ask(CHAT)
    spread = answer.last_at - answer.first_at
    assert 0.9 * 39 / 65 < spread < 1.5 * 39 / 65, spread


def test_default_timeout_after_headers_is_long(fleet: Fleet) -> None:
    """Without `timeout_ms` the silence outlasts any test (it is a minute)."""
    fleet.behave(fleet.port, "TimeoutAfterHeaders")
    answer = fleet.ask(CHAT, silence=1.5)
    assert (answer.ended, answer.status) == (Ended.SILENT, 200), answer


def test_models_replace_the_list(fleet: Fleet) -> None:
    """`/models` replaces the list of one server; names are shown as given in `/status`."""
    body = {"port": fleet.port, "models": [MODEL_A, {**MODEL_A, "name": "b:7b"}]}
    assert fleet.accepted("POST", "/models", body) == {"status": "ok"}
    assert fleet.status(fleet.port)["installed_models"] == ["qwen3-32b", "b:7b"]
    assert fleet.status(fleet.ports[1])["installed_models"] == ["test-model:latest"]
    shown = ask(fleet.port, "GET", "/api/tags").json()["models"]
    assert {model["name"] for model in shown} == {"qwen3-32b:latest", "b:7b"}
    found = next(model for model in shown if model["name"] == "qwen3-32b:latest")
    assert (found["size"], found["digest"]) == (20000000000, "abc...")
    assert found["details"]["family"] == "qwen3"
    assert found["details"]["parameter_size"] == "32.8B"
    assert found["details"]["quantization_level"] == "Q4_K_M"
    fleet.accepted("POST", "/models", {"port": fleet.port, "models": []})
    assert fleet.status(fleet.port)["installed_models"] == []
    assert ask(fleet.port, "GET", "/api/tags").json() == {"models": []}


@pytest.mark.parametrize(
    "media", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_models_take_any_content_type(fleet: Fleet, media: str | None) -> None:
    """The content type of `/models` does not matter, and may be absent."""
    body = json.dumps({"port": fleet.port, "models": [MODEL_A]}).encode()
    headers = {} if media is None else {"Content-Type": media}
    answer = fleet.control("POST", "/models", body, headers)
    assert (answer.status, answer.json()) == (200, {"status": "ok"}), answer
    assert fleet.status(fleet.port)["installed_models"] == ["qwen3-32b"]


def test_loaded_model(fleet: Fleet) -> None:
    """`/loaded-model` sets and clears the hot model, as `/status` and `/api/ps` show."""
    body: dict[str, Any] = {"port": fleet.port, "model": "test-model:latest"}
    assert fleet.accepted("POST", "/loaded-model", body) == {"status": "ok"}
    assert fleet.status(fleet.port)["loaded_model"] == "test-model:latest"
    assert fleet.status(fleet.ports[1])["loaded_model"] is None
    loaded = ask(fleet.port, "GET", "/api/ps").json()["models"]
    assert [model["name"] for model in loaded] == ["test-model:latest"]
    assert fleet.accepted("POST", "/loaded-model", {**body, "model": None}) == {"status": "ok"}
    assert fleet.status(fleet.port)["loaded_model"] is None
    assert ask(fleet.port, "GET", "/api/ps").json() == {"models": []}


@pytest.mark.parametrize(
    "path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/v1/embeddings"]
)
def test_inference_and_embedding_load_the_model(fleet: Fleet, path: str) -> None:
    """Whatever needs the model marks it as loaded."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=1)
    body = {"model": MODEL, "stream": False, "prompt": "a", "input": "a"}
    body["messages"] = [{"role": "user", "content": "a"}]
    assert ask(fleet.port, "POST", path, body).status == 200
    assert fleet.status(fleet.port)["loaded_model"] == "test-model:latest"
    assert len(ask(fleet.port, "GET", "/api/ps").json()["models"]) == 1


def test_request_count(fleet: Fleet) -> None:
    """`/request-count/{port}` has exactly these two members."""
    ask(fleet.port, "GET", "/")
    shown = fleet.accepted("GET", f"/request-count/{fleet.port}")
    assert shown == {"port": fleet.port, "request_count": 1}
    other = fleet.accepted("GET", f"/request-count/{fleet.ports[1]}")
    assert other == {"port": fleet.ports[1], "request_count": 0}


@pytest.mark.parametrize("body", [None, b"", {}, {"clear_counters": False}])
def test_reset_keeps_counters(fleet: Fleet, body: Body) -> None:
    """`/reset` brings back everything but the counters."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=2)
    fleet.ask(CHAT_WHOLE)
    fleet.accepted("POST", "/models", {"port": fleet.port, "models": [MODEL_A]})
    fleet.accepted("POST", "/loaded-model", {"port": fleet.port, "model": "qwen3-32b"})
    fleet.behave(None, "ConnectionRefused")
    assert fleet.accepted("POST", "/reset", body) == {"status": "ok"}
    shown = fleet.status(fleet.port)
    assert shown["behavior"] == "Normal"
    assert shown["accepting_connections"] is True
    assert shown["installed_models"] == ["test-model:latest"]
    assert shown["loaded_model"] is None
    assert shown["request_count"] == 1
    assert fleet.tokens(fleet.port) == []
    assert len(pieces(CHAT, fleet.ask(CHAT))) == 20, "the parameters of Normal are back as well"


def test_reset_clears_counters_when_asked(fleet: Fleet) -> None:
    """`clear_counters` sets all counts to zero."""
    for port in fleet.ports:
        ask(port, "GET", "/")
    assert fleet.accepted("POST", "/reset", {"clear_counters": True}) == {"status": "ok"}
    assert [server["request_count"] for server in fleet.program.servers()] == [0] * 4


# --- the KV cache --------------------------------------------------------------------------


def test_reset_ends_what_nobody_waits_for(fleet: Fleet) -> None:
    """Who sends a request and leaves at once is never answered, and would hang for ever."""
    port = fleet.program.ports[0]
    for _ in range(20):
        fleet.open(CHAT_WHOLE, port).close()
    # When this is answered, the others were seen leaving.
    fleet.ask(CHAT_WHOLE, port)
    assert fleet.program.status(port)["active_request_count"] > 0
    fleet.program.accepted("POST", "/reset")
    fleet.program.await_active(port, 0)
    assert fleet.program.status(port)["active_request_count"] == 0


def test_kv_cache_is_empty_at_the_start(fleet: Fleet) -> None:
    """A new server has no tokens in its cache."""
    for port in fleet.ports:
        shown = fleet.accepted("GET", f"/kv-cache/{port}")
        assert shown == {"port": port, "token_count": 0, "tokens": []}


def test_kv_cache_holds_prompt_and_answer(fleet: Fleet) -> None:
    """Each message begins with its role's marker; the answer follows `<|assistant|>`."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=7)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello,  big-world!\n\tOne\ntwo 3.5"},
    ]
    answer = ask(
        fleet.port, "POST", "/api/chat", {"model": MODEL, "messages": messages, "stream": False}
    )
    shown = fleet.accepted("GET", f"/kv-cache/{fleet.port}")
    assert list(shown) == ["port", "token_count", "tokens"]
    assert shown["port"] == fleet.port
    assert shown["token_count"] == len(shown["tokens"])
    prompt = [
        *["<|system|>", "Be", " ", "brief", "."],
        *["<|user|>", "Hello", ",", " ", " ", "big", "-", "world", "!"],
        *["One", "two", " ", "3", ".", "5"],
        "<|assistant|>",
    ]
    assert shown["tokens"][: len(prompt)] == prompt
    said = answer.json()["message"]["content"]
    assert shown["tokens"][len(prompt) :] == split(said), said
    assert fleet.tokens(fleet.ports[1]) == []


def test_kv_cache_holds_the_last_conversation_only(fleet: Fleet) -> None:
    """A request replaces what the one before had left."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=2)
    fleet.ask(CHAT_WHOLE.saying("first things"))
    fleet.ask(CHAT_WHOLE.saying("second things"))
    tokens = fleet.tokens(fleet.port)
    assert tokens[:5] == ["<|user|>", "second", " ", "things", "<|assistant|>"]
    assert tokens.count("<|user|>") == 1


def test_kv_cache_clear(fleet: Fleet) -> None:
    """One server's cache is cleared, or all servers'."""
    fleet.behave(None, "Normal", tokens_per_sec=500.0, num_tokens=2)
    for port in fleet.ports:
        fleet.ask(CHAT_WHOLE, port)
        assert fleet.tokens(port)
    answer = fleet.accepted("POST", "/kv-cache/clear", {"port": fleet.port})
    assert answer == {"status": "ok"}
    assert [bool(fleet.tokens(port)) for port in fleet.ports] == [False, True, True, True]
    fleet.accepted("POST", "/kv-cache/clear", {"port": {"all": True}})
    assert [fleet.tokens(port) for port in fleet.ports] == [[]] * 4


@pytest.mark.parametrize("cell", [GENERATE_WHOLE, COMPLETIONS_WHOLE, MESSAGES_WHOLE])
def test_only_native_chat_touches_the_kv_cache(fleet: Fleet, cell: Any) -> None:
    """No other endpoint reads or writes the cache."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=2)
    fleet.ask(CHAT_WHOLE.saying("kept as it is"))
    before = fleet.tokens(fleet.port)
    assert fleet.ask(cell.saying("something else")).status == 200
    body = {"model": MODEL, "input": "something else", "prompt": "something else"}
    for path in ("/api/embed", "/api/embeddings", "/v1/embeddings"):
        assert ask(fleet.port, "POST", path, body).status == 200
    assert fleet.tokens(fleet.port) == before


def test_an_aborted_answer_is_cached_as_far_as_it_came(fleet: Fleet) -> None:
    """What was never generated is not in the cache."""
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=3, tokens_per_sec=100.0)
    answer = fleet.ask(CHAT.saying("hello"))
    assert answer.ended is Ended.RESET
    fleet.await_active(fleet.port, 0)
    tokens = fleet.tokens(fleet.port)
    assert tokens[:3] == ["<|user|>", "hello", "<|assistant|>"]
    said = split("".join(pieces(CHAT, answer)))
    kept = tokens[3:]
    assert kept[: len(said)] == said
    # The engine may have been one token ahead of the wire when it was stopped.
    assert len(kept) <= len(said) + 2


# --- the manual's curl lines ---------------------------------------------------------------

CURL_LINES = {
    "hang": """\
curl -X POST http://127.0.0.1:11500/behavior \\
  -H "Content-Type: application/json" \\
  -d '{"port": 11501, "behavior": {"type": "Hang"}}'
""",
    "fail-mid-stream": """\
curl -X POST http://127.0.0.1:11500/behavior \\
  -H "Content-Type: application/json" \\
  -d '{"port": 11501, "behavior": {"type": "FailMidStream", "tokens_before_fail": 5, \
"tokens_per_sec": 50.0}}'
""",
    "normal": """\
curl -X POST http://127.0.0.1:11500/behavior \\
  -H "Content-Type: application/json" \\
  -d '{"port": 11501, "behavior": {"type": "Normal", "tokens_per_sec": 70.0, \
"num_tokens": 20, "load_delay_ms": 0}}'
""",
    "all": """\
curl -X POST http://127.0.0.1:11500/behavior \\
  -H "Content-Type: application/json" \\
  -d '{"port": {"all": true}, "behavior": {"type": "Normal"}}'
""",
    "kv-cache": """\
curl http://127.0.0.1:11500/kv-cache/11501
""",
    "kv-cache-clear": """\
curl -X POST http://127.0.0.1:11500/kv-cache/clear \\
  -H "Content-Type: application/json" \\
  -d '{"port": 11501}'
""",
    "kv-cache-clear-all": """\
curl -X POST http://127.0.0.1:11500/kv-cache/clear \\
  -H "Content-Type: application/json" \\
  -d '{"port": {"all": true}}'
""",
    "rates": """\
curl -X POST http://127.0.0.1:11500/behavior \\
  -H "Content-Type: application/json" \\
  -d '{
    "port": 11501,
    "behavior": {
      "type": "Normal",
      "tokens_per_sec": 65.0,
      "prompt_eval_tokens_per_sec": 2900.0,
      "num_tokens": 20,
      "load_delay_ms": 0
    }
  }'
""",
    "models-a": """\
curl -X POST http://127.0.0.1:11500/models -d '{
  "port": 11501,
  "models": [{"name": "qwen3-32b", "size": 20000000000, "digest": "abc...",
              "family": "qwen3", "parameter_size": "32.8B", "quantization_level": "Q4_K_M"}]
}'
""",
    "models-b": """\
curl -X POST http://127.0.0.1:11500/models -d '{
  "port": 11502,
  "models": [{"name": "gpt-oss:20b", "size": 12000000000, "digest": "def...",
              "family": "gpt", "parameter_size": "20B", "quantization_level": "Q4_K_M"}]
}'
""",
    "loaded-model": """\
curl -X POST http://127.0.0.1:11500/loaded-model -d '{
  "port": 11501,
  "model": "qwen3-32b"
}'
""",
}


def curl(fleet: Fleet, name: str) -> Any:
    """Run a line of the manual with our ports in it, and return the document it prints."""
    line = CURL_LINES[name]
    ours = {11500: fleet.program.control_port, 11501: fleet.ports[0], 11502: fleet.ports[1]}
    line = re.sub(r"\b1150[0-2]\b", lambda match: str(ours[int(match[0])]), line)
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "curl"
    extra = ["--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}"]
    ran = subprocess.run([*words, *extra], capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 0, ran.stderr
    document, _, status = ran.stdout.rpartition("\n")
    assert status == "200", ran.stdout
    return json.loads(document)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
class TestCurl:
    """The lines of the manual, run as they are printed."""

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("hang", "Hang"),
            ("fail-mid-stream", "FailMidStream"),
            ("normal", "Normal"),
            ("rates", "Normal"),
        ],
    )
    def test_behaviour(self, fleet: Fleet, name: str, kind: str) -> None:
        """A behaviour set by curl holds for the one server."""
        fleet.behave(None, "ModelNotFound", model_name="x")
        assert curl(fleet, name) == {"status": "ok"}
        assert fleet.status(fleet.port)["behavior"] == kind
        assert fleet.status(fleet.ports[1])["behavior"] == "ModelNotFound"

    def test_fail_mid_stream_strikes(self, fleet: Fleet) -> None:
        """The five tokens of the manual are five tokens."""
        curl(fleet, "fail-mid-stream")
        answer = fleet.ask(CHAT)
        assert answer.ended is Ended.RESET
        assert len(pieces(CHAT, answer)) == 5

    def test_all_servers(self, fleet: Fleet) -> None:
        """The line for all servers concerns all servers."""
        fleet.behave(None, "Hang")
        assert curl(fleet, "all") == {"status": "ok"}
        assert [server["behavior"] for server in fleet.program.servers()] == ["Normal"] * 4

    def test_kv_cache(self, fleet: Fleet) -> None:
        """The cache is shown and cleared."""
        for port in fleet.ports[:2]:
            fleet.ask(CHAT_WHOLE.limited(2), port)
        shown = curl(fleet, "kv-cache")
        assert shown["port"] == fleet.port
        assert shown["tokens"][0] == "<|user|>"
        assert curl(fleet, "kv-cache-clear") == {"status": "ok"}
        assert curl(fleet, "kv-cache")["token_count"] == 0
        assert fleet.tokens(fleet.ports[1])
        assert curl(fleet, "kv-cache-clear-all") == {"status": "ok"}
        assert fleet.tokens(fleet.ports[1]) == []

    def test_heterogeneous_servers(self, fleet: Fleet) -> None:
        """The three lines without a content type make two different servers."""
        assert curl(fleet, "models-a") == {"status": "ok"}
        assert curl(fleet, "models-b") == {"status": "ok"}
        assert curl(fleet, "loaded-model") == {"status": "ok"}
        first, second = fleet.status(fleet.ports[0]), fleet.status(fleet.ports[1])
        assert first["installed_models"] == ["qwen3-32b"]
        assert first["loaded_model"] == "qwen3-32b"
        assert second["installed_models"] == ["gpt-oss:20b"]
        assert second["loaded_model"] is None


# --- bad input -----------------------------------------------------------------------------


def refusal(fleet: Fleet, method: str, path: str, body: Body, *words: str) -> Answer:
    """Send bad input: the answer is a 4xx in JSON with these words, and nothing changed.

    A word may be a choice of several, separated by bars.
    """
    before = everything(fleet)
    answer = fleet.control(method, path, body, {"Content-Type": "application/json"})
    assert 400 <= answer.status < 500, answer
    assert (answer.header("Content-Type") or "").startswith(
        ("application/json", "application/problem+json")
    )
    assert isinstance(answer.json(), dict), answer
    said = json.dumps(answer.json(), ensure_ascii=False).lower()
    missing = [w for w in words if not any(c.lower() in said for c in w.split("|"))]
    assert missing == [], f"{method} {path} {body!r} is answered without {missing}: {answer.text}"
    assert everything(fleet) == before
    return answer


def wrong_values(value: Any) -> list[Any]:
    """Return values of the wrong type for a field which takes this one."""
    if isinstance(value, str):
        return [5, None, ["x"], {}]
    if isinstance(value, float):
        return ["fast", None, [], {}, True]
    return ["5", None, [], {}, 1.5, -1, True]


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_missing_field(fleet: Fleet, kind: str, name: str) -> None:
    """A required field which is absent is named."""
    fields = {key: value for key, value in COMPLETE[kind].items() if key != name}
    body = {"port": fleet.port, "behavior": {"type": kind, **fields}}
    refusal(fleet, "POST", "/behavior", body, name, "missing|required")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (kind, name, wrong)
        for kind, fields in COMPLETE.items()
        for name, value in fields.items()
        for wrong in wrong_values(value)
    ],
)
def test_wrong_type(fleet: Fleet, kind: str, name: str, value: Any) -> None:
    """A field of the wrong type, or a negative count, is named with what it takes."""
    behaviour = {"type": kind, **COMPLETE[kind], name: value}
    right = {str: "str", float: "float|number", int: "int|number|>= 0"}
    hint = right[type(COMPLETE[kind][name])]
    body = {"port": fleet.port, "behavior": behaviour}
    refusal(fleet, "POST", "/behavior", body, name, hint)


@pytest.mark.parametrize("value", [0, 99, 1000, 70000])
@pytest.mark.parametrize("kind", ["HttpError", "Custom"])
def test_impossible_status(fleet: Fleet, kind: str, value: int) -> None:
    """A status that no HTTP answer can have is refused."""
    behaviour = {"type": kind, **COMPLETE[kind], "status_code": value}
    body = {"port": fleet.port, "behavior": behaviour}
    refusal(fleet, "POST", "/behavior", body, "status_code")


@pytest.mark.parametrize("kind", ["Nope", "normal", "", "FailMidstream"])
def test_unknown_behaviour(fleet: Fleet, kind: str) -> None:
    """An unknown behaviour is named, and so are the known ones."""
    body = {"port": fleet.port, "behavior": {"type": kind}}
    refusal(fleet, "POST", "/behavior", body, "type", kind, *BEHAVIOURS)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({}, ("type",)),
        ({"type": 5}, ("type", "str")),
        ({"type": None}, ("type", "str")),
        ("Hang", ("behavior", "object")),
        (None, ("behavior", "object")),
        ([], ("behavior", "object")),
    ],
)
def test_malformed_behaviour(fleet: Fleet, behaviour: Any, words: tuple[str, ...]) -> None:
    """A behaviour that is no object with a `type` is refused."""
    body = {"port": fleet.port, "behavior": behaviour}
    refusal(fleet, "POST", "/behavior", body, *words)


ROUTES: dict[str, dict[str, Any]] = {
    "/behavior": {"behavior": {"type": "Hang"}},
    "/models": {"models": []},
    "/loaded-model": {"model": "test-model:latest"},
    "/kv-cache/clear": {},
}


@pytest.mark.parametrize("path", ROUTES)
def test_unknown_port_in_the_body(fleet: Fleet, path: str) -> None:
    """A port of no server is a 404 which names the ports there are."""
    fleet.ask(CHAT_WHOLE.limited(1))
    body = {"port": 1, **ROUTES[path]}
    answer = refusal(fleet, "POST", path, body, "port", str(fleet.ports[0]))
    assert answer.status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/request-count"), ("GET", "/kv-cache"), ("POST", "/cancel")]
)
def test_port_in_the_path(fleet: Fleet, method: str, path: str) -> None:
    """A port of no server is a 404, and what is no port at all a 4xx."""
    answer = refusal(fleet, method, f"{path}/1", None, "port", str(fleet.ports[0]))
    assert answer.status == 404
    refusal(fleet, method, f"{path}/many", None, "port", "int|number")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "port", ["11501", None, 1.5, True, [], {}, {"all": False}, {"all": "yes"}, {"any": True}]
)
def test_malformed_port(fleet: Fleet, path: str, port: Any) -> None:
    """What is neither a port nor `{"all": true}` is refused."""
    fleet.ask(CHAT_WHOLE.limited(1))
    body = {"port": port, **ROUTES[path]}
    refusal(fleet, "POST", path, body, "port|all", "int|number|all|true")


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/behavior", {"behavior": {"type": "Hang"}}, "port"),
        ("/behavior", {"port": "HERE"}, "behavior"),
        ("/models", {"models": []}, "port"),
        ("/models", {"port": "HERE"}, "models"),
        ("/loaded-model", {"model": None}, "port"),
        ("/kv-cache/clear", {}, "port"),
    ],
)
def test_missing_member(fleet: Fleet, path: str, body: dict[str, Any], name: str) -> None:
    """A missing member of the body is named."""
    body = {key: fleet.port if value == "HERE" else value for key, value in body.items()}
    refusal(fleet, "POST", path, body, name, "missing|required")


@pytest.mark.parametrize("name", MODEL_A)
def test_malformed_model(fleet: Fleet, name: str) -> None:
    """A model without one of its members, or with a wrong one, is refused and named."""
    lacking = {key: value for key, value in MODEL_A.items() if key != name}
    body = {"port": fleet.port, "models": [MODEL_A, lacking]}
    refusal(fleet, "POST", "/models", body, name, "missing|required")
    body = {"port": fleet.port, "models": [MODEL_A, {**MODEL_A, name: []}]}
    refusal(fleet, "POST", "/models", body, name, "int|number" if name == "size" else "str")


@pytest.mark.parametrize("models", [None, "x", {}, 5, ["x"], [None]])
def test_malformed_models(fleet: Fleet, models: Any) -> None:
    """A list of models that is none is refused."""
    body = {"port": fleet.port, "models": models}
    refusal(fleet, "POST", "/models", body, "models", "array|list|object")


@pytest.mark.parametrize("model", [5, [], {}, True])
def test_malformed_loaded_model(fleet: Fleet, model: Any) -> None:
    """The loaded model is a name or null."""
    body = {"port": fleet.port, "model": model}
    refusal(fleet, "POST", "/loaded-model", body, "model", "str", "null")


@pytest.mark.parametrize("value", [5, "yes", None, []])
def test_malformed_reset(fleet: Fleet, value: Any) -> None:
    """`clear_counters` is true or false; otherwise nothing is reset."""
    fleet.behave(fleet.port, "Hang")
    refusal(fleet, "POST", "/reset", {"clear_counters": value}, "clear_counters", "bool")


@pytest.mark.parametrize("path", [*ROUTES, "/reset"])
@pytest.mark.parametrize(
    "body", [b"not json", b'{"port": ', b"\xff\xfe", b"[]", b'"x"', b"5", b'{"port": 1,}']
)
def test_not_a_json_object(fleet: Fleet, path: str, body: bytes) -> None:
    """A body that is no JSON, or no object, is refused."""
    fleet.behave(fleet.port, "Hang")
    refusal(fleet, "POST", path, body, "json|object|utf-8|malformed")


@pytest.mark.parametrize("path", ROUTES)
def test_empty_body(fleet: Fleet, path: str) -> None:
    """Nothing at all is refused where something is needed."""
    refusal(fleet, "POST", path, b"", "json|body|empty|object|missing|required")
    refusal(fleet, "POST", path, None, "json|body|empty|object|missing|required")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no-such-route", 404),
        ("GET", "/behavior", 405),
        ("POST", "/status", 405),
        ("GET", "/reset", 405),
        ("GET", "/kv-cache/clear/x", 404),
        ("DELETE", "/health", 405),
    ],
)
def test_unknown_routes_and_methods(fleet: Fleet, method: str, path: str, status: int) -> None:
    """What is not there is said to be not there, in JSON."""
    answer = refusal(fleet, method, path, None)
    assert answer.status == status


def test_control_answers_while_all_servers_hang(fleet: Fleet) -> None:
    """The control API does not depend on how the servers fare."""
    fleet.behave(None, "Hang")
    for port in fleet.ports:
        for _ in range(5):
            fleet.open(CHAT, port)
    for port in fleet.ports:
        fleet.await_active(port, 5)
    assert fleet.accepted("GET", "/health") == {"status": "ok"}
    fleet.accepted("POST", "/reset")


def test_concurrent_changes_do_not_mix(fleet: Fleet) -> None:
    """Many changes at once leave every server in one of the states asked for."""
    with ThreadPoolExecutor(8) as pool:
        kinds = [BEHAVIOURS[turn % len(BEHAVIOURS)] for turn in range(80)]
        jobs = [
            pool.submit(fleet.behave, fleet.ports[turn % 4], kind, **COMPLETE[kind])
            for turn, kind in enumerate(kinds)
        ]
        for job in jobs:
            job.result(timeout=20)
    shown = [server["behavior"] for server in fleet.program.servers()]
    assert set(shown) <= set(BEHAVIOURS)
    fleet.accepted("POST", "/reset")
    assert [server["behavior"] for server in fleet.program.servers()] == ["Normal"] * 4
