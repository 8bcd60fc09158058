"""The journal's file: what is in it, and what becomes of it when the disk is full."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator.clock import Clock, VirtualClock, WallClock
from ollama_simulator.console.warnings import warn
from ollama_simulator.journal import Journal
from ollama_simulator.records import Behaved, Eased, Hindered
from ollama_simulator.spill import spilling
from tests.engine.driving import virtual


def behaved(number: int) -> Behaved:
    """A record."""
    return Behaved(t=float(number), server="s1", behavior=str(number))


def lines(path: Path) -> list[dict[str, Any]]:
    """What is in a file; every line must be one."""
    text = path.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def numbers(path: Path) -> list[int]:
    """The indices of the records in it."""
    return [line["index"] for line in lines(path) if "index" in line]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that can be made full."""
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    return disk


class Disk:
    """Takes what there is room for."""

    def __init__(self) -> None:
        self.room: float = float("inf")
        self.tries = 0
        self._write = os.write

    def write(self, descriptor: int, data: bytes) -> int:
        """As a full disk does: a part if there is room for one, and then an error."""
        self.tries += 1
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: int(min(len(data), self.room))])
        self.room -= written
        return written


@pytest.mark.parametrize("clock", [WallClock(), VirtualClock()])
def test_every_record_is_a_line_with_its_index(clock: Clock, tmp_path: Path) -> None:
    """Those of the last moment, too. Each run begins with a line that has the time of day."""
    path = tmp_path / "journal.jsonl"

    async def main() -> None:
        journal = Journal(limit=5_000)
        async with spilling(journal, str(path), clock):
            for number in range(2_000):
                journal.add(behaved(number))
            await clock.sleep_until(clock.now() + 0.3)
            journal.add(behaved(2_000))
        assert journal.file is not None
        assert (journal.file.written, journal.file.lost, journal.file.trouble) == (2_001, 0, "")
        assert journal.heard == []

    run(clock, main())
    run(clock, main())
    first, *records = lines(path)
    assert (first["kind"], set(first)) == ("Started", {"kind", "t", "at"})
    assert records[0] == {
        "index": 0,
        "kind": "Behaved",
        "t": 0.0,
        "server": "s1",
        "exchange": None,
        "behavior": "0",
    }
    assert numbers(path) == [*range(2_001)] * 2
    assert records[2_001]["kind"] == "Started"


def run(clock: Clock, main: Coroutine[Any, Any, None]) -> None:
    """Run something by a clock."""
    if isinstance(clock, VirtualClock):
        clock.run(main)
    else:
        asyncio.run(main)


