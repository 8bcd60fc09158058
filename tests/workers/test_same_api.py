"""A fleet over two workers answers the control API as one in a single process does: the same
requests of both, answer by answer, and the same journal in the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from ollama_simulator.control.api import OPERATIONS
from ollama_simulator.control.described import older
from ollama_simulator.control.operation import Example, Operation
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import ask

LIFE = ("t", "now", "started", "age", "expires_at", "ends_in", "peer", "seconds", "waited")
"""Fields that differ in each run, as time does."""
EXAMPLES = [
    (operation, example)
    for operation in (*OPERATIONS, *older())
    for example in operation.examples
    if operation.media == "application/json" and operation.tag != "Catalogue"
]


class Side:
    """A program, and what is compared of what it says."""

    def __init__(self, *options: str) -> None:
        self.program = Program("--control-port", "0", "--server-ports", "0,0,0", *options)
        url = f"http://127.0.0.1:{self.program.control_port}"
        self.client = httpx.Client(base_url=url, timeout=30)
        self.ports = {port: number for number, port in enumerate(self.program.ports, 1)}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        """Status, document and `Location` of an answer, as far as they are the same in each run.
        Ports stand as 1, 2, … in it, and may in what is asked."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        for port, number in self.ports.items():
            path = path.replace(f"/port{number}", f"/{port}")
            data = data.replace(b"1150%d" % number, b"%d" % port)
        answer = self.client.request(method, path, content=None if body is None else data)
        text = answer.text
        if path == "/servers" and method == "POST" and answer.status_code == 201:
            self.ports[answer.json()["port"]] = int(answer.json()["name"].removeprefix("s"))
        for port, number in self.ports.items():
            text = re.sub(rf"\b{port}\b", f"port{number}", text)
        text = re.sub(r"(?<=[:, \[])port(\d)\b", r"990000\1", text)
        document = json.loads(text) if text else None
        return answer.status_code, steady(document), answer.headers.get("location", "")

    def touch(self, number: int, path: str = "/api/version") -> int:
        """Ask a server."""
        return ask(self.program.ports[number - 1], "GET", path).status


def steady(document: Any) -> Any:
    """A document without what differs in each run, or by the number of workers."""
    if isinstance(document, list):
        found = [steady(each) for each in document]
        # What is told by port is in the order of ports that were free.
        by_port = found and isinstance(found[0], dict) and "active_request_count" in found[0]
        return sorted(found, key=lambda each: each["port"]) if by_port else found
    if isinstance(document, dict):
        left = {k: v for k, v in document.items() if k not in (*LIFE, "worker")}
        return {name: steady(value) for name, value in left.items()}
    return document


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    """One process, and two workers."""
    with ended(Side()) as one, ended(Side("--workers", "2")) as two:
        yield one, two


@contextmanager
def ended(side: Side) -> Iterator[Side]:
    """A side, which ends well."""
    with side.program, side.client:
        yield side


def both(sides: tuple[Side, Side], method: str, path: str, body: Any = None) -> Any:
    """What both answer, which must be the same."""
    first, second = (side.ask(method, path, body) for side in sides)
    assert second == first, f"{method} {path} {body}"
    return first


def path_of(operation: Operation, example: Example, rule: str) -> str:
    """The path of an example, for a rule that there is."""
    own = {"id": rule, "port": "port1"}
    path = operation.path.format(
        **{**example.path, **{name: own[name] for name in own if name in example.path}}
    )
    return path + (f"?{urlencode(example.query)}" if example.query else "")


@pytest.mark.parametrize(
    ("operation", "example"),
    [
        pytest.param(*case, id=f"{case[0].method} {case[0].path} {number}")
        for number, case in enumerate(EXAMPLES)
    ],
)
def test_examples(sides: tuple[Side, Side], operation: Operation, example: Example) -> None:
    """Every one of the description, with a rule that several servers have."""
    both(sides, "POST", "/reset", {"clear_counters": True})
    given = both(sides, "POST", "/servers/s1,s2/rules", {"fault": {"type": "Jitter"}})[1]
    for side in sides:
        assert side.touch(1) == 200
    path = path_of(operation, example, str(given["id"]))
    if operation.path == "/journal":
        return  # how many records there are by now depends on what came before; see below
    if operation.path == "/fleet":
        first, second = (side.ask("GET", path)[1] for side in sides)
        counted = ("records", "next", "dropped")
        assert {k: v for k, v in first.items() if k not in counted} == {
            k: v for k, v in second.items() if k not in counted
        }
        return
    both(sides, operation.method, path, example.body)
    both(sides, "GET", "/servers")
    both(sides, "GET", "/status")
    both(sides, "GET", "/servers/all/rules")


