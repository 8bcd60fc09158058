"""Scripted answers: what a server says when, told by its user.

Rules of this file:

1. A script is a frozen value with one JSON form, the same over the control API, in a fleet's
   configuration file and from Python.
2. A field that is left out changes nothing: the engine does what it would have done.
3. What can't be meant is refused when the script is made, with the field's name.

It must not import anything of this package but `model`.
"""

import re
from typing import Annotated, Any

import msgspec

from ollama_simulator.model import Infer

Count = Annotated[int, msgspec.Meta(ge=0)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class Alternative(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another token that was likely in a place."""

    token: str
    logprob: float


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call of a tool."""

    name: str
    arguments: dict[str, Any] | str = {}
    """An object, or the JSON text that the model wrote, even a broken one."""
    id: str | None = None
    """None for one of the kind that the model's path has; the path `native` passes it on."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that the model's runner does. Exactly one of the first nine fields is set."""

    content: str | None = None
    """Say a piece of the answer: one token, one line of the stream."""
    thinking: str | None = None
    """Think a piece, marked for the model's path."""
    tool_calls: tuple[Call, ...] | None = None
    """Call tools, marked for the model's path."""
    raw: str | None = None
    """Emit a token as the runner makes it, marks and all, through the model's parser."""
    wait_ms: Milliseconds | None = None
    """Pause."""
    error: str | None = None
    """Fail with this message: a status before the first token, else what the dialect does."""
    crash: str | None = None
    """Let the runner die, with this as its last logged error (empty for none)."""
    reset: bool | None = None
    """Let the connection to the runner break."""
    event: str | None = None
    """Send an event of the runner's stream verbatim, even a malformed one."""
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    """The status of `error`."""
    repeat: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Do it so many times."""
    logprob: float | None = None
    top: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        kinds = "content thinking tool_calls raw wait_ms error crash reset event".split()
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise ValueError(f"a step has exactly one of {', '.join(kinds)}; here it has {said}")


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model's runner starts, if this request has to start it."""

    delay_ms: Milliseconds | None = None
    """How long it takes; None for what the server's pace says."""
    stderr: tuple[str, ...] = ()
    """What it logs meanwhile."""
    exit: int | None = None
    """It ends with this exit status instead of getting ready."""
    stall: bool = False
    """It never gets ready."""


class Vectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an embedding model's runner answers."""

    vectors: dict[str, tuple[float | None, ...]] = {}
    """By input."""
    default: tuple[float | None, ...] | None = None
    """For every other input; None for what the engine makes of it."""
    prompt_tokens: Count | None = None
    """For each input."""
    status: int | None = None
    body: str | None = None
    """It refuses every input with this status and body."""
    crash: bool = False


class Refuse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The runner refuses the request before the first token."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    body: str
    """The runner's body, JSON as a rule, which Ollama passes on as the text of its error."""


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One answer, and when it is given."""

    model: str = ""
    """The model's name in any spelling; empty for every model."""
    contains: str = ""
    """A part of the last message (or of the prompt, or of an input to embed)."""
    matches: str = ""
    """A regular expression that is found in it."""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How often it is given; None for always."""
    answer: tuple[Step, ...] | None = None
    """None leaves the text to the engine."""
    done_reason: Annotated[str, msgspec.Meta(pattern="^(stop|length)$")] | None = "stop"
    """`stop` or `length`; None: the runner's answer ends without a word (5.5)."""
    prompt_tokens: Count | None = None
    """What is counted; None for the tokens there are."""
    tokens: Count | None = None
    """Whoever tells this has decided how long the answer is: `stop` and `num_predict` of the
    request don't cut it."""
    prompt_ms: Milliseconds | None = None
    """How long the prompt takes; None for what the server's pace says."""
    gap_ms: Milliseconds | None = None
    """How long each token takes; None for what the server's pace says."""
    refuse: Refuse | None = None
    unrendered: Refuse | None = None
    """The runner refuses to make a prompt of the request (path `native` alone)."""
    load: Load | None = None
    embeddings: Vectors | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.matches)
        except re.error as error:
            raise ValueError(f"matches is not a regular expression: {error}") from None


def last_words(job: Infer) -> str:
    """The text that a script is matched on."""
    if job.kind == "generate":
        return job.prompt
    return job.messages[-1].content if job.messages else ""
