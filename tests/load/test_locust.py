"""Locust plays workloads: alone, and as one master with two workers.

Locust changes the process that imports it, so it runs in processes of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.dialects import NativeChat
from ollama_simulator.load.document import Document
from ollama_simulator.records import Asked, Received
from ollama_simulator.workload import named
from tests.acceptance.program import environment

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="needs Locust: python -m pip install '.[locust]'",
)

FAST = Normal(tokens_per_sec=200.0, prompt_eval_tokens_per_sec=1e9)
LONGEST_S = 60.0
"""Seconds for all processes of a test."""
MODEL = "test-model:latest"


@contextlib.asynccontextmanager
async def locust(folder: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of Locust, which is ended with the context at the latest."""
    file = folder / "locustfile.py"
    file.write_text(
        "from ollama_simulator.load.locust_user import WorkloadUser\n", encoding="utf-8"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(file), *options),
        cwd=folder,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> str:
    """What it printed until its end."""
    out, _ = await process.communicate()
    return out.decode()


def trace(folder: Path) -> Path:
    """Twelve requests in three seconds, each with an answer of four tokens."""
    file = folder / "trace.csv"
    rows = [f"{n * 0.25},{20 + n},4" for n in range(12)]
    file.write_text("\n".join(["at,prompt,answer", *rows]) + "\n", encoding="utf-8")
    return file


def rows(printed: str) -> dict[str, tuple[int, int]]:
    """Of Locust's last table: how many of each kind, and how many of them failed."""
    last = printed.rpartition("Type     Name      ")[0]
    found = re.findall(r"^(GAP|POST|TTFT) +/api/chat +(\d+) +(\d+)\(", last, re.MULTILINE)
    return {kind: (int(count), int(failed)) for kind, count, failed in found}


async def _together(folder: Path, port: str) -> None:
    file, numbers = trace(folder), folder / "load.json"
    at = ("--master-host", "127.0.0.1", "--master-port", port)
    options = (
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", "2", "--headless", "--users", "8", "--spawn-rate", "100"),
        *("--run-time", "40s", "--trace", str(file), "--nonce", "n"),
        *("--load-json", str(numbers)),
    )
    async with Fleet() as fleet:
        await fleet.behave(None, FAST)
        url = f"http://127.0.0.1:{fleet.ports[0]}"
        async with (
            locust(folder, *options, "--host", url) as master,
            locust(folder, "--worker", *at) as one,
            locust(folder, "--worker", *at) as other,
        ):
            printed, *_ = await asyncio.gather(*map(ended, (master, one, other)))
            assert [each.returncode for each in (master, one, other)] == [0, 0, 0], printed
        received = fleet.journal.where(Received)
        assert len(fleet.journal.where(Asked)) == 12
    # Each session was played once, and as one process alone would have played it.
    asked = [Conversation(each, MODEL, "n").ask() for each in named.workload(file=file).sessions()]
    assert sorted(record.digest for record in received) == sorted(
        hashlib.sha256(NativeChat().body(each)).hexdigest() for each in asked
    )
    assert rows(printed) == {"POST": (12, 0), "TTFT": (12, 0), "GAP": (36, 0)}
    assert "12 requests in " in printed
    assert "12 complete, 0 failed (the workload was over)" in printed
    found = msgspec.json.decode(numbers.read_bytes(), type=Document)
    assert (found.requests, found.complete, found.ttft.count, found.gap.count) == (12, 12, 12, 36)
    assert (found.played.loop, found.played.in_flight, found.answer_tokens) == ("open", 8, 48)
    assert 2.75 <= found.seconds < 20


def test_one_master_and_two_workers(tmp_path: Path) -> None:
    """They share the workload, end when it is over, and sum up what Locust can't."""
    with claimed() as (port,):
        asyncio.run(asyncio.wait_for(_together(tmp_path, str(port)), LONGEST_S))


async def _alone(folder: Path) -> None:
    closed = "chat:think_s=0.1,systems=0,asked=10,answered=3"
    options = ("--headless", "--run-time", "40s", "--users", "2", "--spawn-rate", "100")
    async with Fleet() as fleet:
        await fleet.behave(None, FAST)
        url = f"http://127.0.0.1:{fleet.ports[0]}"
        play = (*options, "--host", url, "--workload", closed, "--requests", "10")
        async with locust(folder, *play) as process:
            printed = await ended(process)
        assert process.returncode == 0, printed
        assert len(fleet.journal.where(Asked)) == 10
        assert rows(printed) == {"POST": (10, 0), "TTFT": (10, 0), "GAP": (20, 0)}
        assert "closed loop of 2 users" in printed
        await fleet.behave(None, HttpError(status_code=503, message="busy"))
        async with locust(folder, *play) as process:
            printed = await ended(process)
        assert process.returncode == 1, printed
        assert rows(printed) == {"POST": (10, 10)}
        assert "RequestFailed('status 503')" in printed
        assert 'error: 10 x status 503 ({"error":"busy"})' in printed


def test_alone_in_a_closed_loop(tmp_path: Path) -> None:
    """As many requests as may be made; those that fail are Locust's failures, too."""
    asyncio.run(asyncio.wait_for(_alone(tmp_path), LONGEST_S))


async def _wrong(folder: Path, *options: str) -> str:
    async with locust(folder, "--headless", "--run-time", "20s", *options) as process:
        printed = await ended(process)
    assert process.returncode == 2, printed
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "error: '' names no host"),
        (("--host", "http://127.0.0.1:1", "--workload", "x"), "error: there is no workload 'x'"),
    ],
)
def test_what_can_not_be_played(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert words in asyncio.run(asyncio.wait_for(_wrong(tmp_path, *options), LONGEST_S))
