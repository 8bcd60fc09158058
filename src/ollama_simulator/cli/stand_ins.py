"""The options of `ollama_simulator` that have a recording or another server answer.

It must not import the programs.
"""

from pathlib import Path
from typing import Any, get_args

import typer

from ollama_simulator.cli.program import given
from ollama_simulator.settings import Miss, Settings
from ollama_simulator.terminal import wrong

MISSES: tuple[Miss, ...] = get_args(Miss)
OPTIONS = ("replay", "replay_speed", "replay_miss", "upstream")


def stand_in(context: typer.Context, values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a server that these options are, by their names. Ends with a complaint if they
    can't be meant."""
    for option in ("replay_speed", "replay_miss"):
        if given(context, option) and values["replay"] is None:
            wrong(f"{spelled(option)}: there is no --replay")
    if values["replay_miss"] not in MISSES:
        wrong(f"--replay-miss: {values['replay_miss']!r} is none; there are {', '.join(MISSES)}")
    if not values["replay_speed"] > 0:
        wrong(f"--replay-speed: it must be above 0, not {values['replay_speed']:g}")
    replay: Path | None = values["replay"]
    fields = values | {"replay": None if replay is None else str(replay)}
    try:
        Settings(**fields)
    except ValueError as bad:
        field, _, words = str(bad).partition(": ")
        wrong(f"{spelled(field)}: {words}")
    return fields


def spelled(option: str) -> str:
    """An option by the name of its parameter, as one writes it."""
    return f"--{option.replace('_', '-')}"
