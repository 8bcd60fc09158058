"""Two simulators want the same ports: one has them, and the other names one and its holder."""

from __future__ import annotations

import re
import socket
import subprocess
import time

import pytest

from ollama_simulator.settings import HELPER_OFFSET
from tests.acceptance.program import Program, command, environment, run_to_end
from tests.acceptance.rawhttp import HOST, ask
from tests.acceptance.test_start_stop import arguments, free_ports

TAKEN = r"^error: port (\d+) is taken( by .+ \(pid \d+\))?$"


def test_a_taken_port_of_a_helper() -> None:
    """It is named, with the server that it is for."""
    with free_ports(2) as (control, server):
        if server + HELPER_OFFSET > 65535:
            pytest.skip("the kernel gave a port that is too high for a helper")
        with socket.create_server((HOST, server + HELPER_OFFSET)):
            ended = run_to_end(*arguments(control, [server]), "--helpers")
    assert ended.returncode == 2
    helper = server + HELPER_OFFSET
    words = rf"error: port {helper} is taken.*; the helper of the server on port {server} needs it"
    assert re.fullmatch(words, ended.stderr.strip()), ended.stderr


@pytest.mark.parametrize("turn", range(3))
def test_two_at_the_same_moment(turn: int) -> None:
    """One of them serves on every port, and the other ends with 2 and one line."""
    with free_ports(4) as (control, *servers):
        both = [
            subprocess.Popen(
                [*command(), *arguments(control, servers), "--log", "json"],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        try:
            deadline = time.monotonic() + 60
            while not (over := [each for each in both if each.poll() is not None]):
                assert time.monotonic() < deadline, "both serve"
                time.sleep(0.02)
            (loser,) = over
            (winner,) = (each for each in both if each is not loser)
            assert loser.returncode == 2
            assert loser.stderr is not None
            found = re.search(TAKEN, loser.stderr.read().strip())
            assert found is not None
            assert int(found[1]) in (control, *servers)
            assert winner.stdout is not None
            assert '"kind":"Started"' in winner.stdout.readline()
            for port in servers:
                assert ask(port, "GET", "/").status == 200
            assert ask(control, "GET", "/health").status == 200
        finally:
            for each in both:
                each.kill()
                each.communicate()


def test_one_that_is_started_while_another_runs() -> None:
    """Whichever port is the same; the first is not disturbed."""
    with Program(*arguments(0, [0, 0])) as first, free_ports(2) as (control, server):
        for given in (
            arguments(first.control_port, [server]),
            arguments(control, [server, first.ports[1]]),
        ):
            ended = run_to_end(*given)
            assert ended.returncode == 2
            found = re.search(TAKEN, ended.stderr.strip())
            assert found is not None, ended.stderr
            assert int(found[1]) in (first.control_port, first.ports[1])
            assert f"(pid {first.process.pid})" in found[0]
        assert ask(first.ports[1], "GET", "/").status == 200
