"""What can have happened: the entries of the journal.

Rules of this file:

1. A record is a past participle and a frozen value; its tag is its class name.
2. `t` is the fleet's clock in seconds; `server` is the server's name, or empty for what happens to
   the fleet as a whole; `exchange` is the request's number in the fleet, or None where there is no
   request.
3. Records are facts about servers. What a client saw is the client's to tell.
4. A field that can only have a few values says so by its type.

It must not import anything of this package but `acts`.

Longer than 300 lines because it is the list of what can happen, a few lines each.
"""

from typing import Any, Literal, Protocol

import msgspec

from ollama_simulator.acts import Door, How

Unloading = Literal["expired", "asked", "replaced", "reloaded", "crashed", "reset", "restarted"]
"""Why a model left memory."""
Lacking = Literal["descriptors", "journal-file", "worker"]
"""What the simulator itself can be short of: open files, room for the journal's file, or one of the
processes that have its servers."""
Outcome = Literal["complete", "fin", "rst", "left", "cancelled", "error"]
"""How an answer ended."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """Something that happened on a server."""

    t: float
    server: str
    exchange: int | None = None


class Opened(Record, frozen=True, kw_only=True, tag=True):
    """A client connected."""

    connection: int
    peer: str


class Asked(Record, frozen=True, kw_only=True, tag=True):
    """The head of a request was read."""

    connection: int
    method: str
    target: str
    """Path and query, as sent; the first 16 KiB of it."""
    ordinal: int
    """The how-manieth request of this server, from 1."""
    headers: tuple[tuple[str, str], ...] = ()
    """As sent. Of a head of more than 16 KiB, or 100 headers, only the beginning is kept; a last
    header with an empty name says how many bytes are missing."""


class Received(Record, frozen=True, kw_only=True, tag=True):
    """The body of a request was read whole."""

    size: int
    digest: str
    """SHA-256 of the body, in hexadecimal."""
    nonce: str | None
    """The first `nonce-…` word in the body, by which a client tells its requests apart."""
    body: str | None = None
    """Its beginning, as many bytes as the server's `keep_bodies` says; None if it keeps none."""


class Struck(Record, frozen=True, kw_only=True, tag=True):
    """A fault changed the answer, or moved the door as a rule. A fault that changed nothing leaves
    no such record."""

    fault: str
    rule: int | None = None
    """The number of the rule that it was set by."""
    source: Literal["behavior", "rule", "header"] = "behavior"
    """Who wanted it: `behavior`, `rule` or `header`."""


class Relayed(Record, frozen=True, kw_only=True, tag=True):
    """Another server was asked in place of the engine."""

    upstream: str
    """Its URL."""
    ended: Literal["complete", "cut", "reset", "malformed", "left", "refused", "unreachable"]
    """How its answer ended: `complete`, `cut`, `reset`, `malformed`, or `left` by our own client;
    `refused` or `unreachable` if there was no connection."""
    detail: str = ""
    """What broke, in words."""


class Replayed(Record, frozen=True, kw_only=True, tag=True):
    """A recorded answer was given in place of the engine's."""

    line: int
    """Where it stands in the recording."""


class Missed(Record, frozen=True, kw_only=True, tag=True):
    """No recorded answer fits a request."""

    detail: str
    """What comes nearest, in words."""


class Queued(Record, frozen=True, kw_only=True, tag=True):
    """A job waits for a slot of its model's runner, or for its turn to load one."""

    ahead: int
    """How many jobs are before it, the running ones included."""
    waits_for: Literal["slot", "load"] = "slot"
    """`slot` or `load`."""


class Admitted(Record, frozen=True, kw_only=True, tag=True):
    """A job got a slot."""

    model: str
    waited: float
    """Seconds that it waited for the slot; the load that came before is not in it."""
    slot: int = 0


class Released(Record, frozen=True, kw_only=True, tag=True):
    """A slot is free again. Exactly one for each `Admitted`, unless the slot is lost (6.7)."""

    model: str
    slot: int
    wasted_tokens: int = 0
    """Tokens that were generated for nobody: their client had left."""
    wasted_prompt: int = 0
    """Tokens of its prompt that were evaluated for nobody."""


class ModelLoaded(Record, frozen=True, kw_only=True, tag=True):
    """A model was brought into memory, by a request or by the user's hand."""

    model: str
    seconds: float
    slots: int = 1
    context: int = 0
    """Tokens of context of each slot."""
    vram: int = 0
    """Bytes of GPU memory that it takes, KV cache included."""


