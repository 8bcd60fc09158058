"""Which runner makes room for another one.

Source: native specification 6.5.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable

from ollama_simulator.engine.runner import Runner


def victim(runners: Iterable[Runner]) -> Runner:
    """Of the idle ones that of the shortest keep-alive, else the busy one of the shortest.

    Ties go by weight file. When a runner was last used does not matter.
    """
    ordered = sorted(runners, key=lambda runner: (runner.keep_alive, runner.key))
    return next((runner for runner in ordered if not runner.users), ordered[0])
