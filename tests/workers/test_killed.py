"""A worker that is killed, stands still, or can't begin; and the end of all of them."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from ollama_simulator.access import VARIABLE
from ollama_simulator.workers.process import PATIENCE_S
from ollama_simulator.workers.starting import rest_s
from tests.acceptance.program import Program, command, environment, run_to_end
from tests.acceptance.rawhttp import Connection, Ended, ask
from tests.resilience.test_signals import slowness
from tests.resilience.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

SOON_S = 30.0
"""Seconds in which whatever is waited for must come."""


class Spread(Program):
    """A program with workers."""

    def __init__(self, *options: str, workers: int = 2) -> None:
        given = ("--control-port", "0", "--server-ports", "0,0,0", "--workers", str(workers))
        super().__init__(*given, *options)

    def worker(self, number: int) -> psutil.Process:
        """The process of a worker."""
        for child in psutil.Process(self.process.pid).children():
            if child.cmdline()[-1] == f"worker {number}":
                return child
        raise AssertionError(f"there is no worker {number}")

    def infos(self) -> dict[str, Any]:
        """How the servers stand, by name."""
        return {each["name"]: each for each in self.accepted("GET", "/servers")["servers"]}

    def records(self, **query: str) -> list[Any]:
        """What is in the journal."""
        words = "&".join(f"{name}={value}" for name, value in {"limit": "10000", **query}.items())
        found: list[Any] = self.accepted("GET", f"/journal?{words}")["records"]
        return found


@pytest.fixture
def program() -> Iterator[Spread]:
    """Three servers: s1 and s3 are the first worker's, s2 is the second's."""
    with Spread() as running:
        running.accepted("GET", "/servers")
        yield running
        running.kill()


def slow() -> float:
    """How many times as long everything takes on this machine now."""
    return max(1.0, slowness())


def posted(program: Spread, method: str, path: str, body: Any) -> Any:
    """Something that is set."""
    answer = program.control(method, path, body)
    assert answer.status < 300, answer
    return answer.json()


def test_it_is_started_again_with_its_servers(program: Spread) -> None:
    """On the same ports, as they were told to be; the other worker's never notice."""
    one, two, three = program.ports
    script = {"contains": "weather", "answer": [{"content": "Sunny."}]}
    posted(program, "PATCH", "/servers/s1", {"num_parallel": 7})
    posted(program, "PUT", "/servers/s1/scripts", {"scripts": [script]})
    posted(program, "PUT", "/servers/s1/models", {"models": []})
    fault = {"type": "HttpError", "status_code": 503, "message": "no"}
    rule = posted(program, "POST", "/servers/s1,s2/rules", {"fault": fault, "limit": 1})
    posted(program, "PUT", "/servers/s3/behavior", {"type": "Hang"})
    added = posted(program, "POST", "/servers", {})
    assert added["worker"] == 2, "that has fewer"
    assert ask(one, "GET", "/api/version").status == 503, "the rule strikes once"
    beside = Connection(two)
    hanging = Connection(three)
    try:
        beside.ask("GET", "/api/tags")
        assert beside.read().status == 503
        hanging.ask("GET", "/api/version")
        program.await_active(three, 1)
        before = program.infos()
        killed = program.worker(1)
        killed.kill()
        deadline = time.monotonic() + SOON_S
        while not program.infos()["s1"]["down"]:
            assert time.monotonic() < deadline
        down = program.infos()
        beside.ask("GET", "/api/tags")
        assert beside.read().status == 200, "its connection is still there"
        assert hanging.read().ended is not Ended.COMPLETE
    finally:
        beside.close()
        hanging.close()
    # It may be there again by now, if the machine was slow: then this says nothing.
    for name in ("s1", "s3"):
        told = down[name]
        assert not told["down"] or (told["door"], told["accepting"], told["worker"]) == (
            "shut",
            False,
            1,
        )
    until(lambda: not any(each["down"] for each in program.infos().values()), "all are there")
    assert ask(one, "GET", "/api/version").status == 200
    after = program.infos()
    for name in before:
        same = ("name", "port", "url", "behavior", "settings", "installed", "worker", "door")
        assert {k: after[name][k] for k in same} == {k: before[name][k] for k in same}
    assert after["s1"]["requests"] >= before["s1"]["requests"], "sums go on"
    assert program.accepted("GET", "/servers/s1/scripts")["scripts"][0]["contains"] == "weather"
    (kept,) = program.accepted("GET", "/servers/s1/rules")["rules"]
    assert (kept["id"], kept["struck"], kept["active"]) == (rule["id"], 1, False)
    assert program.worker(1).pid != killed.pid
    first, second = program.stderr.splitlines()
    lacks = f"number 1, process {killed.pid}, was ended by signal 9; it is started again"
    assert first == f"warning: the simulator lacks a worker: {lacks}"
    assert second.startswith("warning: the simulator has a worker again, after ")


