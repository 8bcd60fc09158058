"""Records that can't be identical, each with its reason.

Rules of this file:

1. Only internals of a model's runner that no client can want may stand here; what a client or a
   balancer can meet may not.

It must not import anything of this package but `recording`.
"""

import functools
import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from ollama_simulator.golden.recording import Recording


class Excused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that may differ."""

    file: str
    """Name of the file, without its folder."""
    line: int
    name: str
    why: str

    def covers(self, recording: Recording) -> bool:
        """Whether it is about this record: the same place and the same name."""
        return (
            self.file == Path(recording.file).name
            and self.line == recording.line
            and self.name == recording.name
        )


@functools.cache
def exceptions() -> tuple[Excused, ...]:
    """What the list beside this module says."""
    text = resources.files(__package__).joinpath("exceptions.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert(tomllib.loads(text).get("records", []), list[Excused]))
