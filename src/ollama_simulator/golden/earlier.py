"""The record that another one calls the previous one, or what stands for it.

Rules of this file:

1. A name that ends in `-then-…` continues the record that is named without it; any other means
   the line before in the same file, of the same group and on the same server.
2. Where that record is in another file, its phrase and the answer tell what it left behind.

It must not import anything of this package but its own folder.
"""

import json
import re
from collections.abc import Iterable

from ollama_simulator.golden import acts
from ollama_simulator.golden.recording import Recording

_KEPT = re.compile(r"previous record(?: \(keep_alive (?P<value>.*)\)|: still (?P<text>\S+)$)")
FULL = (acts.Loading("plain"), acts.Waiting("gotmpl"))
"""What a server whose queue holds one request is busy with."""


class Earlier:
    """The records of all files, and their order."""

    def __init__(self, files: Iterable[Iterable[Recording]]) -> None:
        self._before: dict[str, Recording] = {}
        for recordings in files:
            named: dict[str, Recording] = {}
            last: Recording | None = None
            for each in recordings:
                found = last
                if "-then-" in each.name:
                    found = named.get(each.name.rpartition("-then-")[0])
                if found is not None and _scene(found) == _scene(each):
                    self._before[each.place] = found
                named[each.name] = last = each

    def before(self, recording: Recording) -> Recording | None:
        """The record that this one calls the previous one."""
        return self._before.get(recording.place)


def _server(recording: Recording) -> str:
    return recording.setup.partition("; ")[0]


def _scene(recording: Recording) -> tuple[str, str]:
    return recording.group, _server(recording)


def left_behind(recording: Recording) -> list[acts.Act]:
    """What the record before did, as far as this one tells: models are in memory."""
    keep_alive = None
    if told := _KEPT.search(recording.setup):
        value = told["value"] or json.dumps(told["text"])
        keep_alive = value.replace("'", '"')
    try:
        listed = json.loads(recording.reply.body).get("models", ())
    except (ValueError, AttributeError):
        return []
    return [acts.Loaded(each["name"], keep_alive, each.get("context_length")) for each in listed]


def full(recording: Recording) -> tuple[acts.Act, ...]:
    """How things stood `as before`, where no record before tells."""
    return FULL if _server(recording) == "server busy" else ()
