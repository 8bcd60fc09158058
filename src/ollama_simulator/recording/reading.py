"""Reads recordings.

Rules of this file:

1. Whatever is no recording is refused, with the file, the line and the place in it.
2. A last line without its end was being written when its program died, and counts for nothing.

It must not import anything of this package but its own folder.
"""

import functools
import os
from pathlib import Path

import msgspec

from ollama_simulator.recording.entries import VERSION, Exchange, Recording


class BadRecording(ValueError):
    """A file can't be read, or a line of it is no recording. The text names file and line."""


class Numbered(msgspec.Struct, frozen=True):
    """An exchange, and where it stands."""

    line: int
    exchange: Exchange


class Tape(msgspec.Struct, frozen=True):
    """What is in a file."""

    path: str
    began: tuple[Recording, ...]
    """Who recorded: once for each time that somebody began, or went on."""
    exchanges: tuple[Numbered, ...]
    """In the order in which they ended."""
    size: int = 0
    """Bytes of the file that are whole lines."""


def read(path: str | Path) -> Tape:
    """What is in a recording. Read anew only when the file has changed. Raises `BadRecording`."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror or error}") from None
    return _read(str(path), found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=16)
def _read(path: str, _changed: int, _size: int) -> Tape:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror or error}") from None
    whole = data.rfind(b"\n") + 1
    began: list[Recording] = []
    exchanges: list[Numbered] = []
    for number, line in enumerate(data[:whole].split(b"\n"), 1):
        if not line.strip():
            continue
        read = _line(line, f"{path}:{number}")
        if isinstance(read, Exchange):
            if not began:
                raise BadRecording(f"{path}:{number}: a recording begins with a line `Recording`")
            exchanges.append(Numbered(number, read))
        else:
            began.append(read)
    if not began:
        raise BadRecording(f"{path}: no recording: it has no line `Recording`")
    return Tape(path, tuple(began), tuple(exchanges), whole)


class _Version(msgspec.Struct):
    """What is looked at first, since all else depends on it."""

    type: str = ""
    version: int = VERSION


def _line(line: bytes, place: str) -> Recording | Exchange:
    try:
        if (found := msgspec.json.decode(line, type=_Version)).version != VERSION:
            raise BadRecording(
                f"{place}: `version`: the format {found.version} is not known; {VERSION} is"
            )
        read: Recording | Exchange = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `")
        shown = (
            f"`{where.removeprefix('$').removeprefix('.').removesuffix('`')}`: " if where else ""
        )
        raise BadRecording(f"{place}: {shown}{message}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRecording(f"{place}: no line of a recording: {error}") from None
    return read


_DECODER: msgspec.json.Decoder[Recording | Exchange] = msgspec.json.Decoder(Recording | Exchange)
