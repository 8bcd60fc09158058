"""What a block leaves behind (nothing), however it ends; and where it may be entered."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.fleet_file import BadFile
from ollama_simulator.net.client import Client
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.settings import Settings
from ollama_simulator.simulation.ended import Ended
from ollama_simulator.simulation.http import Unreachable
from ollama_simulator.simulation.simulate import connect, simulate
from ollama_simulator.simulation.verdict import Unverified
from tests.simulation.ways import ask

SOURCE = Path(__file__).resolve().parent.parent.parent / "src"


@pytest.fixture(autouse=True, scope="module")
def what_stays_for_ever() -> None:
    """libuv makes a pipe for signals when a process has its first loop."""
    with simulate():
        pass


def handles() -> int:
    """File descriptors (or handles) of this process."""
    gc.collect()
    process = psutil.Process()
    return int(process.num_handles() if os.name == "nt" else process.num_fds())


def refused(port: int) -> bool:
    """Whether the kernel refuses."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_nothing_is_left() -> None:
    before = handles(), threading.active_count()
    with simulate(servers=3) as fleet:
        assert threading.active_count() == before[1] + 1
        assert ask(fleet[0].url).status == 200
        fleet[1].behave(Frozen())
        ports = [server.port for server in fleet]
        fleet.add()
    assert (handles(), threading.active_count()) == before
    assert all(refused(port) for port in ports)


def test_nothing_is_left_of_a_block_in_a_loop() -> None:
    async def main() -> None:
        before = handles(), len(asyncio.all_tasks())
        async with simulate(servers=3) as fleet:
            port = fleet[0].port
            assert not refused(port)
        assert (handles(), len(asyncio.all_tasks())) == before
        assert refused(port)

    asyncio.run(main())


THOUSAND = """
import threading
import psutil
from ollama_simulator import simulate

process = psutil.Process()
handles = process.num_handles if hasattr(process, "num_handles") else process.num_fds
for number in range(1000):
    with simulate() as fleet:
        assert len(fleet.urls) == 1
    if number in (100, 550, 999):
        print(handles(), threading.active_count(), process.memory_info().rss)
"""


@pytest.mark.timeout(300)
def test_a_thousand_blocks_in_a_row() -> None:
    """They leave no more than one does, and neither sockets nor threads wait for anybody. In a
    process of their own, whose memory nobody else uses."""
    run = subprocess.run(
        [sys.executable, "-c", THOUSAND], capture_output=True, text=True, timeout=290, check=False
    )
    assert run.returncode == 0, run.stderr
    sizes = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert sizes[0][:2] == sizes[1][:2] == sizes[2][:2]
    assert sizes[2][2] - sizes[1][2] < 20_000_000, "bytes that 450 blocks leave"


def test_what_is_raised_in_a_block_ends_it() -> None:
    with pytest.raises(ZeroDivisionError), simulate() as fleet:  # noqa: PT012 - that is the point
        port = fleet[0].port
        raise ZeroDivisionError
    assert refused(port)


def test_requests_that_hang_do_not_hold_the_end_up() -> None:
    answers = []
    with simulate(servers=2) as fleet:
        fleet.behave(Hang())
        url = fleet[0].url
        asking = threading.Thread(target=lambda: answers.append(ask(url)))
        asking.start()
        fleet.journal.wait_for("Received")
        if sys.platform == "linux":
            fleet[1].behave(ConnectTimeout())
        began = time.monotonic()
    assert time.monotonic() - began < 2
    asking.join(5)
    assert answers[0].status is None


def test_two_fleets_at_a_time_know_nothing_of_each_other() -> None:
    with simulate(servers=2, seed=1) as one, simulate(servers=2, seed=2) as other:
        assert not set(one.urls) & set(other.urls)
        assert ask(one[0].url).body != ask(other[0].url).body
        one[0].behave(Hang())
        assert ask(other[0].url).status == 200
        assert len(one.journal.where("Asked")) == 1
        assert len(other.journal.where("Asked")) == 2


def test_the_same_seed_says_the_same() -> None:
    def said(seed: int) -> object:
        with simulate(seed=seed) as fleet:
            return json.loads(ask(fleet[0].url).body)["message"]

    assert said(3) == said(3)
    assert said(3) != said(4)


def test_one_simulation_can_be_entered_again_but_not_twice() -> None:
    made = simulate()
    with made as fleet:
        port = fleet[0].port
        with pytest.raises(RuntimeError, match="entered already"), made:
            pass
        assert not refused(port)
    with made as again:
        assert ask(again[0].url).status == 200


def test_a_fleet_that_has_ended_says_so_but_for_its_journal() -> None:
    with simulate() as fleet:
        rule = fleet[0].inject(Hang(), path="/nowhere")
        ask(fleet[0].url)
    for wish in (fleet[0].info, fleet.heal, rule.heal, fleet.add, lambda: fleet[0].models):
        with pytest.raises(Ended, match="its `with` block is over"):
            wish()
    assert len(fleet.journal.verify("Finished", outcome="complete")) == 1
    assert fleet[0].requests[0].json["model"] == "test-model"
    assert rule.struck == 0
    began = time.monotonic()
    with pytest.raises(Unverified, match="there is no Queued"):
        fleet.journal.wait_for("Queued", timeout=20)
    assert time.monotonic() - began < 5


