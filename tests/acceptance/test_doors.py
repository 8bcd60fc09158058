"""ConnectionRefused: the kernel refuses, the busy go on, the idle are let go, healing heals.

A server which refuses has really closed its port. Idle kept-alive connections get a FIN (a pooled
balancer would never notice otherwise), busy ones end after their answer, and healing opens the
very same port while they still run.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from tests.acceptance.cells import CELLS, CHAT, CHAT_WHOLE, PLAIN, lines, pieces
from tests.acceptance.program import Fleet
from tests.acceptance.rawhttp import HOST, Answer, Ended, ask

ROOT = PLAIN[0]


def started(answer: Answer) -> bool:
    """Whether the stream has begun."""
    return bool(answer.chunks)


def refused(port: int) -> bool:
    """Whether the kernel refuses a connection to the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect((HOST, port))
        except ConnectionRefusedError:
            return True
    return False


def test_refused_by_the_kernel(fleet: Fleet) -> None:
    """From the moment the behaviour is accepted, connecting fails at once."""
    fleet.behave(fleet.port, "ConnectionRefused")
    begun = time.monotonic()
    assert all(refused(fleet.port) for _ in range(20))
    assert time.monotonic() - begun < 1.0
    assert not any(refused(port) for port in fleet.ports[1:])


def test_status_shows_the_door(fleet: Fleet) -> None:
    """`accepting_connections` follows the door, and only for this server."""
    assert all(server["accepting_connections"] is True for server in fleet.program.servers())
    fleet.behave(fleet.port, "ConnectionRefused")
    shown = {s["port"]: s["accepting_connections"] for s in fleet.program.servers()}
    assert shown == {port: port != fleet.port for port in fleet.ports}
    assert fleet.status(fleet.port)["behavior"] == "ConnectionRefused"
    fleet.behave(fleet.port, "Normal")
    assert fleet.status(fleet.port)["accepting_connections"] is True


def test_hang_keeps_the_door_open(fleet: Fleet) -> None:
    """A server which hangs still accepts connections, and says so."""
    fleet.behave(fleet.port, "Hang")
    assert fleet.status(fleet.port)["accepting_connections"] is True
    assert not refused(fleet.port)


def test_idle_connections_get_a_fin(fleet: Fleet) -> None:
    """Kept-alive connections without a request are closed politely; the neighbour's stay."""
    idle = [fleet.connect() for _ in range(3)]
    for connection in idle:
        connection.ask(ROOT.method, ROOT.path)
        assert connection.read().ended is Ended.COMPLETE
    unused = fleet.connect()
    neighbour = fleet.connect(fleet.ports[1])
    neighbour.ask(ROOT.method, ROOT.path)
    assert neighbour.read().ended is Ended.COMPLETE
    fleet.behave(fleet.port, "ConnectionRefused")
    assert [connection.fate(silence=2.0) for connection in idle] == [Ended.EOF] * 3
    assert unused.fate(silence=2.0) is Ended.EOF
    assert neighbour.fate(silence=0.3) is Ended.SILENT


def test_busy_connections_finish(fleet: Fleet) -> None:
    """A running stream and a running whole answer end well, and their connections with them."""
    fleet.behave(None, "Normal", tokens_per_sec=25.0, num_tokens=15)
    stream, whole = fleet.open(CHAT), fleet.open(CHAT_WHOLE, fleet.ports[1])
    stream.read(stop=started)
    fleet.await_active(fleet.ports[1], 1)
    fleet.behave(None, "ConnectionRefused")
    assert refused(fleet.port)
    assert refused(fleet.ports[1])
    streamed, document = stream.read(), whole.read()
    assert streamed.ended is Ended.COMPLETE, streamed
    assert len(pieces(CHAT, streamed)) == 15
    assert lines(streamed)[-1]["done"] is True
    assert document.ended is Ended.COMPLETE, document
    assert document.json()["eval_count"] == 15
    assert stream.fate(silence=2.0) is Ended.EOF
    assert whole.fate(silence=2.0) is Ended.EOF


