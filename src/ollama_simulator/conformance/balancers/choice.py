"""Which balancer a command line means: an adapter's name, or the path of a program.

It must not import the scenarios.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ollama_simulator.conformance.balancers.adapter import Balancer, BrokenEnvironment, known
from ollama_simulator.conformance.balancers.installed import Installed
from ollama_simulator.conformance.balancers.program import Program


def chosen(words: str, program: str | None = None, folders: Sequence[Path] = ()) -> Balancer:
    """The balancer that `NAME`, `NAME:VARIANT` or `PATH` means. A name means the adapter, even if
    there is a file of that name; `./NAME` is a path.

    `program` is the path of an adapter's program, and `folders` where to look for it. Raises
    `BrokenEnvironment` with the culprit.
    """
    name, colon, variant = words.partition(":")
    adapter = known().get(name)
    if adapter is None:
        if not Path(words).exists() and not _is_path(words):
            there = ", ".join(known())
            raise BrokenEnvironment(
                f"--balancer {words}: there is no such file, and no adapter of this name; "
                f"there are {there}"
            )
        if program is not None:
            raise BrokenEnvironment("--program is for adapters; --balancer has a path already")
        return Program(words)
    if colon and variant not in adapter.variants:
        there = ", ".join(f"{name}:{each}" for each in adapter.variants)
        kinds = f"there are {name}, {there}" if there else f"there is only {name}"
        raise BrokenEnvironment(f"--balancer {words}: no such variant; {kinds}")
    if issubclass(adapter, Installed):
        for folder in folders:
            if not folder.is_dir():
                raise BrokenEnvironment(f"--programs {folder}: there is no such folder")
        return adapter(variant, program, folders)
    if program is not None:
        raise BrokenEnvironment(f"--program: the balancer {name} has no program of its own")
    return adapter()


def _is_path(words: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    return any(each in words for each in separators) or words.endswith(".py")
