"""A process that may have no more files open: what goes on, what waits, and what is said."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.acceptance.cells import CHAT
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import HOST, Connection, Ended, ask
from tests.resilience.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")

FILES = 100
"""Files that the simulator may have open."""
CLIENTS = 150
"""More than that."""
OPTIONS = ("--control-port", "0", "--server-ports", "0,0")


def told(program: Program) -> list[dict[str, Any]]:
    """What the journal says of what the simulator itself lacks."""
    page = program.accepted("GET", "/journal?kind=Hindered,Eased,Failed")
    found: list[dict[str, Any]] = page["records"]
    return found


def crowd(stack: ExitStack, port: int) -> list[socket.socket]:
    """Clients that connect, of which the last ones wait in the kernel's queue."""
    return [
        stack.enter_context(socket.create_connection((HOST, port), timeout=20))
        for _ in range(CLIENTS)
    ]


def test_when_no_file_can_be_opened_any_more() -> None:
    """Who is in goes on, the control API answers, nobody is busy with waiting, and who waits is
    let in when others have left. It is said once."""
    with Program(*OPTIONS, files=FILES) as program, ExitStack() as stack:
        first, second = program.ports
        program.behave(first, "Slow", tokens_per_sec=20.0, num_tokens=10_000)
        stream = stack.enter_context(Connection(first))
        stream.ask(CHAT.method, CHAT.path, CHAT.body)
        stream.read(stop=lambda answer: bool(answer.chunks))
        clients = crowd(stack, second)
        until(lambda: bool(told(program)), "it is said that there is no room")
        late = stack.enter_context(Connection(second))
        late.ask("GET", "/api/version")

        process = psutil.Process(program.process.pid)
        assert FILES // 2 < process.num_fds() < FILES, "most are used, and some are spared"
        before = process.cpu_times()
        time.sleep(1.0)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        assert used < 0.5, "it doesn't ask again and again"

        assert stream.read(stop=lambda answer: len(answer.chunks) > 5).ended is Ended.STOPPED
        clients[0].sendall(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert clients[0].recv(1000).startswith(b"HTTP/1.1 200 OK")
        for _ in range(3):
            program.behave(second, "HttpError", status_code=503, message="busy")
            assert program.status(second)["behavior"] == "HttpError"
        program.behave(second, "Normal")
        assert not late.read(silence=0.2).head, "it was not let in"

        for client in clients:
            client.close()
        answer = late.read()
        assert (answer.ended, answer.status) == (Ended.COMPLETE, 200)
        assert ask(second, "GET", "/api/version").status == 200
        until(lambda: len(told(program)) == 2, "it is said that there is room again")
        hindered, eased = told(program)
        assert (hindered["kind"], eased["kind"]) == ("Hindered", "Eased")
        assert hindered["what"] == eased["what"] == "descriptors"
        assert eased["seconds"] >= 1.0
        program.process.terminate()
        assert program.wait() == 0
    lacks, has = program.stderr.splitlines()
    assert lacks == (
        f"warning: the simulator lacks descriptors: this process has as many files open as it may "
        f"have ({FILES}: `ulimit -n`); who connects waits until one of them is closed"
    )
    assert has.startswith("warning: the simulator has descriptors again, after ")


def test_it_can_be_ended_then() -> None:
    """By a signal, as ever; and nobody is left behind."""
    with Program(*OPTIONS, files=FILES) as program, ExitStack() as stack:
        clients = crowd(stack, program.ports[0])
        until(lambda: bool(told(program)), "it is said that there is no room")
        begun = time.monotonic()
        program.process.terminate()
        assert program.wait() == 0
        assert time.monotonic() - begun < 2.0
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


def test_a_door_moves_then() -> None:
    """A server refuses, and is there again, though sockets are closed and opened for it."""
    with Program(*OPTIONS, files=FILES) as program, ExitStack() as stack:
        first, second = program.ports
        crowd(stack, first)
        until(lambda: bool(told(program)), "it is said that there is no room")
        program.behave(second, "ConnectionRefused")
        with pytest.raises(ConnectionRefusedError):
            Connection(second)
        program.behave(second, "Normal")
        with Connection(second):
            pass
        program.behave(first, "ConnectionRefused")
        program.behave(first, "Normal")
        until(lambda: ask(first, "GET", "/").status == 200, "there is room again")
        assert {record["kind"] for record in told(program)} <= {"Hindered", "Eased"}
        program.process.terminate()
        assert program.wait() == 0
