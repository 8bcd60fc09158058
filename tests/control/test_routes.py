"""What is nothing of the control API's: paths, methods, bodies and queries that can't be."""

from __future__ import annotations

from ollama_simulator.control.api import OPERATIONS
from tests.control.api import controlled
from tests.net.loops import on_each_loop

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
            assert (await api.client.options(place)).status_code == 204


@on_each_loop
async def test_a_body_that_is_too_large() -> None:
    async with controlled() as api:
        body = b" " * 10_000_001
        told = await api.problem(413, "TooLarge", "POST", "/servers/all/rules", body)
        assert "10 MB" in told["detail"]


BAD_QUERIES = [
    ("since=x", "since", "int"),
    ("since=-1", "since", "0"),
    ("limit=0", "limit", "1"),
    ("limit=10001", "limit", "10000"),
    ("sinc=3", "sinc", "did you mean since?"),
    ("since=1&since=2", "since", "twice"),
    ("kind=Finish", "kind", "Finished"),
    ("exchange=seven", "exchange", "number"),
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
