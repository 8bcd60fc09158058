"""The scripts of one server: which of them answers a job.

Rules of this file:

1. Scripts are tried in order; the first that fits answers, and its use is counted.
2. A job that no script fits is answered by the engine alone.

It must not import anything but layer 0.
"""

import re
from collections.abc import Iterable

from ollama_simulator.model import Embed, Infer
from ollama_simulator.names import canonical
from ollama_simulator.script import Script, last_words


class Scripts:
    """The scripts of one server, and how often each was used."""

    def __init__(self, scripts: Iterable[Script] = ()) -> None:
        self._scripts: tuple[Script, ...] = ()
        self._used: list[int] = []
        self.replace(scripts)

    @property
    def all(self) -> tuple[Script, ...]:
        """The scripts, in the order in which they are tried."""
        return self._scripts

    @property
    def used(self) -> tuple[int, ...]:
        """How often each of them answered."""
        return tuple(self._used)

    def replace(self, scripts: Iterable[Script]) -> None:
        """Have exactly these, none used yet."""
        self._scripts = tuple(scripts)
        self._used = [0] * len(self._scripts)

    def take(self, job: Infer | Embed, model: str = "") -> Script | None:
        """The script that answers a job, or None. Taking it is one use.

        `model` is what the job's model is installed as; empty for what the job calls it. A job
        that only loads it uses none but a script that says how that goes.
        """
        name = model or job.model
        only_loads = isinstance(job, Infer) and job.empty
        texts = job.inputs if isinstance(job, Embed) else (last_words(job),)
        for i, script in enumerate(self._scripts):
            spent = script.times is not None and self._used[i] >= script.times
            useless = only_loads and script.load is None
            if not spent and not useless and _fits(script, name, texts):
                self._used[i] += 1
                return script
        return None


def _fits(script: Script, model: str, texts: tuple[str, ...]) -> bool:
    if script.model and canonical(script.model).lower() != canonical(model).lower():
        return False
    if not script.contains and not script.matches:
        return True
    return any(
        script.contains in text and re.search(script.matches, text) is not None for text in texts
    )
