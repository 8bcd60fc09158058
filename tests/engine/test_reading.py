"""How long a machine reads (engine model 2.1, 2.2)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator import hardware
from ollama_simulator.engine.reading import reading
from ollama_simulator.hardware import Load

FAST_DISK = Load(fixed_s=0.5, disk_Bps=4e9, pcie_Bps=2e9, pagecache_Bps=8e9)
SLOW_DISK = Load(fixed_s=0.5, disk_Bps=1e9, pcie_Bps=8e9, pagecache_Bps=4e9, unload_s=1.5)


@pytest.mark.parametrize(
    ("load", "size", "cached", "evicted", "seconds"),
    [
        (Load(), 20_000_000_000, 0, 3, 0.0),
        (SLOW_DISK, 4_000_000_000, 0, 0, 4.5),
        # The slower one of disk and bus counts, and from the page cache the bus, too.
        (FAST_DISK, 4_000_000_000, 0, 0, 2.5),
        (FAST_DISK, 4_000_000_000, 4_000_000_000, 0, 2.5),
        (SLOW_DISK, 4_000_000_000, 4_000_000_000, 0, 1.5),
        # Half of it is there.
        (SLOW_DISK, 4_000_000_000, 2_000_000_000, 0, 3.0),
        # Each model that has to leave takes its time.
        (SLOW_DISK, 4_000_000_000, 0, 2, 7.5),
        # More than there is can't be there.
        (SLOW_DISK, 4_000_000_000, 9_000_000_000, 0, 1.5),
    ],
)
def test_seconds(load: Load, size: int, cached: int, evicted: int, seconds: float) -> None:
    """Fixed part, bytes over bandwidth, and what had to be evicted."""
    assert reading(load, size, cached, evicted).seconds == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    ("size", "seconds"), [(0, 0.0), (1, 0.25), (250_000_000, 0.25), (250_000_001, 0.5)]
)
def test_a_load_is_over_when_it_is_looked_at(size: int, seconds: float) -> None:
    """Every quarter of a second."""
    load = Load(disk_Bps=1e9, poll_s=0.25)
    assert reading(load, size, 0, 0).seconds == seconds


def test_a_sum_of_rounded_numbers_ends_on_its_poll() -> None:
    """0.1 and 0.2 are 0.3, whatever their sum is in binary."""
    load = Load(fixed_s=0.1, disk_Bps=1e9, poll_s=0.3)
    assert reading(load, 200_000_000, 0, 0).seconds == 0.3


def test_the_machine_that_was_measured() -> None:
    """qwen3:32b on an RTX 5090 took 5.65 s (2.5)."""
    profile = hardware.named("rtx-5090-qwen3-32b")
    found = reading(profile.load, profile.model.size, 0, 0).seconds
    assert found == pytest.approx(5.65, rel=0.03)


def test_what_was_read_of_it_until_then() -> None:
    """Nothing before it begins; first what is in the page cache, then the rest."""
    way = reading(SLOW_DISK, 4_000_000_000, 2_000_000_000, 1)
    moments = (0.0, 2.0, 2.25, 2.5, 3.5, 4.5, 99.0)
    read = [way.read(moment) for moment in moments]
    assert read == [0, 0, 10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9, 4 * 10**9]


def test_who_reads_at_once_has_read_it_all() -> None:
    """As a machine that takes no time of its own."""
    way = reading(Load(), 5, 0, 0)
    assert [way.read(moment) for moment in (0.0, 0.1)] == [0, 5]


@given(
    st.builds(
        Load,
        fixed_s=st.floats(0, 5),
        disk_Bps=st.floats(1e6, 1e11),
        pcie_Bps=st.floats(1e6, 1e11),
        pagecache_Bps=st.floats(1e6, 1e11),
        poll_s=st.sampled_from([0.0, 0.25]),
    ),
    st.integers(0, 10**12),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_it_reads_forwards(load: Load, size: int, share: float, part: float) -> None:
    """Never more than the file, and all of it in the time that it takes."""
    way = reading(load, size, int(size * share), 0)
    assert 0 <= way.read(way.seconds * part) <= size
    assert way.read(way.seconds * part) <= way.read(way.seconds)
    assert way.read(way.seconds) >= size - 1 - size * 1e-9
    assert not math.isnan(way.seconds)