def test_it_is_written_while_the_program_runs(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        async with spilling(journal, str(path), clock):
            await clock.sleep_until(100)
            journal.add(behaved(0))
            await clock.sleep_until(100.2)
            assert numbers(path) == [0]
            journal.add(behaved(1))
            await clock.sleep_until(100.4)
            assert numbers(path) == [0, 1]

    virtual(main)


def test_a_line_that_was_cut_off_stays_alone(tmp_path: Path) -> None:
    """Of a program that died: the next one begins a line of its own."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"kind":"Beh', encoding="utf-8")

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        async with spilling(journal, str(path), clock):
            journal.add(behaved(0))

    virtual(main)
    cut, *whole = path.read_text(encoding="utf-8").splitlines()
    assert cut == '{"kind":"Beh'
    assert [json.loads(line)["kind"] for line in whole] == ["Started", "Behaved"]


def test_a_full_disk_costs_nothing_that_is_still_kept(
    full: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said once, tried again each second, and gone on with at the very byte."""
    path = tmp_path / "journal.jsonl"

    async def main(clock: VirtualClock) -> Journal:
        journal = Journal()
        journal.warned.append(warn)
        async with spilling(journal, str(path), clock):
            await clock.sleep_until(10)
            full.room = 100
            for number in range(700):
                journal.add(behaved(number))
            await clock.sleep_until(20)
            assert journal.file is not None
            assert (journal.file.written, journal.file.lost) == (0, 0)
            assert journal.file.trouble == "No space left on device"
            assert journal.where(Hindered) == [
                Hindered(
                    t=10.1,
                    server="",
                    what="journal-file",
                    detail=f"{path}: No space left on device; it is tried again every second",
                )
            ]
            assert 8 <= full.tries <= 14
            assert len(path.read_bytes()) > 100
            full.room = float("inf")
            await clock.sleep_until(22)
            assert journal.file.trouble == ""
            (eased,) = journal.where(Eased)
            assert (eased.what, eased.lost) == ("journal-file", 0)
            assert 9 <= eased.seconds <= 12
            assert numbers(path) == [*range(702)]
        return journal

    journal = virtual(main)
    assert journal.hindrances == {"journal-file": 1}
    (eased,) = journal.where(Eased)
    told = capsys.readouterr().err
    assert told.splitlines() == [
        f"warning: the simulator lacks journal-file: {path}: No space left on device; it is tried "
        "again every second",
        f"warning: the simulator has journal-file again, after {eased.seconds:.1f} s",
    ]


def test_what_was_dropped_before_it_could_be_written_is_counted(full: Disk, tmp_path: Path) -> None:
    """And a line says so, where it would stand."""
    path = tmp_path / "journal.jsonl"

    async def main(clock: VirtualClock) -> None:
        journal = Journal(limit=100)
        async with spilling(journal, str(path), clock):
            await clock.sleep_until(1)
            full.room = 0
            for number in range(10):
                journal.add(behaved(number))
            await clock.sleep_until(3)
            for number in range(10, 1_000):
                journal.add(behaved(number))
            full.room = float("inf")
            await clock.sleep_until(6)
            (eased,) = journal.where(Eased)
            assert journal.file is not None
            assert journal.file.lost == eased.lost > 800
            assert journal.file.written + journal.file.lost == journal.total
            (dropped,) = [line for line in lines(path) if line["kind"] == "Dropped"]
            assert dropped["records"] == eased.lost
            there = numbers(path)
            assert there[:10] == [*range(10)], "those were taken already"
            assert there[10:] == [*range(10 + eased.lost, journal.total)]

    virtual(main)


def test_a_disk_that_stays_full(full: Disk, tmp_path: Path) -> None:
    """The end is no later for it, and all that is not in the file is counted."""

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        full.room = 0
        async with spilling(journal, str(tmp_path / "journal.jsonl"), clock):
            for number in range(600):
                journal.add(behaved(number))
            await clock.sleep_until(5)
            before = clock.now()
        assert clock.now() == before
        assert journal.file is not None
        assert (journal.file.written, journal.file.lost) == (0, journal.total)
        assert journal.total == 601

    virtual(main)


def test_a_file_of_a_size_is_put_aside(tmp_path: Path) -> None:
    """Two of them are on the disk at most, and nothing is twice or missing between them."""
    path, older = tmp_path / "journal.jsonl", tmp_path / "journal.jsonl.1"

    async def main(clock: VirtualClock) -> None:
        journal = Journal()
        async with spilling(journal, str(path), clock, most=4_000):
            for number in range(200):
                journal.add(behaved(number))
                await clock.sleep_until(clock.now() + 0.25)

    virtual(main)
    assert path.stat().st_size <= 4_000
    assert 3_800 <= older.stat().st_size <= 4_000
    together = numbers(older) + numbers(path)
    assert together == [*range(together[0], 200)]
    assert together[0] > 0, "there was a third, which is gone"


@pytest.mark.parametrize("place", [".", "no/journal.jsonl"])
def test_a_place_where_nothing_can_be_written_is_named(place: str, tmp_path: Path) -> None:
    """Before anything is served."""
    path = tmp_path / place

    async def main(clock: VirtualClock) -> None:
        with pytest.raises(OSError, match=rf"{path}: (Is a directory|No such file or directory)$"):
            async with spilling(Journal(), str(path), clock):
                raise AssertionError("it began")

    if sys.platform == "win32" and place == ".":
        pytest.skip("Windows says something else of folders")
    virtual(main)


def test_what_the_block_raises_is_not_wrapped(tmp_path: Path) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(KeyError, match="culprit"):
            async with spilling(Journal(), str(tmp_path / "journal.jsonl"), clock):
                raise KeyError("culprit")

    virtual(main)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes of this kind")
def test_a_pipe_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """Nor one that is read too slowly: what it doesn't take is kept, and then counted."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    async def main() -> None:
        clock = WallClock()
        with pytest.raises(OSError, match=rf"^.*{pipe}: No such device or address$"):
            async with spilling(Journal(), str(pipe), clock):
                raise AssertionError("it began")
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            journal = Journal()
            async with asyncio.timeout(20), spilling(journal, str(pipe), clock):
                for number in range(2_000):
                    journal.add(behaved(number))
                while journal.file is None or not journal.file.trouble:
                    await clock.sleep_until(clock.now() + 0.01)
            assert journal.file.lost + journal.file.written == journal.total
            assert journal.file.lost > 0
        finally:
            os.close(reader)

    asyncio.run(main())
