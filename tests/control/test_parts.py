"""What single servers have, over the control API: behaviour, models, scripts, cache, requests."""

from __future__ import annotations

from typing import Any

from ollama_simulator import records
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.normal import Normal
from tests.control.api import Api, controlled
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, until

MODEL = {
    "name": "qwen3:32b",
    "size": 20_000_000_000,
    "digest": "030ee887880f",
    "family": "qwen3",
    "parameter_size": "32.8B",
    "quantization_level": "Q4_K_M",
}


async def chat(api: Api, name: str = "s1", words: str = "Hi") -> Any:
    """The answer to a chat."""
    port = api.fleet.named(name).listener.port
    messages = [{"role": "user", "content": words}]
    body = {"model": "test-model", "messages": messages, "stream": False}
    answer = await api.client.post(f"http://127.0.0.1:{port}/api/chat", json=body)
    return answer.json()


@on_each_loop
async def test_behaviour() -> None:
    """It is what is shown; rules end."""
    async with controlled() as api:
        await api("POST", "/servers/s1/rules", {"fault": {"type": "EmptyReply"}})
        done = await api("PUT", "/servers/s3,s1/behavior", {"type": "Hang"})
        assert done == (200, {"servers": ["s3", "s1"]})
        behaviors = [server.behavior for server in api.fleet.servers.values()]
        assert behaviors == [Hang(), Normal(), Hang()]
        assert await api("GET", "/servers/s1/behavior") == (200, {"type": "Hang"})
        assert api.fleet.named("s1").rules == []


@on_each_loop
async def test_models() -> None:
    """What is read can be set again."""
    async with controlled() as api:
        done = await api("PUT", "/servers/s1/models", {"models": [MODEL]})
        assert done == (200, {"servers": ["s1"]})
        assert api.fleet.named("s1").store.names == ["qwen3:32b"]
        status, shown = await api("GET", "/servers/s1/models")
        assert (status, {key: shown["models"][0][key] for key in MODEL}) == (200, MODEL)
        await api("PUT", "/servers/all/models", shown)
        stores = [server.store.models for server in api.fleet.servers.values()]
        assert stores[1] == stores[2] == stores[0]


@on_each_loop
async def test_loaded_model() -> None:
    async with controlled() as api:
        assert await api("GET", "/servers/s1/loaded-model") == (200, {"model": None})
        await api("PUT", "/servers/s1,s2/loaded-model", {"model": "test-model"})
        shown = await api("GET", "/servers/s1/loaded-model")
        assert shown == (200, {"model": "test-model:latest"})
        assert api.fleet.named("s3").loaded_model is None
        await api("PUT", "/servers/all/loaded-model", {"model": None})
        assert api.fleet.named("s2").loaded_model is None


@on_each_loop
async def test_scripts() -> None:
    async with controlled() as api:
        script = {"contains": "weather", "answer": [{"content": "Sunny."}]}
        await api("PUT", "/servers/s2/scripts", {"scripts": [script]})
        assert (await chat(api, "s2", "the weather?"))["message"]["content"] == "Sunny."
        status, shown = await api("GET", "/servers/s2/scripts")
        assert (status, shown["used"], shown["scripts"][0]["contains"]) == (200, [1], "weather")
        assert (await api("GET", "/servers/s1/scripts"))[1] == {"scripts": [], "used": []}


@on_each_loop
async def test_kv_cache() -> None:
    async with controlled() as api:
        for name in ("s1", "s2"):
            await chat(api, name)
        _, shown = await api("GET", "/servers/s1/kv-cache")
        assert shown["tokens"][:2] == ["<|user|>", "Hi"]
        assert shown["token_count"] == len(shown["tokens"])
        assert await api("DELETE", "/servers/s1/kv-cache") == (200, {"servers": ["s1"]})
        assert (await api("GET", "/servers/s1/kv-cache"))[1] == {"token_count": 0, "tokens": []}
        assert (await api("GET", "/servers/s2/kv-cache"))[1]["token_count"] > 0


@on_each_loop
async def test_cancelling() -> None:
    async with controlled() as api:
        await api("PUT", "/servers/all/behavior", {"type": "Hang"})
        peers = [await Peer.connect(port) for port in api.fleet.ports]
        for peer in peers:
            await peer.ask("/api/tags")
        await until(lambda: len(api.fleet.journal.where(records.Asked)) == 3)
        assert await api("POST", "/servers/s1,s2/cancel") == (200, {"cancelled": 2})
        assert await api("POST", "/servers/all/cancel") == (200, {"cancelled": 1})
        for peer in peers:
            _, how = await peer.rest()
            assert how.value == "rst"
            async with peer:
                pass


BAD: list[tuple[str, Any, str, str]] = [
    ("behavior", {"type": "Hangs"}, "#/type", "did you mean Hang?"),
    ("behavior", {}, "#", "`type` is missing"),
    ("behavior", {"type": "FailMidStream"}, "#", "`tokens_before_fail` is missing"),
    ("models", {"models": [MODEL, MODEL]}, "#/models/1/name", "stands twice"),
    ("models", {"models": [{**MODEL, "name": "a b"}]}, "#/models/0/name", "no model name"),
    ("models", {"models": [{**MODEL, "size": "4"}]}, "#/models/0/size", "whole number"),
    ("models", [MODEL], "#", "object"),
    ("loaded-model", {"model": "a b"}, "#/model", "no model name"),
    ("loaded-model", {}, "#", "`model` is missing"),
    ("scripts", {"scripts": [{"contain": "x"}]}, "#/scripts/0/contain", "did you mean contains?"),
]


@on_each_loop
async def test_what_cant_be_set() -> None:
    async with controlled() as api:
        for part, body, pointer, hint in BAD:
            told = await api.problem(400, "BadBody", "PUT", f"/servers/all/{part}", body)
            assert told["errors"][0]["pointer"] == pointer, body
            assert hint in told["errors"][0]["detail"], body
        for part in ("behavior", "models", "loaded-model", "scripts", "kv-cache"):
            await api.problem(404, "UnknownServer", "GET", f"/servers/s9/{part}")
            await api.problem(404, "UnknownServer", "GET", f"/servers/all/{part}")
        assert not api.fleet.journal.records
