"""Sockets that refuse, sockets that reset, and who holds a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from tests.net.peers import HOST


def connected(listening: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection to a listening socket."""
    client = socket.create_connection(listening.getsockname()[:2], 5)
    listening.setblocking(True)
    server, _ = listening.accept()
    return client, server


def test_a_reserved_port_refuses() -> None:
    """The kernel refuses whoever connects, at once."""
    with kernel.reserve(HOST, 0) as sock:
        begun = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(sock.getsockname(), 5)
        assert time.monotonic() - begun < 1


def test_a_reserved_port_is_nobody_elses() -> None:
    """Neither bound nor listened on by another, not even with SO_REUSEADDR."""
    with kernel.reserve(HOST, 0) as sock:
        port = sock.getsockname()[1]
        for take in (kernel.reserve, kernel.listen):
            with pytest.raises(PortTaken):
                take(HOST, port)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError):
                other.bind((HOST, port))


def test_a_reserved_port_can_be_listened_on() -> None:
    """`start_listening` turns refusal into connections, on the same port."""
    with kernel.reserve(HOST, 0) as sock:
        kernel.start_listening(sock)
        client, server = connected(sock)
        with client, server:
            server.sendall(b"x")
            assert client.recv(1) == b"x"


def test_the_kernel_connects_before_anybody_accepts() -> None:
    """Dozens are queued without an accept."""
    with kernel.listen(HOST, 0) as sock:
        clients = [socket.create_connection(sock.getsockname(), 5) for _ in range(50)]
        for client in clients:
            client.close()
        assert len(clients) == 50


def test_a_port_can_be_had_again_at_once() -> None:
    """Connections in TIME_WAIT don't hold it."""
    with claimed() as (port,):
        sock = kernel.listen(HOST, port)
        client, server = connected(sock)
        for end in (sock, server, client):  # the server closes first: TIME_WAIT is on its port
            end.close()
        with kernel.listen(HOST, port) as again:
            assert again.getsockname()[1] == port


def test_port_taken_names_port_and_holder() -> None:
    """Whoever reads it knows what to stop."""
    with kernel.listen(HOST, 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            kernel.listen(HOST, port)
    said = str(caught.value)
    assert said.startswith(f"port {port} is taken")
    if sys.platform == "linux":
        assert said.endswith(f"(pid {os.getpid()})")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts names of scripts")
def test_the_holder_of_a_port_has_its_whole_name(tmp_path: Path) -> None:
    script = tmp_path / "a_script_of_a_long_name"
    script.write_text(
        f"#!{sys.executable}\nimport socket, sys\nsock = socket.create_server(('{HOST}', 0))\n"
        "print(sock.getsockname()[1], flush=True)\nsys.stdin.read()\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    with subprocess.Popen([script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        try:
            with pytest.raises(PortTaken, match="taken by a_script_of_a_long_name "):
                kernel.listen(HOST, port)
        finally:
            holder.stdin.close()


def test_an_address_of_another_machine() -> None:
    """One of those that no machine has (RFC 5737)."""
    with pytest.raises(OSError, match=r"^192\.0\.2\.1 is no address of this machine$"):
        kernel.listen("192.0.2.1", 0)


@pytest.mark.parametrize("port", [-1, 65_536, 10**9])
def test_there_is_no_such_port(port: int) -> None:
    """A number that is no port is an `OSError` in words."""
    with pytest.raises(OSError, match=f"^there is no port {port}$"):
        kernel.reserve(HOST, port)


def test_another_machines_address() -> None:
    """It is an `OSError`, and not one about the port."""
    with pytest.raises(OSError) as caught:
        kernel.reserve("192.0.2.1", 0)
    assert not isinstance(caught.value, PortTaken)


def test_reset_on_close() -> None:
    """The peer's read fails instead of ending."""
    with kernel.listen(HOST, 0) as sock:
        client, server = connected(sock)
        kernel.reset_on_close(server)
        server.close()
        with client, pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell")
def test_unsent_counts_what_is_not_acknowledged() -> None:
    """A peer that doesn't read: its kernel takes some, the rest is unsent until it is read."""
    with kernel.listen(HOST, 0) as sock:
        client, server = connected(sock)
        with client, server:
            assert kernel.unsent(server) == 0
            server.setblocking(False)
            sent = 0
            try:
                while True:
                    sent += server.send(b"x" * 65_536)
            except BlockingIOError:
                assert kernel.unsent(server) > 0
            left = sent
            while left:
                left -= len(client.recv(1 << 20))
            deadline = time.monotonic() + 5
            while kernel.unsent(server) and time.monotonic() < deadline:
                time.sleep(0.001)
            assert kernel.unsent(server) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_can_have_as_many_sockets_as_it_may_ask_for() -> None:
    """In a process of its own: the soft limit becomes the hard one, and stays there."""
    program = (
        "import resource as r\n"
        "from ollama_simulator.net import kernel\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "hard = 300 if hard == r.RLIM_INFINITY else min(hard, 300)\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (100, hard))\n"
        "kernel.raise_limit(); kernel.raise_limit()\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE) == (hard, hard))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "True\n"