def test_the_same_in_a_loop() -> None:
    async def main() -> None:
        async with simulate() as fleet:
            await fleet[0].inject(Hang())
        for wish in (fleet[0].info, fleet.heal, fleet.add):
            with pytest.raises(Ended, match="its `with` block is over"):
                await wish()
        await fleet.journal.verify("Injected", fault="Hang")
        with pytest.raises(Unverified, match="there is no Queued"):
            await fleet.journal.wait_for("Queued", timeout=20)

    asyncio.run(main())


def test_one_that_is_elsewhere_is_asked_within_the_block_alone() -> None:
    """Its journal, too: what happened there since then isn't here."""

    async def main(url: str) -> None:
        async with connect(url) as there:
            assert await there.journal.records == []
        with pytest.raises(Ended, match="its `with` block is over"):
            await there.journal.records

    with simulate(control=True) as fleet:
        assert fleet.control_url is not None
        with connect(fleet.control_url) as there:
            assert there.journal.records == []
        for wish in (
            there.info,
            there.heal,
            lambda: there.journal.records,
            lambda: there.journal.wait_for("Queued", timeout=20),
            lambda: there[0].requests,
        ):
            with pytest.raises(Ended, match="its `with` block is over"):
                wish()
        asyncio.run(main(fleet.control_url))


def test_a_port_that_is_taken_is_told_by_the_block() -> None:
    before = handles(), threading.active_count()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken"), simulate(ports=[0, port]):
            pass
        with pytest.raises(PortTaken, match=f"port {port} is taken"), simulate(control=port):
            pass

        async def main() -> None:
            async with simulate(ports=[0, port]):
                pass

        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            asyncio.run(main())
    assert (handles(), threading.active_count()) == before


def test_what_is_wrong_with_arguments_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(
        "seed = 5\nworkers = 2\n[[servers]]\nnum_parallel = 2\ncount = 2\n", encoding="utf-8"
    )
    broken = tmp_path / "broken.toml"
    broken.write_text("[[servers]]\nnum_paralel = 2\n", encoding="utf-8")
    cases: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"servers": 0}, ValueError, "at least one"),
        ({"servers": []}, ValueError, "at least one"),
        ({"servers": ["s1"]}, TypeError, "servers: 's1' is no Settings of a server"),
        ({"servers": 2.5}, TypeError, "servers: 2.5 is neither a number"),
        ({"servers": "3"}, TypeError, "servers: '3' is neither a number"),
        ({"servers": True}, TypeError, "servers: True is neither a number"),
        ({"servers": 2, "ports": [0]}, ValueError, "there are 1, but 2 servers"),
        ({"ports": [70000]}, ValueError, "ports: 70000 is no port"),
        ({"ports": ["0"]}, TypeError, "ports: '0' is no whole number"),
        ({"ports": 11501}, TypeError, "ports: 11501 is no list of ports"),
        ({"ports": "11501"}, TypeError, "ports: '11501' is no list of ports"),
        ({"control": -1}, ValueError, "control: -1 is no port"),
        ({"control": "yes"}, TypeError, "control: 'yes' is no whole number"),
        ({"seed": "seven"}, TypeError, "seed: 'seven' is no whole number"),
        ({"clock": 3}, TypeError, "clock: 3 is none"),
        ({"speed": "fast"}, TypeError, "speed: 'fast' is no number"),
        ({"speed": 0}, ValueError, "can't go 0 times as fast"),
        ({"speed": 2.0, "clock": VirtualClock()}, TypeError, "speed: a clock"),
        ({"profil": "seed"}, TypeError, "'profil' .* did you mean 'profile'"),
        ({"num_parallel": "2"}, ValueError, "num_parallel: Expected `int`, got `str`"),
        ({"servers": [Settings()], "gpu": False}, TypeError, "gpu: with whole settings"),
        ({"servers": [Settings(max_queue=-1)]}, ValueError, r"^Settings\(…\): max_queue: Expected"),
        ({"workers": 2}, TypeError, "workers: .* in this process; .*connect"),
        ({"config": file, "seed": 3}, TypeError, "seed: with config, the file says that"),
        ({"config": file, "gpu": False}, TypeError, "gpu: with config, the file says that"),
        ({"config": broken}, BadFile, "broken.toml:2:1: .*num_paralel"),
        ({"config": tmp_path / "none.toml"}, BadFile, "none.toml: No such file"),
    ]
    for arguments, error, words in cases:
        with pytest.raises(error, match=words):
            simulate(**arguments)  # type: ignore[arg-type]
    with simulate(config=str(file)) as fleet:
        assert (len(fleet), fleet.seed) == (2, 5)
        assert fleet[1].info().settings["num_parallel"] == 2
        assert fleet[1].info().worker is None  # whatever the file says


