"""Starting and stopping: what is printed, what is refused, and that nothing is left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.acceptance.cells import CHAT
from tests.acceptance.program import Program, run_to_end
from tests.acceptance.rawhttp import HOST, Connection, Ended, ask

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@contextlib.contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Ports which the kernel has found to be free.

    On Linux it gives them to nobody else meanwhile: what is bound, but does not listen, may be
    bound and listened on by whoever asks for just that port with SO_REUSEADDR.
    """
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST, 0))
            ports.append(sock.getsockname()[1])
        if sys.platform != "linux":
            stack.close()
        yield ports


def arguments(control: int, servers: list[int]) -> list[str]:
    """Spell the arguments for these ports."""
    return ["--control-port", str(control), "--server-ports", ",".join(map(str, servers))]


def assert_free(ports: list[int]) -> None:
    """Check that all these ports can be listened on."""
    for port in ports:
        with socket.create_server((HOST, port)):
            pass


def test_start_up_text() -> None:
    """The text is exactly that of the program which this one follows."""
    with (
        free_ports(4) as (control, *servers),
        Program(*arguments(control, servers)) as program,
    ):
        assert program.banner == [
            "Ollama Simulator starting...",
            f"  Control API: http://127.0.0.1:{control}",
            *[f"  Ollama server: http://127.0.0.1:{port}" for port in servers],
            "",
        ]
        program.stop()
        assert program.stdout.splitlines()[: len(program.banner)] == program.banner


def test_everything_answers_once_the_text_is_complete() -> None:
    """The blank line means that control and servers can be used."""
    with Program(*arguments(0, [0, 0, 0])) as program:
        assert program.control("GET", "/health").json() == {"status": "ok"}
        assert len(set(program.ports)) == 3
        for port in program.ports:
            assert ask(port, "GET", "/").status == 200
        assert [server["port"] for server in program.servers()] == sorted(program.ports)


def test_ports_are_loopback_only() -> None:
    """Nothing listens on other addresses of this machine."""
    with Program(*arguments(0, [0])) as program:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing, finds our own address
            except OSError:
                pytest.skip("this machine has no address but loopback")
            address = probe.getsockname()[0]
        if address.startswith("127."):
            pytest.skip("this machine has no address but loopback")
        for port in (program.control_port, *program.ports):
            with socket.socket() as client:
                client.settimeout(1.0)
                with pytest.raises(OSError, match=r"refused|timed out"):
                    client.connect((address, port))


@SIGNALS
def test_stop(number: signal.Signals) -> None:
    """Either signal ends the program with status 0, without a word, and frees the ports."""
    program = Program(*arguments(0, [0, 0]))
    used = [program.control_port, *program.ports]
    program.stop(number)
    assert_free(used)


@SIGNALS
def test_stop_while_busy(number: signal.Signals) -> None:
    """Streams, hanging and idle clients do not hold it up, and it still says nothing."""
    with Program(*arguments(0, [0, 0, 0])) as program, ExitStack() as stack:
        first, second, third = program.ports
        program.behave(first, "Slow", tokens_per_sec=5.0, num_tokens=1000)
        program.behave(second, "Hang")
        program.behave(third, "TimeoutAfterHeaders", timeout_ms=60_000)
        open_ones = [stack.enter_context(Connection(port)) for port in program.ports]
        for connection in open_ones:
            connection.ask(CHAT.method, CHAT.path, CHAT.body)
        open_ones[0].read(stop=lambda answer: bool(answer.chunks))
        queued = stack.enter_context(Connection(first))
        queued.ask(CHAT.method, CHAT.path, CHAT.body)
        idle = stack.enter_context(Connection(program.control_port))
        idle.ask("GET", "/health")
        assert idle.read().status == 200
        begun = time.monotonic()
        program.send(number)
        status = program.wait()
        assert (status, program.stderr) == (0, "")
        assert time.monotonic() - begun < 5.0
        for connection in open_ones:
            answer = connection.read(silence=1.0)
            assert answer.ended in (Ended.EOF, Ended.RESET), answer
        assert_free([program.control_port, *program.ports])


def test_stop_while_refusing() -> None:
    """A server whose door is shut is stopped like the others."""
    program = Program(*arguments(0, [0]))
    program.behave(None, "ConnectionRefused")
    program.stop()
    assert_free([program.control_port, *program.ports])


def test_two_signals() -> None:
    """An impatient user changes nothing."""
    program = Program(*arguments(0, [0]))
    program.send(signal.SIGINT)
    program.send(signal.SIGINT)
    assert program.wait() in (0, 130, -signal.SIGINT)
    assert "Traceback" not in program.stderr


def test_quick_starts_and_stops() -> None:
    """The same ports, four times: each start finds them free and each stop leaves them so."""
    with free_ports(4) as (control, *servers):
        for turn in range(4):
            program = Program(*arguments(control, servers))
            if turn % 2:
                answer = ask(servers[0], CHAT.method, CHAT.path, CHAT.limited(1).body)
                assert answer.ended is Ended.COMPLETE, answer
            program.stop((signal.SIGINT, signal.SIGTERM)[turn % 2])
        assert_free([control, *servers])


# --- refusals ------------------------------------------------------------------------------


def refuse(*given: str) -> str:
    """Run it with arguments it must refuse, and return what it said."""
    begun = time.monotonic()
    ended = run_to_end(*given)
    assert ended.returncode == 2, (ended.returncode, ended.stdout, ended.stderr)
    assert time.monotonic() - begun < 30.0
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip(), "an error belongs on stderr"
    return ended.stderr


@pytest.mark.parametrize("taken", [0, 1, 3], ids=["control", "first", "last"])
def test_taken_port(taken: int) -> None:
    """A port which is in use is named with the process which holds it; the others stay free."""
    with free_ports(4) as ports, socket.create_server((HOST, ports[taken])):
        said = refuse(*arguments(ports[0], ports[1:]))
        assert str(ports[taken]) in said
        assert re.search(rf"\b{os.getpid()}\b", said), said
        assert_free([port for number, port in enumerate(ports) if number != taken])


def test_taken_by_another_simulator() -> None:
    """A second simulator on the same ports names the first."""
    with Program(*arguments(0, [0, 0])) as first, free_ports(1) as (control,):
        said = refuse(*arguments(control, first.ports))
        assert any(str(port) in said for port in first.ports)
        assert re.search(rf"\b{first.process.pid}\b", said), said
        assert ask(first.ports[0], "GET", "/").status == 200


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--server-ports", "21501,21502,21501"], ["21501"]),
        (["--control-port", "21501", "--server-ports", "21501,21502"], ["21501"]),
        (["--server-ports", "21501,many"], ["many"]),
        (["--server-ports", "70000"], ["70000"]),
        (["--server-ports", "-1"], ["-1"]),
        (["--server-ports", ""], ["server-ports|port"]),
        (["--control-port", "many"], ["control-port"]),
        (["--control-port", "70000"], ["control-port"]),
        (["--no-such-option"], ["no-such-option"]),
    ],
)
def test_bad_arguments(given: list[str], words: list[str]) -> None:
    """What cannot be is refused with status 2, and the culprit is named."""
    said = refuse(*given)
    missing = [word for word in words if not any(choice in said for choice in word.split("|"))]
    assert missing == [], said


def test_help() -> None:
    """`--help` names the options and the default ports."""
    ended = run_to_end("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    for word in ("--control-port", "--server-ports", "11500", "11501", "11502", "11503"):
        assert word in ended.stdout, ended.stdout
