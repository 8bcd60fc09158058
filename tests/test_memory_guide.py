"""What `docs/memory.md` says of models in memory is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import fleet_file, hardware
from ollama_simulator.engine.reading import reading
from ollama_simulator.engine.registry.measured import measured
from ollama_simulator.engine.shape import BATCHES, CONTEXTS, shape
from ollama_simulator.engine.vram import HEADROOM, MARGIN, OVERHEAD, Vram
from ollama_simulator.settings import Settings
from tests.test_guides import blocks

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
RTX = hardware.named("rtx-5090-qwen3-32b")
SIZES = re.findall(r"^\| ([\d,]+) \| (\d) \| `(\w+)` \| ([\d,]+) \|$", GUIDE, re.MULTILINE)


def test_the_file_is_a_fleet(tmp_path: Path) -> None:
    (text,) = blocks(GUIDE, "toml")
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    (server,) = fleet_file.read(file).servers
    assert server.hardware == RTX
    assert (server.num_parallel, server.max_loaded_models) == (2, 2)


def test_loads_take_as_long() -> None:
    told = re.findall(r"^\| (from .*) \| ([\d.]+) \|$", GUIDE, re.MULTILINE)
    size = RTX.model.size
    found = [
        reading(RTX.load, size, cached, evicted).seconds
        for cached, evicted in ((0, 0), (0, 1), (size, 0))
    ]
    assert [float(seconds) for _, seconds in told] == found


@pytest.mark.parametrize(("context", "slots", "kind", "size"), SIZES)
def test_it_takes_as_much(context: str, slots: str, kind: Any, size: str) -> None:
    settings = Settings(profile=RTX, num_parallel=int(slots), kv_cache_type=kind)
    (model,) = measured(RTX.model)
    wanted = shape(model, {"num_ctx": number(context)}, None, settings)
    room = Vram(settings).room(model, wanted, 0)
    assert room.size == room.vram == number(size)


def test_the_sizes_are_there() -> None:
    assert len(SIZES) == 4


def test_the_numbers_of_the_versions() -> None:
    """Those that are constants."""
    for (vram, context), (above, batch) in zip(CONTEXTS, BATCHES, strict=False):
        assert f"{context:,} from {vram // 2**30} GiB on" in GUIDE
        assert f"more than {above:,}" in GUIDE
        assert f"{batch:,}" in GUIDE
    for margin in MARGIN.values():
        assert f"{margin // 2**20:,} MiB" in GUIDE
    assert f"{HEADROOM} %" in GUIDE
    assert f"{OVERHEAD:,} bytes" in GUIDE


def number(text: str) -> int:
    """A number with commas."""
    return int(text.replace(",", ""))
