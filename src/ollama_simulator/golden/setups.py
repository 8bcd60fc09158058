"""The phrases by which recordings tell how things stood, and what each asks for.

Source: native specification 13 (`setup`) and the list of all phrases that was given with it.

Rules of this file:

1. Every phrase matches exactly one row, or it is unknown: nothing is guessed.
2. A phrase that only says what the request shows asks for nothing; those are in the data file.

It must not import anything of this package but `acts`, `recording` and `names`.
"""

import functools
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

import msgspec

from ollama_simulator.golden import acts
from ollama_simulator.golden.recording import Recording
from ollama_simulator.golden.world import MAIN

Groups = Mapping[str, str]
Acts = Sequence[acts.Act]
Meaning = Callable[[Groups, Recording], Acts]

ANOTHER_CONTEXT = 2048
"""A context length that is not the default."""


class UnknownPhrase(Exception):
    """A setup has a phrase that isn't understood. The text quotes it."""


class Setup(msgspec.Struct, frozen=True):
    """How things stand when the request is made."""

    server: str
    arranged: tuple[acts.Act, ...] = ()
    pause_ms: float | None = None
    """Between the writes of the request; None: each waits for the answer to the one before."""


def understood(recording: Recording) -> Setup:
    """What a recording's setup asks for. Raises `UnknownPhrase`."""
    if recording.compat:
        return Setup(MAIN)
    server, *phrases = recording.setup.split("; ")
    if not server.startswith("server "):
        raise UnknownPhrase(f"setup: {recording.setup!r} names no server")
    wanted: list[acts.Act] = []
    pause = None
    for phrase in phrases:
        if found := _PAUSE.search(phrase):
            pause = float(found[1])
        wanted += _meaning(phrase, recording)
    return Setup(server.removeprefix("server ").rstrip("; "), tuple(wanted), pause)


def _meaning(phrase: str, recording: Recording) -> Acts:
    if _describes().fullmatch(phrase):
        return ()
    for pattern, meaning in TABLE:
        if found := pattern.fullmatch(phrase):
            return meaning(found.groupdict(), recording)
    raise UnknownPhrase(f"setup: {phrase!r} is not understood")


