"""Starting and stopping balancers."""

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers import adapter, process
from ollama_simulator.conformance.balancers.adapter import (
    MOST_MISSES,
    Balancer,
    BrokenEnvironment,
    NotStarted,
    Place,
    Running,
    Setup,
)
from ollama_simulator.conformance.balancers.program import Program
from ollama_simulator.conformance.balancers.reference import Reference, seed_options
from ollama_simulator.conformance.player import Game, play
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.net.client import Client
from tests.conformance.making import case


class Script(Balancer):
    """A Python one-liner in a balancer's place."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.pid = 0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """The one-liner."""
        return [[sys.executable, "-c", self.source]]

    async def ready(self, running: Running) -> None:
        """Wait for a line."""
        self.pid = running.pid or 0
        while b"\n" not in process.read(running.output):
            await adapter.pause(running)


def test_the_seed_command_line() -> None:
    """The options as the seed's program takes them."""
    assert seed_options(Setup((11501, 11502), 5.0)) == [
        "--timeout=5",
        "--server=http://127.0.0.1:11501=Server11501",
        "--server=http://127.0.0.1:11502=Server11502",
    ]


def test_embedded_starts_and_is_gone_afterwards() -> None:
    """It accepts while it runs, and leaves no process."""

    async def main() -> None:
        before = {child.pid for child in psutil.Process().children()}
        async with Reference().running(Setup((1,), 5.0)) as subject:
            (await Client.connect("127.0.0.1", subject.port, 1.0)).close()
            assert subject.ended() is None
            assert len({child.pid for child in psutil.Process().children()} - before) == 1
        assert {child.pid for child in psutil.Process().children()} == before

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to ignore on Windows")
def test_a_balancer_that_ignores_sigterm_is_killed() -> None:
    """The grace is short, and nobody can refuse the kill."""
    script = Script(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )

    async def main() -> None:
        async with script.running(Setup((), 5.0)):
            assert psutil.pid_exists(script.pid)
        assert not psutil.pid_exists(script.pid)

    asyncio.run(main())


def test_a_balancer_that_ends_at_once() -> None:
    """Its status and last words are told."""

    async def main() -> None:
        script = Script("import sys; sys.stderr.write('no such option'); sys.exit(3)")
        async with script.running(Setup((), 5.0)):
            pass

    with pytest.raises(BrokenEnvironment, match=r"status 3; it said:\n    no such option"):
        asyncio.run(main())


def test_a_balancer_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has a limit, and the process is gone afterwards."""
    monkeypatch.setattr(Script, "ready_s", 0.5)
    script = Script("import time; time.sleep(60)")

    async def main() -> None:
        async with script.running(Setup((), 5.0)):
            pass

    with pytest.raises(
        BrokenEnvironment, match=r"^the balancer was not ready within 0\.5 s; it said nothing"
    ):
        asyncio.run(main())
    assert not psutil.pid_exists(script.pid)


def test_one_that_started_before_is_given_another_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be chance that it did not start; but not if it is never ready any more."""
    monkeypatch.setattr(Script, "ready_s", 2.0)
    script = Script("import time; print('up', flush=True); time.sleep(60)")

    async def start(source: str) -> None:
        script.source = source
        async with script.running(Setup((), 5.0)):
            pass

    async def main() -> list[type[Exception]]:
        up, raised = script.source, list[type[Exception]]()
        await start(up)
        monkeypatch.setattr(Script, "ready_s", 0.3)
        for source in ("import sys; sys.exit(3)", *["import time; time.sleep(60)"] * MOST_MISSES):
            try:
                await start(source)
            except BrokenEnvironment as error:
                raised.append(type(error))
        return raised

    assert asyncio.run(main()) == [*[NotStarted] * MOST_MISSES, BrokenEnvironment]