def test_the_journal_tells_of_it(program: Spread) -> None:
    """What was going on has ended, what was in memory is lost, and no number comes twice."""
    one = program.ports[0]
    posted(program, "PUT", "/servers/s1/loaded-model", {"model": "test-model"})
    posted(program, "PUT", "/servers/s1/behavior", {"type": "Hang"})
    with Connection(one) as hanging:
        hanging.ask("GET", "/api/version")
        program.await_active(one, 1)
        program.worker(1).kill()
        assert hanging.read().ended is not Ended.COMPLETE
    deadline = time.monotonic() + SOON_S
    while not program.records(kind="Restarted", server="s1"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert program.accepted("GET", "/servers/s1")["active"] == 0
    kinds = [record["kind"] for record in program.records(server="s1")]
    behind = len(kinds) - 1 - kinds[::-1].index("Stopped")
    assert kinds[behind:] == [
        "Stopped",
        "DoorMoved",
        "Finished",
        "Closed",
        "ModelUnloaded",
        "DoorMoved",
        "Restarted",
        "Behaved",
    ]
    lost, back = program.records(kind="Hindered,Eased")
    assert (lost["server"], lost["what"], back["what"]) == ("", "worker", "worker")
    assert "signal 9" in lost["detail"]
    assert program.accepted("GET", "/fleet")["lacking"] == []
    posted(program, "PUT", "/servers/all/behavior", {"type": "Normal"})
    for port in program.ports:
        assert ask(port, "GET", "/api/version").status == 200
        program.await_active(port, 0)
    records = program.records()
    asked = Counter(record["exchange"] for record in records if record["kind"] == "Asked")
    ended = Counter(record["exchange"] for record in records if record["kind"] == "Finished")
    assert asked == ended
    assert set(asked.values()) == {1}
    opened = [
        (record["server"], record["connection"]) for record in records if record["kind"] == "Opened"
    ]
    assert len(set(opened)) == len(opened)
    ordinals = [r["ordinal"] for r in records if r["kind"] == "Asked" and r["server"] == "s1"]
    assert ordinals == [1, 2]
    assert [record["t"] for record in records] == sorted(record["t"] for record in records)
    metrics = program.control("GET", "/metrics").body.decode()
    assert f'requests_active{{port="{one}",server="s1"}} 0.0' in metrics
    assert f'connections{{port="{one}",server="s1"}} 0.0' in metrics
    assert 'hindrances_total{what="worker"} 1.0' in metrics


def test_one_that_keeps_ending_is_left_alone_for_longer() -> None:
    """But never for long."""
    rests = [rest_s(ends) for ends in range(1, 100)]
    assert rests[:6] == [0, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert set(rests[6:]) == {5.0}


def test_a_reset_afterwards(program: Spread) -> None:
    """It returns to the start of the fleet, and not to how the worker began again."""
    posted(program, "PATCH", "/servers/s1", {"num_parallel": 7})
    program.worker(1).kill()
    assert program.control("DELETE", "/servers/s3").status == 204, "it waits for the worker"
    program.accepted("POST", "/reset")
    told = program.infos()
    assert [each["port"] for each in told.values()] == list(program.ports)
    assert told["s1"]["settings"] == {}


def test_one_that_stands_still(program: Spread) -> None:
    """The others' records don't wait for it, nor does the end of all."""
    still = program.worker(1)
    still.suspend()
    try:
        assert ask(program.ports[1], "GET", "/api/version").status == 200
        finished = {"server": "s2", "kind": "Finished"}
        until(lambda: len(program.records(**finished)) == 1, "its record")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        assert time.monotonic() - began < 2 * slow()
        assert not psutil.pid_exists(still.pid)
    finally:
        # One that stands still doesn't notice that nobody is there any more.
        with contextlib.suppress(psutil.NoSuchProcess):
            still.kill()


def test_one_that_stands_still_is_asked_for_something(program: Spread) -> None:
    """It is ended, and started again: what was refused isn't done later, on no worker, and no
    number of a rule comes twice. Others that ask it get their answers of the next process."""
    still = program.worker(2)
    still.suspend()
    try:
        fault = {"type": "HttpError", "status_code": 503, "message": "no"}
        with ThreadPoolExecutor() as pool:
            began = time.monotonic()
            refused = pool.submit(program.control, "POST", "/servers/all/rules", {"fault": fault})
            until(
                lambda: bool(program.accepted("GET", "/servers/s1/rules")["rules"]),
                "the first has it",
            )
            kept = {"fault": fault, "path": "/api/tags"}
            waits = pool.submit(posted, program, "POST", "/servers/s1/rules", kept)
            answer = refused.result(SOON_S)
            assert answer.status == 503, answer
            assert time.monotonic() - began >= PATIENCE_S
            words = "worker 2 hasn't answered for 10 seconds; it is started again"
            assert answer.json()["detail"] == words
            rule = waits.result(SOON_S)
        assert rule["id"] > 1, "the one that was refused may have had that number"
        assert program.accepted("GET", "/servers/s2/rules")["rules"] == [], (
            "it waits for the next one"
        )
        (there,) = program.accepted("GET", "/servers/s1/rules")["rules"]
        assert there["id"] == rule["id"]
        assert program.accepted("GET", "/servers/s3/rules")["rules"] == []
        assert ask(program.ports[1], "GET", "/api/version").status == 200
        assert program.worker(2).pid != still.pid
        until(lambda: program.stderr.count("\n") == 2, "that it is there again")
        why = f"number 2, process {still.pid}, hadn't answered for 10 seconds and was ended"
        assert program.stderr.startswith(
            f"warning: the simulator lacks a worker: {why}; it is started again\n"
        )
    finally:
        # One that stands still doesn't notice that nobody is there any more.
        with contextlib.suppress(psutil.NoSuchProcess):
            still.kill()


def test_what_a_worker_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the control API: the variable that has it isn't in its environment."""
    token = "only-the-control-api-needs-it"
    monkeypatch.setenv(VARIABLE, token)
    with Spread() as program:
        for number in (1, 2):
            there = program.worker(number).environ()
            assert VARIABLE not in there
            assert token not in "".join(there.values())
            assert there["PYTHONUNBUFFERED"] == "1", "the rest is"
        bearer = {"Authorization": f"Bearer {token}"}
        told = program.control("GET", "/servers", headers=bearer)
        assert (told.status, len(told.json()["servers"])) == (200, 3)
        assert program.control("GET", "/servers").status == 401


def test_the_journal_in_a_file(tmp_path: Path) -> None:
    """Every record of every worker is in it, up to the last, in one order with one index."""
    file = tmp_path / "journal.jsonl"
    with Spread("--journal-file", str(file)) as program:
        for port in program.ports:
            with Connection(port) as kept:
                kept.ask("GET", "/api/version")
                assert kept.read().status == 200
        open_ones = [Connection(port) for port in program.ports]
        for each in open_ones:
            each.ask("GET", "/api/version")
            assert each.read().status == 200
        program.stop()
    for each in open_ones:
        each.close()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    records = [line for line in lines if "index" in line]
    assert [record["index"] for record in records] == list(range(len(records)))
    kinds = Counter(record["kind"] for record in records)
    assert kinds["Opened"] == kinds["Closed"] == kinds["Finished"] == 6
    assert [record["t"] for record in records] == sorted(record["t"] for record in records)


# --- the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_together(number: signal.Signals) -> None:
    """Without a word, within two seconds, whatever is going on."""
    with Spread(workers=3) as program, Connection(program.ports[0]) as hanging:
        program.behave(None, "Hang")
        hanging.ask("GET", "/api/version")
        program.await_active(program.ports[0], 1)
        pids = [program.worker(each).pid for each in (1, 2, 3)]
        began = time.monotonic()
        program.stop(number)
        assert time.monotonic() - began < 2 * slow()
        assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_nobody_is_left_behind() -> None:
    """Not even by one that is killed."""
    program = Spread()
    workers = [program.worker(each) for each in (1, 2)]
    program.kill()
    _, alive = psutil.wait_procs(workers, timeout=SOON_S)
    # Where nobody reaps orphans they stay as zombies.
    assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("after_s", [0.2, 0.5, 0.8, 1.1])
def test_it_ends_while_it_begins(after_s: float) -> None:
    """A signal is heard at once."""
    given = ("--control-port", "0", "--server-ports", "0,0", "--workers", "2")
    with subprocess.Popen(
        [*command(), *given], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        time.sleep(after_s)
        workers = psutil.Process(process.pid).children()
        began = time.monotonic()
        process.terminate()
        _, complaints = process.communicate(timeout=SOON_S)
        assert time.monotonic() - began < 2 * slow()
        assert (process.returncode, complaints) in ((0, b""), (-signal.SIGTERM, b""))
        assert not [each for each in workers if each.is_running()]


def test_a_port_that_is_taken() -> None:
    """It is named, and nothing stays: neither this program nor a worker."""
    with Program("--control-port", "0", "--server-ports", "0") as other:
        taken = other.ports[0]
        ended = run_to_end("--workers", "2", "--control-port", "0", "--server-ports", f"0,{taken}")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: port {taken} is taken")
    assert ended.stderr.count("\n") == 1
    with Program("--control-port", "0", "--server-ports", "0") as other:
        port = str(other.control_port)
        ended = run_to_end("--workers", "2", "--control-port", port, "--server-ports", "0,0")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"port {port} is taken" in ended.stderr


@pytest.mark.parametrize("number", ["0", "-1", "65"])
def test_numbers_of_workers(number: str) -> None:
    ended = run_to_end("--workers", number)
    assert ended.returncode == 2
    assert ended.stderr == f"error: --workers: there can be 1 to 64, and not {number}\n"