@functools.cache
def _describes() -> "re.Pattern[str]":
    """Matches the phrases that ask for nothing."""
    text = resources.files(__package__).joinpath("phrases.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    rows = [*table["patterns"], *map(re.escape, table["phrases"])]
    return re.compile("|".join(f"(?:{row})" for row in rows))


_PAUSE = re.compile(r"(?:in two writes|follow after) (\d+) ms")
_NUMBERS = "one two three four five six seven eight nine ten".split()


# --- what the phrases ask for -------------------------------------------------------------


def _asked(recording: Recording) -> str:
    """The model that the request names."""
    fields = recording.request.json
    return str(fields.get("model") or fields.get("name") or "plain")


def _loaded(groups: Groups, recording: Recording) -> Acts:
    model = groups["model"]
    return [acts.Loaded(_asked(recording) if model == "model" else model)]


def _listed(_: Groups, recording: Recording) -> Acts:
    """Those that the answer lists."""
    return [acts.Loaded(model["name"]) for model in json.loads(recording.reply.body)["models"]]


def _stored(_: Groups, recording: Recording) -> Acts:
    """The files that the request names."""
    body = (recording.request.body or b"").decode("utf-8", "replace")
    named = re.findall(r"sha256[:-]([0-9a-f]{64})", f"{recording.request.path} {body}")
    return [acts.Stored(digest) for digest in named]


_ROWS: tuple[tuple[str, Meaning], ...] = (
    # Models in memory.
    (
        r"MODEL loaded with another num_ctx: reload",
        lambda of, _: [acts.Loaded(of["model"], num_ctx=ANOTHER_CONTEXT)],
    ),
    (
        r"MODEL loaded with keep_alive (?P<time>\S+) before(?:; .*)?",
        lambda of, _: [acts.Loaded(of["model"], json.dumps(of["time"]))],
    ),
    (
        r"MODEL and (?P<other>\S+) loaded",
        lambda of, _: [acts.Loaded(of["model"]), acts.Loaded(of["other"])],
    ),
    (rf"(?:{'|'.join(_NUMBERS[1:])}) loaded(?:,.*)?", _listed),
    (r"(?:[^,]+, )?MODEL loaded(?: and idle)?(?:[,:].*)?", _loaded),
    (r"shift off \(reloads MODEL\)", _loaded),
    (
        r"its weights are loaded \(shared with MODEL\)",
        lambda of, it: [acts.Copied(of["model"], _asked(it)), acts.Loaded(of["model"])],
    ),
    (r"runner had (?:crashed: reloads silently|died)", lambda _, it: [acts.Crashed(_asked(it))]),
    (r"runner of MODEL has crashed", lambda of, _: [acts.Crashed(of["model"])]),
    # Other clients.
    (r"MODEL generating, first use since load", lambda of, _: [acts.Busy(of["model"])]),
    (r"MODEL generating, was idle before", lambda of, _: [acts.Busy(of["model"], was_idle=True)]),
    (r"MODEL is generating for another .*", lambda of, _: [acts.Busy(of["model"])]),
    (r"MODEL is loading: not listed", lambda of, _: [acts.Loading(of["model"])]),
    (
        r"MODEL is loading, (?P<other>\S+) waits in the queue",
        lambda of, _: [acts.Loading(of["model"]), acts.Waiting(of["other"])],
    ),
    (
        r"waited in the queue: served after the load of MODEL",
        lambda of, _: [acts.Loading(of["model"])],
    ),
    (
        rf"(?P<number>{'|'.join(_NUMBERS)}) requests (?P<every>\d+) ms apart: .*",
        lambda of, _: [acts.Crowd(_NUMBERS.index(of["number"]), float(of["every"]))],
    ),
    (
        r"another client asked for a (?P<size>\d+) MB stream, read nothing for 2 s and closed "
        r"(?P<ago>[\d.]+) s ago",
        lambda of, it: [acts.Left(_asked(it), int(of["size"]) * 1_000_000, float(of["ago"]))],
    ),
    (
        r"another client left while waiting for its second token (?P<ago>[\d.]+) s ago: .*",
        lambda of, it: [acts.Left(_asked(it), ago_s=float(of["ago"]))],
    ),
    (
        r"the connection of the previous record is still open: .*",
        lambda _, it: [acts.Half(_asked(it), open=True)],
    ),
    (
        r"the client of \S+ has closed 1 s ago|explicit unload of the stuck model",
        lambda _, it: [acts.Half(_asked(it), open=False)],
    ),
    # The record before.
    (r"after the previous record(?: \(.*\)|: .*)?", lambda _, it: [acts.Replayed()]),
    (r"as before(?:,.*)?", lambda _, it: [acts.AsBefore()]),
    # Models and files on disk.
    (r"exists", lambda _, it: [acts.Copied("plain", _asked(it))]),
    (
        r"destination exists",
        lambda _, it: [acts.Copied("plain", str(it.request.json.get("destination")))],
    ),
    (r"remote stub made by create|weightless stub(?:,.*)?", lambda _, it: [acts.Stub(_asked(it))]),
    (r"MODEL is a stub made by create, .*", lambda of, _: [acts.Stub(of["model"])]),
    (r"model made from a GGUF blob", lambda _, it: [acts.FromFile(_asked(it), "plain")]),
    (r"pulled before|already on disk", lambda _, it: [acts.Pulled(_asked(it))]),
    # These share small files with what was pulled before them.
    (
        r"weight layer comes in 64 KB pieces every 50 ms|second layer has wrong content",
        lambda _, it: [acts.Pulled(re.sub(r"\w+$", "good", _asked(it)))],
    ),
    (
        r"(?:1 MB )?existing(?: blob)?(?:[:,].*)?|blob exists, is text|"
        r"the mismatching upload was kept under its true digest",
        _stored,
    ),
    # The server.
    (
        r"server gets (?P<signal>SIG\w+) (?P<after>[\d.]+) s after the request, .*",
        lambda of, _: [acts.Shutdown(float(of["after"]), of["signal"])],
    ),
)
TABLE = tuple(
    (re.compile(pattern.replace("MODEL", r"(?P<model>\S+)")), meaning) for pattern, meaning in _ROWS
)
"""Patterns of phrases, and what they ask for; the first that matches counts."""
