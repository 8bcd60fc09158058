"""The endpoints that tell of their progress: pull, push and create.

Source: native specification 1.7, 4.11 to 4.13.

Rules of this file:

1. What is wrong with the request is told at once; what goes wrong with the work is the next
   line, or takes the place of the first one.
2. A whole answer is the last line without its newline.

It must not import another dialect.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.decode import ANYTHING, FLAG, MAP, TEXT, Record, Table, Type
from ollama_simulator.golang.parse import plain
from ollama_simulator.model import Create, Event, Progress, Pull, Push, Refusal
from ollama_simulator.settings import PROFILES, Profile
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import (
    BARE_JSON,
    EMPTY,
    MESSAGES,
    Native,
    model_required,
)
from ollama_simulator.wire.ollama_request import message

_TRANSFER = {
    **dict.fromkeys("model name username password".split(), TEXT),
    **dict.fromkeys(("insecure", "stream"), FLAG),
}
PULL = Record("api.PullRequest", fields=_TRANSFER)
PUSH = Record("api.PushRequest", fields=_TRANSFER)

_FILES = Table("map[string]string", item=TEXT)
_TEXTS = "model name from quantize quantization template system renderer parser remote_host"
_OWN: dict[Profile, Mapping[str, Type]] = {
    "0.33": {
        **dict.fromkeys(("draft_quantize", "requires"), TEXT),
        "draft_files": _FILES,
    },
    "0.13.5": {},
}
"""The fields that only one profile has."""


def _create(profile: Profile) -> Record:
    fields = {
        **dict.fromkeys(_TEXTS.split(), TEXT),
        **dict.fromkeys(("files", "adapters"), _FILES),
        **dict.fromkeys(("parameters", "info"), MAP),
        "stream": FLAG,
        "license": ANYTHING,
        "messages": MESSAGES[profile],
        **_OWN[profile],
    }
    return Record("api.CreateRequest", fields=fields)


CREATE = {profile: _create(profile) for profile in PROFILES}


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of progress."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class Work(Native):
    """An endpoint that tells of its progress."""

    bare = True

    def _framed(self, body: dict[str, Any]) -> None:
        self.stream = body.get("stream", True)
        self.media = "application/x-ndjson" if self.stream else BARE_JSON

    def encode(self, event: Event) -> list[bytes]:
        """One line."""
        return [_line(event) + b"\n"]

    def collect(self, events: list[Event]) -> bytes:
        """The last line."""
        return _line(events[-1])


def _line(event: Event) -> bytes:
    assert isinstance(event, Progress)
    return gojson.encode(Line(event.status, event.digest, event.total, event.completed))


class PullModel(Work):
    """`POST /api/pull` (4.11)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, PULL, EMPTY)
        name = body.get("model") or body.get("name", "")
        if wire.settings.wire != "0.13.5":
            try:
                name = names.pulled(name)
            except names.ConflictingSources as error:
                raise Refusal(400, str(error)) from None
        if not names.parse(name).valid:
            raise Refusal(400, "invalid model name")
        self.job = Pull(name, body.get("insecure", False))
        self._framed(body)


class PushModel(Work):
    """`POST /api/push` (4.12). The name is not looked at here."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, PUSH, EMPTY)
        name = body.get("model") or body.get("name", "")
        if not name:
            raise model_required()
        self.job = Push(name, body.get("insecure", False))
        self._framed(body)


class CreateModel(Work):
    """`POST /api/create` (4.13)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, CREATE[wire.settings.wire], EMPTY)
        for kind in ("files", "draft_files"):
            for path, digest in body.get(kind, {}).items():
                if not _relative(path):
                    raise Refusal(400, "file path must be relative")
                _check_digest(digest, wire)
        if body.get("draft_quantize") and not body.get("draft_files"):
            raise Refusal(400, "--draft-quantize requires a DRAFT model")
        for digest in body.get("adapters", {}).values():
            _check_digest(digest, wire)
        name = body.get("model") or body.get("name", "")
        if not names.parse(name).valid:
            raise Refusal(400, "invalid model name")
        self._framed(body)
        body["messages"] = tuple(map(message, body.get("messages", ())))
        for kind in ("parameters", "info", "license"):
            if kind in body:
                body[kind] = plain(body[kind])
        self.job = Create(name, body)


def _check_digest(digest: str, wire: Wire) -> None:
    # The old profile comes to that only when it looks for the file.
    if not digest and wire.settings.wire != "0.13.5":
        raise Refusal(400, "invalid digest format")


def _relative(path: str) -> bool:
    """Whether a path leads down and nowhere else."""
    return path == "." or not {"", ".", ".."}.intersection(path.split("/"))


ROUTES = (
    Route("POST", "/api/pull", PullModel),
    Route("POST", "/api/push", PushModel),
    Route("POST", "/api/create", CreateModel),
)
