"""Which cases are played: by id, by group, by words.

It must not import the player.
"""

from collections.abc import Iterable, Sequence

from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.scenario import Case

SEED_GROUP = "seed"
LEVELS = (Level.TELL, Level.SHOULD, Level.MUST)


class NothingSelected(Exception):
    """What was asked for fits no case. The text says what is there."""


def selected(
    cases: Sequence[Case],
    ids: Iterable[str] = (),
    words: str = "",
    level: Level = Level.TELL,
) -> list[Case]:
    """The cases that ids name (a case, a scenario with all its variants, a group), whose id has
    all the words, and which are of this level or above. Raises `NothingSelected`."""
    found = list(cases)
    if wanted := list(ids):
        for each in wanted:
            if not any(_named(case, each) for case in cases):
                groups = ", ".join(dict.fromkeys(case.id.partition(".")[0] for case in cases))
                near = [case.id for case in cases if each in case.id][:5]
                hint = f"; did you mean {', '.join(near)}" if near else f"; groups: {groups}"
                raise NothingSelected(f"no case, scenario or group is called {each!r}{hint}")
        found = [case for case in found if any(_named(case, each) for each in wanted)]
    found = [case for case in found if all(word in case.id for word in words.split())]
    found = [case for case in found if LEVELS.index(case.level) >= LEVELS.index(level)]
    if not found:
        raise NothingSelected("no case fits all of that; --list shows what is there")
    return found


def _named(case: Case, name: str) -> bool:
    return case.id == name or case.id.startswith(f"{name}.")