def test_a_case_whose_balancer_did_not_start_is_inconclusive() -> None:
    """If it started before; and the reason is told."""
    balancer = Reference()
    balancer.known_to_start = True

    async def main() -> Result:
        async with Steadiness(WallClock()).watching() as steadiness:
            wrong = case()
            options = ("--no-such-option",)
            scenario = msgspec.structs.replace(wrong.scenario, options=options)
            played = await play(Case(scenario), Game(balancer, steadiness))
            return played.result

    result = asyncio.run(main())
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("the balancer ended at once with status 2; it said:")


def test_no_such_program(tmp_path: Path) -> None:
    """A path to nothing, a directory, and a file that can't be run."""
    with pytest.raises(BrokenEnvironment, match="there is no such file"):
        Program(str(tmp_path / "nothing"))
    with pytest.raises(BrokenEnvironment, match="it is a directory"):
        Program(str(tmp_path))
    if sys.platform != "win32":
        plain = tmp_path / "plain"
        plain.write_text("no program")
        with pytest.raises(BrokenEnvironment, match="not executable"):
            Program(str(plain))


def test_a_python_script_is_run_by_this_python(tmp_path: Path) -> None:
    """So that it needs no execution bit, on any system."""
    script = tmp_path / "balancer.py"
    script.write_text("")
    assert Program(str(script)).commands(Setup((), 2.0), Place(1, tmp_path))[0][:2] == [
        sys.executable,
        str(script),
    ]


def test_a_balancer_that_dies_later() -> None:
    """Its status and last words are told."""
    script = Script(
        "import time; print('up', flush=True); time.sleep(0.3); print('out of luck');"
        "raise SystemExit(7)"
    )

    async def main() -> str | None:
        async with script.running(Setup((), 5.0)) as subject:
            for _ in range(100):
                if subject.ended() is not None:
                    break
                await asyncio.sleep(0.05)
            return subject.ended()

    assert asyncio.run(main()) == "it ended with status 7; it said:\n    up\n    out of luck"


def test_who_is_cancelled_leaves_nothing_running() -> None:
    """The kill comes at once then, as a second Ctrl-C is no reason to leave a process behind."""
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); "

    async def main() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"{stubborn} time.sleep(60)", stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        await child.stdout.readline()
        stopping = asyncio.ensure_future(process.stop(child, 30.0))
        await asyncio.sleep(0.05)
        stopping.cancel()
        assert await asyncio.wait_for(child.wait(), 5) == -9
        with pytest.raises(asyncio.CancelledError):
            await stopping

    asyncio.run(main())


def test_who_is_cancelled_while_one_starts_has_it_all_the_same() -> None:
    """So that it can be ended in order."""
    begun = asyncio.Event()

    async def starting() -> process.Process:
        begun.set()
        await asyncio.sleep(0.1)
        return await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")

    async def main() -> None:
        started: list[process.Process] = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(process.start(starting(), started))
            await begun.wait()
            task.cancel()
        assert task.cancelled()
        assert [await each.wait() for each in started] == [0]

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there are no groups of processes on Windows")
@pytest.mark.parametrize("ignored", [True, False])
def test_what_a_balancer_has_started_ends_with_it(ignored: bool, tmp_path: Path) -> None:
    """Whether it is killed, or ends by itself and cares for nobody."""
    told = tmp_path / "pid"
    script = Script(
        "import pathlib, signal, subprocess, time;"
        f"signal.signal(signal.SIGTERM, signal.{'SIG_IGN' if ignored else 'SIG_DFL'});"
        "child = subprocess.Popen(['sleep', '60']);"
        f"pathlib.Path({str(told)!r}).write_text(str(child.pid));"
        "print('up', flush=True); time.sleep(60)"
    )

    async def main() -> None:
        async with script.running(Setup((), 5.0)):
            child = psutil.Process(int(told.read_text()))
            assert child.is_running()
        with contextlib.suppress(psutil.NoSuchProcess):
            child.wait(5)
        assert not child.is_running()

    asyncio.run(main())