def test_healing_takes_the_same_port_while_an_old_connection_is_busy(fleet: Fleet) -> None:
    """The port is open again at once, and the stream from before neither ends nor starts anew."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=30)
    old = fleet.open(CHAT)
    old.read(stop=started)
    fleet.behave(fleet.port, "ConnectionRefused")
    assert refused(fleet.port)
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=4)
    assert not refused(fleet.port)
    for cell in PLAIN:
        if "embed" not in cell.name:  # an embedding waits for the slot, as any inference
            assert fleet.ask(cell).ended is Ended.COMPLETE
    fleet.await_active(fleet.port, 1)
    answer = old.read(silence=3.0)
    assert answer.ended is Ended.COMPLETE, answer
    assert len(pieces(CHAT, answer)) == 30
    assert answer.last_at - answer.first_at > 0.8 * 29 / 20.0
    assert len(pieces(CHAT, fleet.ask(CHAT))) == 4


def test_an_idle_connection_of_the_healed_server_stays(fleet: Fleet) -> None:
    """After healing, kept-alive connections are kept again."""
    fleet.behave(fleet.port, "ConnectionRefused")
    fleet.behave(fleet.port, "Normal")
    connection = fleet.connect()
    for _ in range(2):
        connection.ask(ROOT.method, ROOT.path)
        assert connection.read().ended is Ended.COMPLETE
        assert connection.fate(silence=0.3) is Ended.SILENT


def test_flapping(fleet: Fleet) -> None:
    """Each change holds from its answer on, however fast they follow each other."""
    for _ in range(15):
        fleet.behave(fleet.port, "ConnectionRefused")
        assert refused(fleet.port)
        fleet.behave(fleet.port, "Hang")
        assert not refused(fleet.port)
        fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=2)
        assert fleet.ask(ROOT).ended is Ended.COMPLETE


def test_refusing_twice_is_refusing(fleet: Fleet) -> None:
    """Saying the same again changes nothing."""
    for _ in range(3):
        fleet.behave(None, "ConnectionRefused")
        assert all(refused(port) for port in fleet.ports)


@pytest.mark.parametrize("reuse", [0, 1], ids=["plain", "reuse-address"])
def test_nobody_takes_the_port_of_a_refusing_server(fleet: Fleet, reuse: int) -> None:
    """The port is closed but not given up, even to a program that sets SO_REUSEADDR."""
    fleet.behave(fleet.port, "ConnectionRefused")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        with pytest.raises(OSError, match="in use"):
            thief.bind((HOST, fleet.port))
    fleet.behave(fleet.port, "Normal")
    assert fleet.ask(ROOT).ended is Ended.COMPLETE


def test_reset_heals_all(fleet: Fleet) -> None:
    """`/reset` opens every door, on the ports they had."""
    fleet.behave(None, "ConnectionRefused")
    assert all(refused(port) for port in fleet.ports)
    fleet.accepted("POST", "/reset")
    for port in fleet.ports:
        assert fleet.ask(ROOT, port).ended is Ended.COMPLETE


def test_refused_requests_are_not_counted(fleet: Fleet) -> None:
    """What the kernel refuses never reached the server."""
    fleet.behave(fleet.port, "ConnectionRefused")
    for cell in CELLS:
        assert fleet.ask(cell).ended is Ended.REFUSED
    assert fleet.accepted("GET", f"/request-count/{fleet.port}")["request_count"] == 0


def test_no_connection_is_accepted_and_dropped_while_the_door_moves(fleet: Fleet) -> None:
    """Under a hail of requests a client is served or refused, and never half of it.

    A connection which was accepted before the door closed but whose request was not yet read may
    be closed without an answer, as an idle one; what must not happen is half an answer.
    """
    stop = threading.Event()
    seen: list[Answer] = []

    def hail() -> None:
        while not stop.is_set() and len(seen) < 5000:
            # In the very instant of closing the kernel resets who is connecting.
            with contextlib.suppress(ConnectionResetError):
                seen.append(ask(fleet.port, "GET", "/api/version", silence=3.0))

    threads = [threading.Thread(target=hail) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        fleet.behave(fleet.port, "ConnectionRefused")
        time.sleep(0.02)
        fleet.behave(fleet.port, "Normal")
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join(10.0)
    wrong = [
        answer
        for answer in seen
        if answer.ended not in (Ended.COMPLETE, Ended.REFUSED) and (answer.raw or answer.done)
    ]
    assert wrong == []
    ends = {answer.ended for answer in seen}
    assert {Ended.COMPLETE, Ended.REFUSED} <= ends
    assert Ended.SILENT not in ends