class ModelUnloaded(Record, frozen=True, kw_only=True, tag=True):
    """A model left memory."""

    model: str
    why: Unloading
    """`expired`, `asked`, `replaced` by another model, `reloaded` with other settings, `crashed`
    before, or gone with its server's process: a `reset`, or `restarted`."""


class Evaluated(Record, frozen=True, kw_only=True, tag=True):
    """The prompt is evaluated; the first token can be made."""

    prompt: int
    cached: int
    seconds: float


class CacheMoved(Record, frozen=True, kw_only=True, tag=True):
    """KV state went from a slot to the host's memory, or back; every slot waited meanwhile."""

    model: str
    how: Literal["saved", "restored"]
    """`saved` or `restored`."""
    tokens: int
    size: int
    """Bytes."""
    seconds: float


class FirstToken(Record, frozen=True, kw_only=True, tag=True):
    """The first token of an answer was made."""

    model: str
    seconds: float
    """Since the job came: queue, load and prompt are in it (TTFT as the server has it)."""


class Generated(Record, frozen=True, kw_only=True, tag=True):
    """An answer has all the tokens that it will get."""

    model: str
    tokens: int
    seconds: float
    """From the first to the last."""
    gaps: tuple[int, ...] = ()
    """How many gaps between its tokens were at most each of `GAPS_S`, and the rest, last."""


class Left(Record, frozen=True, kw_only=True, tag=True):
    """The client left before its answer was complete."""

    how: How
    """FIN: it shut its side down. RST: the connection is gone."""
    tokens: int
    """Tokens made until then."""


class Finished(Record, frozen=True, kw_only=True, tag=True):
    """The answer ended, one way or another. Exactly one for each `Asked`."""

    outcome: Outcome
    """`complete`, `fin` or `rst` (we ended it), `left` (the client did), `cancelled`, `error`."""
    status: int | None
    """None when no status line was sent."""
    tokens: int
    body_bytes: int
    """Bytes of the body handed to the kernel, framing not counted."""


class Closed(Record, frozen=True, kw_only=True, tag=True):
    """A connection ended."""

    connection: int
    by: Literal["us", "client"]
    """`us` or `client`."""
    how: How


class DoorMoved(Record, frozen=True, kw_only=True, tag=True):
    """The listener changed its state."""

    door: Door


class Behaved(Record, frozen=True, kw_only=True, tag=True):
    """The server was given another behaviour."""

    behavior: str


class Injected(Record, frozen=True, kw_only=True, tag=True):
    """The server was given a rule."""

    rule: int
    """Its number in the fleet."""
    fault: str
    name: str
    """What its user calls it; may be empty."""


class Healed(Record, frozen=True, kw_only=True, tag=True):
    """A rule ended."""

    rule: int
    why: Literal["asked", "expired", "replaced", "reset", "refused"]
    """`asked`, `expired`, `replaced` by a behaviour, gone with a `reset`, or `refused`, as the
    door can't be moved so."""


class ServerAdded(Record, frozen=True, kw_only=True, tag=True):
    """The server came to a fleet that was running."""

    port: int


class ServerRemoved(Record, frozen=True, kw_only=True, tag=True):
    """The server left the fleet."""

    port: int


class Changed(Record, frozen=True, kw_only=True, tag=True):
    """The server was given other settings."""

    fields: tuple[str, ...]
    """Their names."""


class Stopped(Record, frozen=True, kw_only=True, tag=True):
    """The server's process ended: connections are reset, and what was in memory is lost."""


class Restarted(Record, frozen=True, kw_only=True, tag=True):
    """The server is there again."""

    kv_cache_type: str
    seconds: float
    """For how long it was down."""


class Failed(Record, frozen=True, kw_only=True, tag=True):
    """The simulator itself went wrong: a bug, never a simulated fault."""

    error: str


class Hindered(Record, frozen=True, kw_only=True, tag=True):
    """The simulator itself can't do something for lack of something, and nobody asked for that."""

    what: Lacking
    """`descriptors`: it may not open more files, so nobody is accepted. `journal-file`: the journal
    can't be written into its file. It is about no single server, so `server` is empty."""
    detail: str
    """What the system said, or may have."""


class Eased(Record, frozen=True, kw_only=True, tag=True):
    """The simulator has again what it lacked."""

    what: Lacking
    seconds: float
    """For how long it lacked it."""
    lost: int = 0
    """Records that are not in the journal's file, as they had been dropped meanwhile."""


GAPS_S = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 5.0)
"""The bounds, in seconds, between which gaps between tokens are counted."""


class See(Protocol):
    """Takes what happened to one job."""

    def __call__(self, kind: type[Record], /, **fields: Any) -> None:
        """Record it, with the time, the server and the exchange filled in."""
