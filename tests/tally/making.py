"""Records by hand, and a second opinion on what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.records import Record

MODELS = ("a:1b", "b:7b")
SERVERS = ("s1", "s2")


def made(kind: type[Record], exchange: int | None = None, **fields: Any) -> Record:
    """A record of a kind; what is not given is something."""
    given: dict[type[Record], dict[str, Any]] = {
        records.Opened: {"connection": 1, "peer": "?"},
        records.Closed: {"connection": 1, "by": "us", "how": How.FIN},
        records.Asked: {"connection": 1, "method": "GET", "target": "/", "ordinal": 1},
        records.Struck: {"fault": "Hang"},
        records.Queued: {"ahead": 1},
        records.Admitted: {"model": MODELS[0], "waited": 0.0},
        records.Released: {"model": MODELS[0], "slot": 0},
        records.ModelLoaded: {"model": MODELS[0], "seconds": 0.0},
        records.ModelUnloaded: {"model": MODELS[0], "why": "asked"},
        records.Evaluated: {"prompt": 1, "cached": 0, "seconds": 0.0},
        records.CacheMoved: {
            "model": MODELS[0],
            "how": "saved",
            "tokens": 1,
            "size": 1,
            "seconds": 0.0,
        },
        records.FirstToken: {"model": MODELS[0], "seconds": 0.0},
        records.Generated: {"model": MODELS[0], "tokens": 1, "seconds": 0.0},
        records.Left: {"how": How.FIN, "tokens": 0},
        records.Finished: {"outcome": "complete", "status": 200, "tokens": 0, "body_bytes": 0},
        records.DoorMoved: {"door": Door.SHUT},
        records.Failed: {"error": "a bug"},
        records.Stopped: {},
        records.Restarted: {"kv_cache_type": "q8_0", "seconds": 5.0},
    }
    common = {"t": 0.0, "server": "s1", "exchange": exchange}
    return kind(**{**common, **given[kind], **fields})


@st.composite
def traffic(draw: st.DrawFn) -> list[Record]:
    """What jobs and models may do on two servers, in any order that can be."""
    out: list[Record] = []
    open_now: list[tuple[str, int]] = []
    """Requests that are not over: the server and the exchange."""
    models: dict[int, str] = {}
    """The model of each request that had a slot."""
    over: list[tuple[str, int]] = []
    held: Counter[int] = Counter()
    loaded: dict[str, list[tuple[str, int]]] = {server: [] for server in SERVERS}
    """The models of each server with their free slots."""
    numbers = iter(range(1, 1000))
    for _ in range(draw(st.integers(0, 60))):
        server = draw(st.sampled_from(SERVERS))
        mine = [number for name, number in open_now if name == server]
        step = draw(
            st.sampled_from("ask ask wait run run free notice load unload left end end".split())
        )
        model = draw(st.sampled_from(MODELS))
        here: dict[str, Any] = {"server": server}
        if step == "ask":
            open_now.append((server, number := next(numbers)))
            out.append(made(records.Asked, number, **here))
        elif step == "load":
            slots = draw(st.integers(1, 4))
            vram = draw(st.integers(0, 2**40))
            loaded[server].append((model, slots))
            loader = draw(st.sampled_from([None, *mine]))
            fields = here | {"model": model, "slots": slots, "vram": vram}
            out.append(made(records.ModelLoaded, loader, **fields))
        elif step == "unload" and loaded[server]:
            name = draw(st.sampled_from(loaded[server]))[0]
            loaded[server].remove(next(stay for stay in loaded[server] if stay[0] == name))
            why = draw(st.sampled_from(["asked", "expired"]))
            out.append(made(records.ModelUnloaded, **here, model=name, why=why))
        elif mine:
            number = draw(st.sampled_from(mine))
            if step == "wait" and not held[number]:
                what = draw(st.sampled_from(["slot", "load"]))
                out.append(made(records.Queued, number, **here, waits_for=what))
            elif step == "run":
                model = models.setdefault(number, model)
                held[number] += 1
                waited = draw(st.floats(0, 400))
                out.append(made(records.Admitted, number, **here, model=model, waited=waited))
            elif step == "free" and held[number]:
                held[number] -= 1
                wasted = draw(st.integers(0, 9))
                fields = here | {"model": model, "wasted_tokens": wasted}
                out.append(made(records.Released, number, **fields))
            elif step == "notice" and over:
                server, number = draw(st.sampled_from(over))
                if held[number]:
                    held[number] -= 1
                    out.append(made(records.Released, number, server=server))
            elif step == "left":
                how = draw(st.sampled_from(list(How)))
                out.append(made(records.Left, number, **here, how=how))
            elif step == "end":
                open_now.remove((server, number))
                over.append((server, number))
                status = draw(st.sampled_from([None, 200, 503]))
                outcome = draw(st.sampled_from(["complete", "left", "rst"]))
                fields = here | {"outcome": outcome, "status": status, "body_bytes": number}
                out.append(made(records.Finished, number, **fields))
    return out


def last(told: Sequence[Record], *kinds: type[Record]) -> Record | None:
    """The last record of these kinds."""
    return next((record for record in reversed(told) if isinstance(record, kinds)), None)


def standing(told: Iterable[Record], server: str) -> dict[str, Any]:
    """How a server stands, looked up request by request in all that was told of it."""
    mine = [record for record in told if record.server == server]
    requests: dict[int, list[Record]] = {}
    for record in mine:
        if record.exchange is not None:
            requests.setdefault(record.exchange, []).append(record)
    active = [own for own in requests.values() if last(own, records.Finished) is None]
    ended = [own for own in requests.values() if last(own, records.Finished) is not None]
    waiting: Counter[str] = Counter()
    for own in active:
        turn = last(own, records.Queued, records.Admitted, records.ModelLoaded)
        if isinstance(turn, records.Queued):
            waiting[turn.waits_for] += 1
    return {
        "active": len(active),
        "waiting": {what: waiting[what] for what in ("slot", "load")},
        "running": sum(map(slots, active)),
        "abandoned": sum(slots(own) for own in ended if stays_on(own, mine)),
        "loaded": stays(mine),
    }


def slots(own: Iterable[Record]) -> int:
    """How many slots a request has and did not give back."""
    kinds = Counter(map(type, own))
    return kinds[records.Admitted] - kinds[records.Released]


def stays_on(own: Sequence[Record], mine: Sequence[Record]) -> bool:
    """Whether the runner that a request was last admitted to is still in memory: its name was
    never without a model since, and neither was the server."""
    admitted = last(own, records.Admitted)
    if not isinstance(admitted, records.Admitted):
        return True
    began = next(index for index, record in enumerate(mine) if record is admitted)
    left = (
        (record, stays(mine[: index + 1]))
        for index, record in enumerate(mine)
        if index > began and isinstance(record, records.ModelUnloaded)
    )
    return not any(
        not loaded or (record.model == admitted.model and not loaded[record.model])
        for record, loaded in left
    )


def stays(told: Iterable[Record]) -> Counter[str]:
    """How many models there are in memory, by name."""
    found: Counter[str] = Counter()
    for record in told:
        if isinstance(record, records.ModelLoaded):
            found[record.model] += 1
        elif isinstance(record, records.ModelUnloaded):
            found[record.model] -= 1
    return +found
