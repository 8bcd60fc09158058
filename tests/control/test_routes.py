"""What is nothing of the control API's: paths, methods, bodies and queries that can't be."""

from __future__ import annotations

import msgspec

from ollama_simulator.control.api import OPERATIONS
from tests.control.api import controlled
from tests.net.loops import on_each_loop
from tests.net.peers import Peer

PATHS = sorted({operation.path for operation in OPERATIONS})


@on_each_loop
async def test_an_unknown_path() -> None:
    """Under the newer routes it is a problem; elsewhere it is what it was."""
    async with controlled() as api:
        for path in ("/servers/s1/nothing", "/fleet/x", "/journal/stream/x", "/servers/a/b/c/d"):
            told = await api.problem(404, "UnknownRoute", "GET", path)
            assert path in told["detail"]
        assert await api("GET", "/nothing") == (404, {"error": "GET /nothing: Not Found"})


@on_each_loop
async def test_an_unknown_method() -> None:
    """`Allow` tells those there are."""
    async with controlled() as api:
        for path in PATHS:
            place = path.replace("{name}", "s1").replace("{id}", "1")
            own = {operation.method for operation in OPERATIONS if operation.path == path}
            answer = await api.client.request("TRACE", place)
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == own | {"OPTIONS"}
            assert answer.json()["type"].endswith("/WrongMethod")
            assert answer.json()["instance"] == place
            told = await api.client.options(place)
            assert (told.status_code, told.headers["allow"]) == (204, answer.headers["allow"])


@on_each_loop
async def test_slashes_more_or_less() -> None:
    """Neither at the end nor in a row they make another path."""
    async with controlled() as api:
        for path in ("/servers/s1", "/servers/s1/", "/servers//s1"):
            assert (await api("GET", path))[1]["name"] == "s1"


@on_each_loop
async def test_a_body_that_is_too_large() -> None:
    async with controlled() as api:
        body = b" " * 10_000_001
        told = await api.problem(413, "TooLarge", "POST", "/servers/all/rules", body)
        assert "10 MB" in told["detail"]
        words = {"error": "POST /reset: the body is larger than 10 MB"}
        assert await api("POST", "/reset", body) == (413, words)


@on_each_loop
async def test_a_body_that_does_not_say_how_large_it_is() -> None:
    """It is read until it is too large, and no further."""
    head = b"POST /reset HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
    async with controlled() as api, await Peer.connect(api.port) as peer:
        await peer.send(head + 11 * piece)
        assert (await peer.until(b"larger than 10 MB")).startswith(b"HTTP/1.1 413 ")


BAD_QUERIES = [
    ("since=x", "since", "int"),
    ("since=-1", "since", "0"),
    ("limit=0", "limit", "1"),
    ("limit=10001", "limit", "10000"),
    ("sinc=3", "sinc", "did you mean since?"),
    ("since=1&since=2", "since", "twice"),
    ("kind=Finish", "kind", "Finished"),
    ("exchange=seven", "exchange", "number"),
    (f"exchange={'9' * 5000}", "exchange", "number"),
]


@on_each_loop
async def test_queries_that_cant_be_meant() -> None:
    async with controlled() as api:
        for path in ("/journal", "/journal/stream"):
            for query, parameter, hint in BAD_QUERIES:
                told = await api.problem(400, "BadQuery", "GET", f"{path}?{query}")
                (error,) = told["errors"]
                assert error["parameter"] == parameter
                if path == "/journal" or parameter != "limit":
                    assert hint in error["detail"]


@on_each_loop
async def test_pages_of_other_origins_change_nothing() -> None:
    """Neither by the newer routes nor by the older ones, and as little by simple requests, for
    which a browser asks nobody; scripts, the dashboard and whoever only looks are let through."""
    async with controlled() as api:
        own = f"http://{api.client.base_url.host}:{api.port}"
        evil = "http://evil.example"
        hang = {"type": "Hang"}
        wishes = (
            ("POST", "/servers/s1/rules", {"fault": hang}),
            ("POST", "/behavior", {"port": api.fleet.ports[0], "behavior": hang}),
            ("DELETE", "/servers/s3", None),
        )
        for headers, refused in (
            ({"Origin": evil}, True),
            ({"Origin": "null"}, True),
            ({"Origin": f"http://127.0.0.1:{api.port + 1}"}, True),
            ({"Sec-Fetch-Site": "cross-site"}, True),
            ({"Origin": own, "Sec-Fetch-Site": "same-site"}, True),
            ({"Origin": evil, "Sec-Fetch-Site": "same-origin"}, False),
            ({"Origin": own}, False),
            ({}, False),
        ):
            for method, path, body in wishes:
                answer = await api.client.request(
                    method, path, content=b"" if body is None else msgspec.json.encode(body),
                    headers={"Content-Type": "text/plain", **headers},
                )  # fmt: skip
                assert (answer.status_code == 403) == refused, (headers, path)
                if refused:
                    assert "can't change anything here" in answer.text
                    assert ("/ForeignPage" in answer.text) == path.startswith("/servers")
            if refused:
                assert not api.fleet.journal.records, "nothing has changed"
            await api("POST", "/reset")
            api.fleet.journal.records.clear()
            answer = await api.client.get("/servers", headers=headers)
            assert answer.status_code == 200