def test_servers_may_differ() -> None:
    with simulate([Settings(num_parallel=2), Settings(wire="0.13.5")]) as fleet:
        assert [server.info().settings for server in fleet] == [
            {"num_parallel": 2},
            {"wire": "0.13.5"},
        ]
    with simulate(servers=2, num_parallel=4, installed_models=["qwen3"]) as fleet:
        assert fleet[1].models == ["qwen3"]
        assert fleet[1].info().settings["num_parallel"] == 4


def test_time_may_go_faster() -> None:
    with simulate(speed=1000) as fleet:
        began = time.monotonic()
        fleet[0].restart(60)
        assert fleet.journal.wait_for("Restarted").seconds >= 60
        assert time.monotonic() - began < 5


def test_time_may_be_virtual_in_its_own_loop() -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with simulate(clock=clock) as fleet:
            await fleet[0].restart(3600)
            await fleet.journal.wait_for("Restarted", timeout=7200)
            assert 3600 <= clock.now() < 3601

    clock.run(main())
    with pytest.raises(TypeError, match="clock: a virtual one"), simulate(clock=clock):
        pass


def test_calls_from_wrong_places_are_errors_and_no_deadlocks() -> None:
    with simulate() as fleet:
        ask(fleet[0].url)
        with pytest.raises(RuntimeError, match="a function that a journal calls"):
            fleet.journal.where("Finished", status=lambda _: fleet.journal.records)
        with pytest.raises(ZeroDivisionError):
            fleet.journal.where("Finished", status=lambda _: 1 / 0)
        assert fleet[0].info().requests == 1


def test_many_threads_may_ask_at_a_time() -> None:
    with simulate(servers=3) as fleet:
        rules: list[int] = []

        def work() -> None:
            for _ in range(20):
                with fleet.inject(Hang(), path="/nowhere") as rule:
                    rules.append(rule.id)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(rules) == list(range(1, 161))
        assert all(not server.rules for server in fleet)


def test_begun_in_one_task_and_ended_in_another() -> None:
    """As fixtures of some pytest plugins do."""

    async def main() -> None:
        made = simulate()
        fleet = await asyncio.get_running_loop().create_task(made.__aenter__())
        async with await Client.connect("127.0.0.1", fleet[0].port, 5) as client:
            await client.ask("GET", "/api/version")
            assert (await client.head(5)).status == 200
        await asyncio.get_running_loop().create_task(made.__aexit__(None, None, None))
        assert refused(fleet[0].port)

    asyncio.run(main())


def test_cancelled_while_it_begins() -> None:
    async def main() -> None:
        before = handles()
        for turns in range(4):
            task = asyncio.get_running_loop().create_task(simulate().__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                continue
            assert len(asyncio.all_tasks()) == 1
        assert handles() == before

    asyncio.run(main())


def test_nobody_there_to_connect_to() -> None:
    with claimed() as (port,):
        nobody = connect(f"http://127.0.0.1:{port}")
        with pytest.raises(Unreachable, match=r"refused.*is a simulator running there"), nobody:
            pass
    with simulate() as fleet:
        other = connect(fleet[0].url)
        with pytest.raises(Unreachable, match="is that a control API"), other:
            pass
    for wrong in ("https://x", "http://x/path", "http://", "http://x:99999", "ftp://x"):
        with pytest.raises(ValueError, match="is no URL of a control API"):
            connect(wrong)


def program(code: str) -> subprocess.Popen[str]:
    """A program that uses the package."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_it() -> None:
    """While the main thread waits for the fleet, too."""
    with program(
        "import signal\n"
        "from ollama_simulator import simulate\n"
        # What runs the tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with simulate() as fleet:\n"
        "    print(fleet[0].port, flush=True)\n"
        "    fleet.journal.wait_for('Asked', timeout=60)\n"
    ) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline())
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in errors
    assert refused(port)


def test_a_program_may_end_without_leaving_the_block() -> None:
    with program(
        "from ollama_simulator import simulate\n"
        "fleet = simulate().__enter__()\n"
        "print(fleet[0].info().name)\n"
    ) as running:
        output, errors = running.communicate(timeout=20)
    assert (output, errors, running.returncode) == ("s1\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_has_no_fleet() -> None:
    """It says so instead of waiting for a thread that it hasn't got, and disturbs nobody."""
    with program(
        "import os, sys\n"
        "from ollama_simulator import simulate, Ended\n"
        "with simulate() as fleet:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try:\n"
        "            fleet[0].info()\n"
        "        except Ended as error:\n"
        "            assert 'was forked' in str(error)\n"
        "            sys.exit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "    print(fleet[0].info().name)\n"
    ) as running:
        output, errors = running.communicate(timeout=20)
    assert (output, errors, running.returncode) == ("s1\n", "", 0)
