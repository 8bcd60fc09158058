"""Starts balancers in Python quickly: one process has everything imported, and forks the others.

A balancer started by itself takes a fifth of a second of the CPU to import what it needs, and some
products in Python take ten seconds. Hundreds of cases are played against one each, so here they are
children of a process that did that once. Where there is no fork (Windows) they are started one by
one.

The nursery is told over its standard input, and tells over its standard output, a JSON object a
line: `{"start": NUMBER, "words": [...], "output": PATH, "environment": {...}}`, `{"signal": NUMBER,
"what": 15}`; back come `{"ready": true}`, `{"started": NUMBER, "pid": PID}` and `{"ended": NUMBER,
"status": STATUS}`.

For products this file is run by their own Python, which has nothing of ours, with the names of the
modules that it imports in advance. A child then runs the script that is its first word.

Rules of this file:

1. A signal is sent by who waits for the process, so it never hits another one of the same id. Each
   child leads a group of its own, so that `process.stop` can end what it leaves behind.
2. When its input ends, the nursery ends, and its children with it. No signal but the kill that
   nobody can refuse ends it before, since whoever ends the suite often ends all of its group; and
   a terminal's Ctrl-C doesn't reach it, as it is in a session of its own.

It must not import the scenarios, nor anything of this package when it is loaded.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

BEAT_S = 0.02
"""How often the nursery looks whether a child has ended."""
ENDING = (signal.SIGINT, signal.SIGTERM)
MODULES = tuple(sys.argv[1:]) if __name__ == "__main__" else ()
"""What is imported in advance, in a nursery of a product."""


class Forked:
    """A child, as far as it is like a process of asyncio's."""

    def __init__(self, nursery: "Nursery", number: int) -> None:
        self._nursery = nursery
        self._number = number
        self.pid = 0
        self.returncode: int | None = None
        self.started = asyncio.Event()
        self._ended = asyncio.Event()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._nursery.tell({"signal": self._number, "what": int(signal.SIGTERM)})

    def kill(self) -> None:
        """Send SIGKILL."""
        self._nursery.tell({"signal": self._number, "what": int(signal.SIGKILL)})

    async def wait(self) -> int:
        """Wait for its end."""
        await self._ended.wait()
        return self.returncode or 0

    def end(self, status: int) -> None:
        """It ended."""
        self.returncode = status
        self.started.set()
        self._ended.set()


class Nursery:
    """The process that forks, seen from the suite."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._children: dict[int, Forked] = {}
        self._count = 0
        self._over = False
        self._ready = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        python: str = "",
        modules: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> AsyncIterator["Nursery | None"]:
        """One for a block, which has imported all; None where there is no fork. Of reference
        balancers, or of what another Python runs, which imports some modules with some variables
        set."""
        if not hasattr(os, "fork"):
            yield None
            return
        # Beside this file are others that are called like products: they must not be found first.
        told = [python, "-P", __file__, *modules] if python else [sys.executable, "-m", __name__]
        process = await asyncio.create_subprocess_exec(
            *told,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        nursery = cls(process)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(nursery._read())
            try:
                # Until then nothing is started, so that who is ended meanwhile needn't wait.
                await nursery._ready.wait()
                yield nursery
            finally:
                assert process.stdin is not None
                process.stdin.close()
                if not nursery._children:  # it would end by itself, but may be importing still
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.wait()
                reading.cancel()

    async def start(
        self, words: list[str], output: str, environment: Mapping[str, str] | None = None
    ) -> Forked:
        """Start a balancer: by a script and its words, or by those of the flaws' command line, of
        which without a flaw the first is empty. What it prints goes to the end of a file. Raises
        `ProcessLookupError` if the nursery has ended."""
        if self._over:
            raise ProcessLookupError("the process that starts reference balancers has ended")
        self._count += 1
        child = self._children[self._count] = Forked(self, self._count)
        variables = dict(environment or {})
        self.tell(
            {"start": self._count, "words": words, "output": output, "environment": variables}
        )
        await child.started.wait()
        return child

    def tell(self, words: dict[str, Any]) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(words).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            heard = json.loads(line)
            if "ready" in heard:
                self._ready.set()
            elif "started" in heard:
                child = self._children[heard["started"]]
                child.pid = heard["pid"]
                child.started.set()
            else:
                self._children.pop(heard["ended"]).end(heard["status"])
        self._over = True
        self._ready.set()
        for child in self._children.values():
            child.end(-signal.SIGKILL)


# --- the nursery's own process ----------------------------------------------------------------


def _say(words: dict[str, Any]) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _child(words: list[str], output: str, environment: Mapping[str, str]) -> None:
    """What a child does. Never returns."""
    status = 1
    os.setsid()  # so that what it starts can be ended with it
    try:
        file = os.open(output, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        os._exit(status)  # the case was given up meanwhile
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, copy in ((nothing, 0), (file, 1), (file, 2)):
            os.dup2(descriptor, copy)
        os.environ.update(environment)
        if MODULES:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
            status = 0
        else:
            from ollama_simulator.conformance.flaws import __main__ as program

            status = program.run(words)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    """Fork when told, and tell who ended, until the input ends."""
    # They are for the suite, which then tells us. A child gets those meant for it when it is ready.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for module in MODULES:
        with contextlib.suppress(ImportError):  # another version may not have it
            importlib.import_module(module)
    if not MODULES:
        from ollama_simulator.conformance.flaws import __main__ as program

        program.prepare()
        importlib.import_module("ollama_simulator.wire.routes")  # what version 1.0.4 imports late
    gc.freeze()  # what is there already is shared with the children, and stays so
    pids: dict[int, int] = {}
    try:
        with contextlib.suppress(BrokenPipeError):  # the suite is gone: as if its input had ended
            _say({"ready": True})
            _fork_when_told(pids)
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork_when_told(pids: dict[int, int]) -> None:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        while True:
            if selector.select(BEAT_S):
                data = os.read(0, 1 << 16)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    heard = json.loads(line)
                    if "start" in heard:
                        number = heard["start"]
                        pid = os.fork()
                        if pid == 0:
                            selector.close()
                            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
                            _child(heard["words"], heard["output"], heard["environment"])
                        pids[number] = pid
                        _say({"started": number, "pid": pid})
                    elif heard["signal"] in pids:
                        os.kill(pids[heard["signal"]], heard["what"])
            for number, pid in tuple(pids.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del pids[number]
                    _say({"ended": number, "status": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    _serve()
