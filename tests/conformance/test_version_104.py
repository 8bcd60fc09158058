"""What the reference balancer reads, compares and lists as version 1.0.4."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act
from ollama_simulator.acts import Body as Sent
from ollama_simulator.conformance.conversing import spoken
from ollama_simulator.conformance.dialect import DIALECTS
from ollama_simulator.conformance.installed_models import model
from ollama_simulator.conformance.reference import listing, wish
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.known import UNTOLD, Known, ask, entries
from ollama_simulator.conformance.reference.wish import Conversation, Wish, key
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.request import Body, Request

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "How are you?"},
]
DIALECTS_OF_CHATS = ("chat", "openai", "responses", "messages")


def wished(path: str, body: bytes, method: str = "POST") -> Wish:
    """What a request is read as."""
    request = Request(
        method,
        path,
        "1.1",
        [],
        Body(None, lambda: None),
        keep_alive=False,
        connection=1,
        abort=lambda: None,
    )
    return wish.read(request, body)


def said(dialect: str, messages: list[dict[str, Any]], **more: Any) -> Conversation:
    """The conversation in a request of a dialect."""
    spelled = DIALECTS[dialect]
    body = spelled.body("m", "", False, 4) | spoken(spelled, messages) | more
    found = wished(spelled.path, json.dumps(body).encode()).conversation
    assert found is not None
    return found


def read(acts: list[Act]) -> Any:
    """The JSON of an answer."""
    return msgspec.json.decode(b"".join(act.data for act in acts if isinstance(act, Sent)))


@pytest.mark.parametrize("dialect", DIALECTS_OF_CHATS)
def test_all_dialects_are_compared_in_one_form(dialect: str) -> None:
    """The same conversation is the same, whoever reads it."""
    assert said(dialect, SAID).messages == said("chat", SAID).messages


@pytest.mark.parametrize(
    ("path", "body", "model_"),
    [
        ("/api/embed", b'{"model": "Thing"}', "thing:latest"),
        ("/api/show?x=1", b'{"name": "thing:7b"}', "thing:7b"),
        ("/v1/embeddings", b'{"model": "thing"}', "thing"),
        ("/api/chat", b"no JSON", None),
        ("/api/chat", b"[1]", None),
        ("/api/chat", b'{"model": 3}', None),
        ("/api/pull", b'{"model": "thing"}', None),
    ],
)
def test_the_model_of_a_request(path: str, body: bytes, model_: str | None) -> None:
    """It is read where it matters; what can't be read has none."""
    assert wished(path, body).model == (None if model_ is None else key(model_))


def test_a_get_wants_no_model() -> None:
    """Whatever its body says."""
    assert wished("/api/chat", b'{"model": "m"}', "GET").model is None


@pytest.mark.parametrize(
    ("held", "asked", "goes_on"),
    [(3, 4, True), (2, 3, False), (3, 7, True), (3, 8, False), (4, 4, False), (4, 10, True)],
)
def test_what_goes_on_with_what(held: int, asked: int, goes_on: bool) -> None:
    """Three messages at least, 40 % at least, and not all."""
    messages = [{"role": "user", "content": str(number)} for number in range(10)]
    long = said("chat", messages[:asked])
    # What is too short to count is not even read.
    short = msgspec.structs.replace(long, messages=long.messages[:held])
    assert long.goes_on(short) is goes_on


def test_entries_of_lists() -> None:
    """What is no list of models is none, and what has no name is left out."""
    assert entries({"models": [{"name": "a"}, {}, 3, {"name": 4}]}) == [{"name": "a"}]
    assert entries({"models": None}) is None
    assert entries([]) is None


def test_a_server_is_asked_and_one_that_is_gone_leaves_what_was_known() -> None:
    """No helper counts as q8_0."""

    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            known = Known(Backend("127.0.0.1", port, "One"))
            assert known.has(key("anything"))
            fleet.install(port, [model("thing:latest")])
            fleet.load(port, "thing")
            await known.look()
            assert known.has(key("THING"))
            assert not known.has(key("anything"))
            assert known.loaded == {key("thing")}
            assert known.kv_cache == UNTOLD
            assert await ask("127.0.0.1", port, "GET", "/nothing") is None
        await known.look()
        assert known.has(key("thing"))
        assert not known.has(key("anything"))

    asyncio.run(main())


def test_lists() -> None:
    """A model that two servers have is told once; two of one name are two."""
    first, second = Known(Backend("h", 1, "One")), Known(Backend("h", 2, "Two"))
    same = {"name": "a:latest", "digest": "1", "modified_at": "2026-01-02T03:04:05.678901234Z"}
    first.installed = {key("a"): same}
    second.installed = {key("a"): same, key("b"): {"name": "u/b:latest", "digest": "2"}}
    union = listing.union((first, second))
    assert [entry["name"] for entry in union] == ["a:latest", "u/b:latest"]
    assert read(listing.tags(union)) == {"models": union}
    listed = read(listing.openai(union))["data"]
    assert [(each["id"], each["owned_by"], each["created"]) for each in listed] == [
        ("a:latest", "library", 1767323045),
        ("u/b:latest", "u", 0),
    ]
    second.installed[key("a")] = same | {"digest": "3"}
    assert len(listing.union((first, second))) == 3


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/chat", ("error",)),
        ("/v1/chat/completions", ("error", "message")),
        ("/v1/messages", ("error", "message")),
    ],
)
def test_nobody_has_it(path: str, place: tuple[str, ...]) -> None:
    """The model is named in the dialect that was spoken."""
    found = read(listing.nobody_has(Wish(path, "thing")))
    for name in place:
        found = found[name]
    assert found == "model 'thing' not found: no server has it"
