"""Creations that fail: what is said before, with which status, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.registry import remote_url
from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.model import Model, Origin
from tests.engine.registry.working import created, digest_of, layer, model
from tests.engine.registry.writing import gguf

PLAIN = Model("plain", 1000, sha256("plain"), "llama", "8.0B", "Q4_K_M")
MISSING = f"sha256:{'0' * 64}"
NOT_THERE = f"open /m/blobs/sha256-{'0' * 64}: no such file or directory"
TEXT = b"no model"
TORN = gguf({"general.architecture": "llama"})[:40]
LORA = gguf({"general.type": "adapter"})
FILES = {"text": TEXT, "torn": TORN, "lora": LORA}
PARSING = ["parsing GGUF"]


@pytest.mark.parametrize(
    ("fields", "lines", "status", "message"),
    [
        ({}, [], 400, "neither 'from' or 'files' was specified"),
        ({"from": ""}, [], 400, "neither 'from' or 'files' was specified"),
        ({"from": "a b"}, [], 400, "invalid model name"),
        ({"from": "plain:cloud:local"}, [], 400, "invalid model name"),
        ({"from": "x", "remote_host": "::bad"}, [], 400, "bad remote"),
        (
            {"from": "x:cloud", "draft_files": {"a.gguf": MISSING}},
            [],
            400,
            "DRAFT cannot be used with remote models",
        ),
        ({"from": "broken"}, [], 500, "no JSON"),
        ({"files": {}}, [], 400, "unknown type"),
        ({"files": {"a.txt": digest_of(TEXT)}}, [], 400, "unknown type"),
        ({"files": {"a.txt": MISSING}}, [], 400, "unknown type"),
        ({"files": {"a.gguf": "abc"}}, PARSING, 500, "invalid digest format"),
        # Of the older server alone: the newer one looks at digests before all else.
        ({"files": {"a.gguf": ""}}, PARSING, 500, "read /m/blobs: is a directory"),
        ({"files": {"a.txt": ""}}, [], 400, "unknown type"),
        ({"files": {"a.gguf": MISSING}}, PARSING, 500, NOT_THERE),
        (
            {"files": {"a.gguf": digest_of(TEXT)}},
            PARSING,
            400,
            "supplied file was not in GGUF format",
        ),
        ({"files": {"a": digest_of(TORN)}}, PARSING, 500, "unexpected EOF"),
        (
            {"files": {"a.safetensors": digest_of(TEXT)}},
            ["converting model"],
            500,
            "open config.json: no such file or directory",
        ),
        (
            {"files": {"a.safetensors": MISSING, "config.json": MISSING}},
            ["converting model"],
            500,
            "open config.json: no such file or directory",
        ),
        (
            {"files": {"a.safetensors": "abc"}},
            ["converting model"],
            500,
            "invalid digest format",
        ),
        (
            {"files": {"a.safetensors": digest_of(TEXT), "config.json": digest_of(TEXT)}},
            ["converting model"],
            500,
            "unknown architecture",
        ),
        ({"from": "plain", "adapters": {"a.gguf": MISSING}}, PARSING, 400, NOT_THERE),
        (
            {"from": "plain", "adapters": {"a.gguf": MISSING, "b.gguf": MISSING}},
            [],
            400,
            "only one adapter is currently supported",
        ),
        (
            {"from": "bare", "adapters": {"a.safetensors": MISSING}},
            [],
            400,
            "no base model was found",
        ),
        ({"from": "plain", "adapters": {}}, [], 400, "unknown type"),
        (
            {"from": "plain", "template": "{{ .Prompt"},
            [],
            400,
            "template error: template: :1: unclosed action",
        ),
        (
            {"from": "plain", "quantize": "q4_k_m"},
            [],
            500,
            "quantization is only supported for F16, BF16 and F32 models",
        ),
        (
            {"from": "plain", "quantization": "bogus"},
            [],
            500,
            "unsupported quantization type BOGUS - supported types are "
            "F32, F16, Q4_K_S, Q4_K_M, Q8_0",
        ),
        (
            {"from": "plain", "license": 5},
            [],
            500,
            "json: cannot unmarshal number into Go value of type []string",
        ),
        (
            {"from": "plain", "license": {}},
            [],
            500,
            "json: cannot unmarshal object into Go value of type []string",
        ),
        (
            {"from": "plain", "license": ["MIT", True]},
            [],
            500,
            "json: cannot unmarshal bool into Go value of type string",
        ),
    ],
)
def test_refused(fields: dict[str, Any], lines: list[str], status: int, message: str) -> None:
    """All of it is part of the stream, as far as there is one."""
    broken = model("broken", broken="no JSON")
    said, refusal, machine = created(
        fields, models=(PLAIN, broken, model("bare", layer("config", 1))), **FILES
    )
    assert refusal is not None
    assert (refusal.status, refusal.message) == (status, message)
    assert refusal.origin is Origin.RUNNER
    assert said == lines
    assert machine.store.get("new") is None


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"context_length": "x"}, '"context_length" must be a number'),
        ({"context_length": None}, '"context_length" must be a number'),
        ({"embedding_length": True}, '"embedding_length" must be a number'),
        ({"context_length": -1}, '"context_length" must be a non-negative integer'),
        ({"context_length": 1.5}, '"context_length" must be a non-negative integer'),
        ({"model_family": 5, "context_length": "x"}, '"model_family" must be a string'),
        ({"base_name": 5, "parameter_size": 5}, '"base_name" must be a string'),
    ],
)
def test_bad_info(info: dict[str, Any], message: str) -> None:
    """The first bad field in Ollama's order is told, before anything is said of templates."""
    fields = {"from": "plain", "info": info, "template": "{{"}
    said, refusal, _ = created(fields, models=(PLAIN,))
    assert refusal is not None
    assert (said, refusal.status) == ([], 400)
    assert refusal.message == f"info field {message}"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("/base/../x", "http://localhost:11434/x"),
        ("box", "http://box:11434"),
        ("box:80/", "http://box:80"),
        ("HTTPS://box/a//b/", "https://box:11434/a/b"),
        ("ollama.com", "https://ollama.com:443"),
        ("http://ollama.com", "https://ollama.com:443"),
        ("https://ollama.com:443", "https://ollama.com:443"),
        ("http://", "http://localhost:11434"),
        ("[::1]:5", "http://[::1]:5"),
        ("[::1]", "http://[[::1]]:11434"),
        ("box:", "http://box:"),
        ("//box", "http://localhost:11434/box"),
        ("http://box/a b", "http://box:11434/a%20b"),
        ("http://u@box?x=1", "http://u@box:11434?x=1"),
    ],
)
def test_remote_hosts(raw: str, url: str) -> None:
    """Scheme and port are filled in, and the path is cleaned."""
    assert remote_url.completed(raw) == url


@pytest.mark.parametrize(
    "raw", ["::bad", "::1", "box:port", "a b", "1x://b", "http://[::1", "box/%zz"]
)
def test_bad_remote_hosts(raw: str) -> None:
    """What is no address."""
    with pytest.raises(remote_url.BadRemote):
        remote_url.completed(raw)
