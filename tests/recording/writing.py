"""Writes recordings for tests, as `recording.writing` would."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ollama_simulator.recording.entries import Exchange, Recording

BEGAN = Recording(
    version=1, program="tests", upstream="http://u", server="s1", began="2026-01-01T00:00:00Z"
)


def written(folder: Path, *exchanges: Exchange) -> Path:
    """A recording of these exchanges."""
    file = folder / "recording.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (BEGAN, *exchanges)))
    return file
