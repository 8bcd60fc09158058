"""Who is let in to the control API, over sockets: each route, each method."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ollama_simulator.access import Access
from ollama_simulator.control import api as control
from ollama_simulator.control.serve import serving
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from tests.net.loops import on_each_loop

TOKEN = "correct-horse-battery-staple"
TOLD = json.loads(control.description())
BEARER = {"Authorization": f"Bearer {TOKEN}"}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


def places() -> Iterator[str]:
    """Every path, whoever knows of it: routes, the dashboard and its files, and nothing."""
    for path in TOLD["paths"]:
        yield path.replace("{name}", "s1").replace("{id}", "1").replace("{port}", "11501")
    yield from ("/", "/dashboard/js/main.js", "/dashboard/none", "/none", "/servers/s1/none/none")


@asynccontextmanager
async def guarded(access: Access) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    """A fleet whose control API lets in whom `access` says."""
    async with Fleet([0]) as fleet:
        sock = kernel.listen(HOST, 0)
        base = f"http://{HOST}:{sock.getsockname()[1]}"
        async with (
            serving(fleet, sock, fleet._spawn, access),
            httpx.AsyncClient(base_url=base, timeout=15) as client,
        ):
            yield fleet, client


def told(answer: httpx.Response, path: str, kind: str) -> None:
    """Fail if a refusal isn't told as its route tells what is wrong."""
    if answer.request.method == "HEAD":
        assert answer.content == b""
    elif control.is_ours(path):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"/openapi.json#/components/responses/{kind}"
        assert answer.json()["instance"] == path
    else:
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"].startswith(f"{answer.request.method} {path}: ")


# --- names ----------------------------------------------------------------------------------


@on_each_loop
async def test_a_name_that_leads_here_is_refused() -> None:
    """Whatever is asked for, and with the right token, too: a browser that was led here sends what
    a page told it."""
    async with guarded(Access(token=TOKEN)) as (fleet, client):
        for path in places():
            for method in METHODS:
                headers = {"Host": "evil.example:11500", **BEARER}
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 403, (method, path)
                told(answer, path, "ForeignHost")
                if method != "HEAD":
                    assert "--control-name evil.example" in answer.text
        assert not fleet.journal.records


@on_each_loop
async def test_a_name_that_was_given_is_let_in() -> None:
    async with guarded(Access(names=("sim-*",))) as (_, client):
        for host, status in (("sim-0:11500", 200), ("evil.example", 403), ("localhost", 200)):
            answer = await client.get("/fleet", headers={"Host": host})
            assert answer.status_code == status


@on_each_loop
async def test_each_of_several_names_must_be_known() -> None:
    async with guarded(Access()) as (_, client):
        for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
            reader, writer = await asyncio.open_connection(HOST, client.base_url.port)
            names = "".join(f"Host: {host}\r\n" for host in hosts)
            writer.write(f"GET /fleet HTTP/1.1\r\n{names}Connection: close\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
            writer.close()
            await writer.wait_closed()


# --- pages ----------------------------------------------------------------------------------


@on_each_loop
async def test_a_page_of_another_origin_changes_nothing_at_no_path() -> None:
    async with guarded(Access()) as (fleet, client):
        for path in places():
            for method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND"):
                for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
                    answer = await client.request(method, path, headers=headers)
                    assert answer.status_code == 403, (method, path)
                    told(answer, path, "ForeignPage")
        assert not fleet.journal.records


@on_each_loop
async def test_no_answer_may_be_read_by_a_page_of_another_origin() -> None:
    """A browser lets it read what is told with `Access-Control-Allow-Origin`, and asks first
    whether it may send a token."""
    async with guarded(Access()) as (_, client):
        for path in ("/fleet", "/status", "/journal", "/", "/none"):
            for method in ("GET", "OPTIONS"):
                headers = {"Origin": "http://evil.example"}
                if method == "OPTIONS":
                    headers["Access-Control-Request-Method"] = "POST"
                    headers["Access-Control-Request-Headers"] = "authorization"
                answer = await client.request(method, path, headers=headers)
                assert not [name for name in answer.headers if name.startswith("access-control")]


# --- the token ------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"Authorization": "Bearer"}, False),
    ({"Authorization": TOKEN}, False),
    ({"Authorization": f"Basic {TOKEN}"}, False),
    ({"Authorization": f"Bearer {TOKEN} {TOKEN}"}, False),
    ({"Cookie": f"token={TOKEN}"}, False),
    ({"Authorization": f"Bearer {TOKEN}x"}, True),
    ({"Authorization": f"Bearer {TOKEN[:-1]}"}, True),
]


