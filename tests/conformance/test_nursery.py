"""Balancers that are forked are like balancers that are started."""

import asyncio
import os
import signal
import sys

import psutil
import pytest

from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment, Setup
from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.net.client import Client

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
SETUP = Setup((1,), 5.0)


def below() -> set[int]:
    """All processes below this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize("flaw", [None, "drops-path"])
def test_it_serves_and_is_gone(flaw: str | None) -> None:
    """Each on a port of its own; with the nursery all are gone."""
    before = below()

    async def main() -> None:
        balancer = Reference(flaw)
        async with balancer.in_use():
            async with balancer.running(SETUP) as one, balancer.running(SETUP) as two:
                assert one.port != two.port
                for subject in (one, two):
                    (await Client.connect("127.0.0.1", subject.port, 1.0)).close()
                    assert subject.ended() is None
                assert one.pid in below()
            assert one.pid not in below()
        assert below() == before

    asyncio.run(main())


def test_one_that_dies_says_how() -> None:
    """Its status, as that of any process."""

    async def main() -> str | None:
        balancer = Reference()
        async with balancer.in_use(), balancer.running(SETUP) as subject:
            assert subject.pid is not None
            os.kill(subject.pid, signal.SIGKILL)
            await subject.processes[0].wait()
            return subject.ended()

    ended = asyncio.run(main())
    assert ended is not None
    assert ended.startswith("it ended with status -9; it said:\n    listening on")


def test_one_that_does_not_start() -> None:
    """Its last words are told."""

    async def main() -> None:
        balancer = Reference()
        async with balancer.in_use(), balancer.running(Setup((), 5.0)):
            pass

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    told = r"(?s)status 2; it said:.*--server"
    assert raised.group_contains(BrokenEnvironment, match=told)


def test_when_the_suite_dies_so_do_they() -> None:
    """The nursery's input ends, and it ends its children."""

    async def main() -> None:
        async with Nursery.open() as nursery:
            assert nursery is not None
            log = "/dev/null"
            words = ["", "--listen=127.0.0.1:0", "--server=http://127.0.0.1:1=One"]
            child = await nursery.start(words, log)
            assert psutil.pid_exists(child.pid)
        assert await asyncio.wait_for(child.wait(), 5) == -signal.SIGKILL
        assert not psutil.pid_exists(child.pid)

    asyncio.run(main())


def test_no_one_waits_for_a_nursery_that_died() -> None:
    """Its children are told to be dead, and whoever wants another one gets an error."""

    async def main() -> None:
        async with Nursery.open() as nursery:
            assert nursery is not None
            words = ["", "--listen=127.0.0.1:0", "--server=http://127.0.0.1:1=One"]
            child = await nursery.start(words, "/dev/null")
            nursery._process.kill()
            assert await asyncio.wait_for(child.wait(), 5) == -signal.SIGKILL
            psutil.Process(child.pid).kill()  # nobody else is left to do it
            with pytest.raises(ProcessLookupError, match="has ended"):
                await nursery.start(words, "/dev/null")

    asyncio.run(main())


def test_signals_to_the_whole_group_are_for_the_suite() -> None:
    """The nursery stays, to end its children in order; and they are told as all others are."""

    async def main() -> None:
        async with Nursery.open() as nursery:
            assert nursery is not None
            words = ["", "--listen=127.0.0.1:0", "--server=http://127.0.0.1:1=One"]
            child = await nursery.start(words, "/dev/null")
            for number in (signal.SIGINT, signal.SIGTERM):
                nursery._process.send_signal(number)
            other = await asyncio.wait_for(nursery.start(words, "/dev/null"), 5)
            child.terminate()
            other.terminate()
            assert await asyncio.wait_for(child.wait(), 5) in (0, -signal.SIGTERM)
            assert await asyncio.wait_for(other.wait(), 5) in (0, -signal.SIGTERM)

    asyncio.run(main())


def test_without_fork_each_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "fork")

    async def main() -> None:
        balancer = Reference()
        async with balancer.in_use(), balancer.running(SETUP) as subject:
            process = psutil.Process(subject.pid)
            assert process.ppid() == os.getpid()
            assert process.exe() == psutil.Process().exe() or sys.executable in process.cmdline()

    asyncio.run(main())