REFUSED = [
    ("GET", "/servers/s9", None),
    ("GET", "/servers/all", None),
    ("GET", "/servers/s1,s9/rules", None),
    ("GET", "/servers/s1/rules/x", None),
    ("GET", "/servers/s1,s2/rules/999", None),
    ("DELETE", "/servers/all/rules/999", None),
    ("POST", "/servers/s1,s2/rules", {}),
    ("POST", "/servers/s1,s2/rules", b"nonsense"),
    ("POST", "/servers/s1,s2/rules", {"fault": {"type": "Hang"}, "since": 3, "until": 2}),
    ("POST", "/servers/s9/rules", b"nonsense"),
    ("PUT", "/servers/s2/behavior", {"type": "Nothing"}),
    ("PUT", "/servers/all/loaded-model", {"model": "a b"}),
    ("PATCH", "/servers/s2", {"num_paralel": 3}),
    ("PATCH", "/servers/s2", {"helper": True}),
    ("POST", "/servers", {"helper": True}),
    ("POST", "/servers", {"replay": "/etc/passwd"}),
    ("DELETE", "/servers/s1,s2", None),
    ("PUT", "/servers/s1", None),
    ("GET", "/servers/s1/nothing", None),
    ("GET", "/nothing", None),
    ("GET", "/journal?since=x", None),
    ("GET", "/journal?server=s9", None),
    ("POST", "/behavior", {"port": 1, "behavior": {"type": "Hang"}}),
    ("POST", "/behavior", {"port": 1, "behavior": {"type": "Nothing"}}),
    ("POST", "/behavior", {"port": {"all": False}, "behavior": {"type": "Hang"}}),
    ("POST", "/behavior", {"port": {"all": True}, "behavior": {"type": "Nothing"}}),
    ("POST", "/behavior", b"\xff"),
    ("POST", "/models", {"port": 11502}),
    ("POST", "/reset", {"clear": 1}),
    ("POST", "/reset", b"[]"),
    ("GET", "/request-count/1", None),
    ("GET", "/request-count/x", None),
    ("GET", "/kv-cache/99999999", None),
    ("POST", "/cancel/1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
def test_refusals(sides: tuple[Side, Side], method: str, path: str, body: Any) -> None:
    """What can't be done is refused in the same words, and changes nothing."""
    both(sides, "POST", "/reset")
    status, *_ = both(sides, method, path, body)
    assert 400 <= status < 500
    both(sides, "GET", "/servers")


def test_servers_that_come_and_go(sides: tuple[Side, Side]) -> None:
    """They get the next names, and a reset brings back those of the start in their order."""
    both(sides, "POST", "/reset")
    for _ in range(3):
        status, added, _ = both(sides, "POST", "/servers", {"behavior": {"type": "Hang"}})
        assert status == 201
    for name in (added["name"], "s1"):
        assert both(sides, "DELETE", f"/servers/{name}")[0] == 204
    told = both(sides, "GET", "/servers")[1]["servers"]
    assert [each["name"] for each in told][:2] == ["s2", "s3"]
    assert len(told) == 4
    both(sides, "POST", "/reset")
    told = both(sides, "GET", "/servers")[1]["servers"]
    assert [each["name"] for each in told] == ["s1", "s2", "s3"]


def test_rules_of_several_servers(sides: tuple[Side, Side]) -> None:
    """One number, one entry with all who have it, and counts that are added up."""
    both(sides, "POST", "/reset")
    fault = {"type": "HttpError", "status_code": 503, "message": "no"}
    number = both(sides, "POST", "/servers/all/rules", {"fault": fault, "limit": 1})[1]["id"]
    both(sides, "POST", "/servers/s2/rules", {"fault": {"type": "Jitter"}})
    for side in sides:
        assert [side.touch(1), side.touch(1), side.touch(2), side.touch(3)] == [503, 200, 503, 503]
    told = both(sides, "GET", f"/servers/all/rules/{number}")[1]
    assert (told["matched"], told["struck"], told["active"]) == (4, 3, False)
    assert told["servers"] == ["s1", "s2", "s3"]
    assert both(sides, "DELETE", f"/servers/s2,s3/rules/{number}")[0] == 204
    assert both(sides, "GET", f"/servers/all/rules/{number}")[1]["servers"] == ["s1"]
    assert both(sides, "DELETE", "/servers/all/rules")[1] == {"healed": 2}


def test_rules_that_count_together(sides: tuple[Side, Side]) -> None:
    """Servers of one worker can; those of several are refused, and nobody has the rule then."""
    _, spread = sides
    spread.ask("POST", "/reset")
    rule = {"fault": {"type": "Hang"}, "shared": True}
    status, told, _ = spread.ask("POST", "/servers/all/rules", rule)
    assert (status, told["errors"][0]["pointer"]) == (400, "#/shared")
    assert "worker" in told["detail"]
    assert spread.ask("GET", "/servers/all/rules")[1] == {"rules": []}
    workers = {
        each["name"]: each["worker"] for each in spread.client.get("/servers").json()["servers"]
    }
    assert workers == {"s1": 1, "s2": 2, "s3": 1}
    assert spread.ask("POST", "/servers/s1,s3/rules", rule)[0] == 201


def test_the_same_journal(sides: tuple[Side, Side]) -> None:
    """Server by server the same records; all in the order of time; requests with numbers of
    their own."""
    found = []
    for side in sides:
        side.ask("POST", "/reset")
        since = side.client.get("/fleet").json()["next"]
        side.ask("PUT", "/servers/all/behavior", {"type": "AbruptClose", "bytes_before_close": 0})
        for number in (3, 1, 2, 2):
            side.touch(number)
        side.ask("DELETE", "/servers/all/rules")
        page = side.client.get(f"/journal?since={since}").json()
        records = page["records"]
        assert page["next"] == since + len(records)
        assert [record["t"] for record in records] == sorted(record["t"] for record in records)
        asked = [record["exchange"] for record in records if record["kind"] == "Asked"]
        assert len(set(asked)) == len(asked) == 4
        by_server = {
            name: [
                {k: v for k, v in steady(record).items() if k not in VARIES}
                for record in records
                if record["server"] == name
            ]
            for name in ("s1", "s2", "s3")
        }
        found.append(by_server)
    one, two = found
    assert two == one
    assert [record["kind"] for record in one["s3"]].count("Finished") == 1


VARIES = ("exchange", "ordinal", "connection", "headers")
"""Numbers that depend on what came before, and headers with the port in them."""


def test_the_stream_of_the_journal(sides: tuple[Side, Side]) -> None:
    """From now on, as it comes; the id of an event is the record's index."""
    _, spread = sides
    spread.ask("POST", "/reset")
    before = spread.client.get("/fleet").json()["next"]
    with spread.client.stream("GET", "/journal/stream?kind=Asked") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        spread.touch(2)
        spread.touch(1)
        ids, servers = [], []
        for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                ids.append(int(value))
            if name == "data":
                servers.append(json.loads(value)["server"])
            if len(servers) == 2:
                break
    assert servers == ["s2", "s1"]
    assert before <= ids[0] < ids[1]


def test_metrics(sides: tuple[Side, Side]) -> None:
    """The numbers of all servers, which are those of the journal."""
    texts = []
    for side in sides:
        side.ask("POST", "/reset", {"clear_counters": True})
        for number in (1, 2, 2, 3):
            side.touch(number)
        lines = side.client.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith("ollama_simulator_requests_total")]
        texts.append([re.sub(r'port="\d+",', "", line) for line in counts])
    assert texts[1] == texts[0]
    assert [line.split()[-1] for line in texts[0]] == ["1.0", "2.0", "1.0"]


def test_the_same_words(sides: tuple[Side, Side]) -> None:
    """What a server says depends on seed, server, model and prompt, and on no worker."""
    body = {"model": "test-model", "prompt": "Hi", "stream": False}
    said = []
    for side in sides:
        side.ask("POST", "/reset")
        answers = [ask(port, "POST", "/api/generate", body).json() for port in side.program.ports]
        said.append([answer["response"] for answer in answers])
    assert said[1] == said[0]


def test_the_order_of_ports(sides: tuple[Side, Side]) -> None:
    """That of `/status`."""
    told = [each["port"] for each in sides[1].client.get("/status").json()["servers"]]
    assert told == sorted(sides[1].program.ports)


def test_pages(sides: tuple[Side, Side]) -> None:
    """The dashboard, the description and the catalogue are there."""
    one, two = (side.client for side in sides)
    for path in ("/", "/openapi.json", "/faults", "/profiles/rtx-4090-llama3-8b", "/health"):
        assert two.get(path).content == one.get(path).content, path