@on_each_loop
async def test_without_the_token_nothing_is_told() -> None:
    """But the page that asks for it, and that the program runs."""
    async with guarded(Access(token=TOKEN)) as (fleet, client):
        for path in places():
            for method in METHODS:
                answer = await client.request(method, path)
                reads = method in ("GET", "HEAD", "OPTIONS")
                if reads and (path in ("/", "/health") or path.startswith("/dashboard/")):
                    assert answer.status_code != 401
                    continue
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer ")
                told(answer, path, "BadToken")
        assert not fleet.journal.records


@on_each_loop
async def test_what_is_no_token() -> None:
    """Where one was sent, it is said that this was the wrong one; it is never told again."""
    async with guarded(Access(token=TOKEN)) as (_, client):
        for wrong, was_sent in WRONG:
            for path in ("/fleet", "/status", "/journal/stream", f"/fleet?token={TOKEN}"):
                answer = await client.get(path, headers=wrong)
                assert answer.status_code == 401
                assert TOKEN not in answer.text.replace(path, "")
                assert ("invalid_token" in answer.headers["www-authenticate"]) is was_sent


@on_each_loop
async def test_two_tokens_are_none() -> None:
    async with guarded(Access(token=TOKEN)) as (_, client):
        headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
        assert (await client.get("/fleet", headers=headers)).status_code == 401


@on_each_loop
async def test_the_token_lets_in() -> None:
    """On loopback, too, if there is one; the name of the scheme is of any case."""
    async with guarded(Access(token=TOKEN)) as (_, client):
        for path in places():
            answer = await client.get(path, headers=BEARER) if "stream" not in path else None
            assert answer is None or answer.status_code in (200, 400, 404, 405), path
        answer = await client.get("/fleet", headers={"Authorization": f"bearer  {TOKEN}"})
        assert answer.status_code == 200
        headers = {**BEARER, "Origin": "http://evil.example"}
        assert (await client.post("/reset", headers=headers)).status_code == 403
        async with client.stream("GET", "/journal/stream?since=0", headers=BEARER) as stream:
            assert stream.status_code == 200


@on_each_loop
async def test_metrics_may_be_open() -> None:
    for opened, status in ((True, 200), (False, 401)):
        async with guarded(Access(token=TOKEN, open_metrics=opened)) as (_, client):
            assert (await client.get("/metrics")).status_code == status
            assert (await client.post("/metrics")).status_code == 401
            assert (await client.get("/status")).status_code == 401


@on_each_loop
async def test_the_description_tells_of_it() -> None:
    """Each route but those that are open may answer 401, and each 403."""
    assert TOLD["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, methods in TOLD["paths"].items():
        for operation in methods.values():
            assert ("401" in operation["responses"]) is (path != "/health")
            assert "403" in operation["responses"]


# --- other servers --------------------------------------------------------------------------


def refused(answer: Any) -> bool:
    """Whether a body was refused for the server that it names."""
    told = answer.json()
    return bool(
        answer.status_code == 400
        and told["errors"][0]["pointer"] == "#/upstream"
        and "only the command line" in told["detail"]
    )


@on_each_loop
async def test_who_is_elsewhere_names_no_other_server() -> None:
    """A token is no way into the network behind the simulator."""
    wide = Access(host="0.0.0.0", token=TOKEN)
    async with guarded(wide) as (_, client):
        body = {"upstream": "http://169.254.169.254"}
        assert refused(await client.post("/servers", json=body, headers=BEARER))
        assert refused(await client.patch("/servers/s1", json=body, headers=BEARER))
        answer = await client.patch("/servers/s1", json={"upstream": None}, headers=BEARER)
        assert answer.status_code == 200
    async with guarded(Access()) as (_, client):
        body = {"upstream": "http://127.0.0.1:9"}
        assert (await client.patch("/servers/s1", json=body)).status_code == 200
