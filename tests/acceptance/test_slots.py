"""One inference at a time, first come first served, and no slot lost when a client leaves."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.cells import (
    CHAT,
    CHAT_WHOLE,
    COMPLETIONS,
    COMPLETIONS_WHOLE,
    GENERATE,
    GENERATE_WHOLE,
    MESSAGES_STREAM,
    MESSAGES_WHOLE,
    PLAIN,
    Cell,
    error_message,
    lines,
    name_of,
    pieces,
)
from tests.acceptance.program import Fleet
from tests.acceptance.rawhttp import Answer, Connection, Ended, ask

LEAVE = pytest.mark.parametrize(
    "leave",
    [Connection.close, Connection.reset, Connection.half_close],
    ids=["fin", "rst", "half-close"],
)
Leave = Callable[[Connection], None]


def started(answer: Answer) -> bool:
    """Whether the stream has begun."""
    return len(answer.chunks) > 1


@contextlib.contextmanager
def held(fleet: Fleet) -> Iterator[None]:
    """Keep the slot meanwhile, so that there is time to queue, however busy the machine is."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=1.0, num_tokens=400)
    holder = fleet.open(CHAT.limited(400))
    holder.read(stop=lambda answer: bool(answer.chunks))
    yield
    holder.reset()


def queued(fleet: Fleet, *cells: Cell) -> list[Connection]:
    """Send requests in this order, each when the one before has arrived, to a server that is held.

    The first of the active requests is that of the holder.
    """
    connections = []
    for number, cell in enumerate(cells, 2):
        connections.append(fleet.open(cell))
        fleet.await_active(fleet.port, number)
    return connections


def read_all(connections: list[Connection], *, silence: float = 8.0) -> list[Answer]:
    """Read all answers side by side."""
    with ThreadPoolExecutor(len(connections)) as pool:
        return list(pool.map(lambda each: each.read(silence=silence), connections))


@pytest.mark.parametrize(
    "cells",
    [
        (CHAT, CHAT, CHAT),
        (CHAT, GENERATE, COMPLETIONS, MESSAGES_STREAM),
        (MESSAGES_WHOLE, COMPLETIONS_WHOLE, GENERATE_WHOLE, CHAT_WHOLE),
        (CHAT, COMPLETIONS_WHOLE, MESSAGES_STREAM, GENERATE_WHOLE),
    ],
    ids=["chats", "streams", "wholes", "mixed"],
)
def test_first_come_first_served(fleet: Fleet, cells: tuple[Cell, ...]) -> None:
    """Each request has the slot when the one before has given it back, whole or as a stream."""
    before = fleet.accepted("GET", "/journal?limit=1000&since=999999999")["next"]
    with held(fleet):
        fleet.behave(fleet.port, "Normal", tokens_per_sec=60.0, num_tokens=12)
        connections = queued(fleet, *(cell.limited(12) for cell in cells))
    answers = read_all(connections)
    assert [answer.ended for answer in answers] == [Ended.COMPLETE] * len(cells)
    kinds = "Asked,Admitted,Released,Finished"
    records = fleet.accepted("GET", f"/journal?kind={kinds}&since={before}")["records"]
    asked = [record["exchange"] for record in records if record["kind"] == "Asked"]
    turns = [(r["exchange"], r["kind"]) for r in records if r["kind"] in ("Admitted", "Released")]
    waiting = asked[1:]  # behind the holder
    assert len(waiting) == len(cells)
    assert turns == [(each, kind) for each in asked for kind in ("Admitted", "Released")]
    finished = {r["exchange"]: r["tokens"] for r in records if r["kind"] == "Finished"}
    assert [finished[each] for each in waiting] == [12] * len(cells)


def test_servers_do_not_wait_for_each_other(fleet: Fleet) -> None:
    """Each server has a slot of its own."""
    fleet.behave(None, "Normal", tokens_per_sec=30.0, num_tokens=12)
    answers = read_all([fleet.open(CHAT, port) for port in fleet.ports])
    assert max(a.first_at for a in answers) < min(a.last_at for a in answers)


@pytest.mark.parametrize("cell", [c for c in PLAIN if "embed" not in c.name], ids=name_of)
def test_other_endpoints_do_not_wait(fleet: Fleet, cell: Cell) -> None:
    """What needs no inference is answered while the server is busy."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=10.0, num_tokens=60)
    busy = fleet.open(CHAT)
    busy.read(stop=started)
    answer = fleet.ask(cell)
    assert answer.ended is Ended.COMPLETE, answer
    assert answer.ended_at - answer.sent_at < 1.0
    fleet.await_active(fleet.port, 1)


@LEAVE
@pytest.mark.parametrize("cell", [CHAT, GENERATE, COMPLETIONS, MESSAGES_STREAM], ids=name_of)
def test_leaving_a_stream_frees_the_slot(fleet: Fleet, cell: Cell, leave: Leave) -> None:
    """The next request begins at once when the client of the running stream leaves."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=400)
    gone = fleet.open(cell.limited(400))
    gone.read(stop=started)
    (waiting,) = [fleet.open(CHAT)]
    fleet.await_active(fleet.port, 2)
    assert waiting.read(silence=0.3).ended is Ended.SILENT, "two answers at a time"
    left_at = time.monotonic()
    leave(gone)
    answer = waiting.read(silence=3.0, stop=started)
    assert answer.ended is Ended.STOPPED, answer
    assert answer.first_at - left_at < 1.5
    fleet.await_active(fleet.port, 1)


@LEAVE
@pytest.mark.parametrize(
    "cell", [CHAT_WHOLE, GENERATE_WHOLE, COMPLETIONS_WHOLE, MESSAGES_WHOLE], ids=name_of
)
def test_leaving_a_whole_answer_frees_the_slot(fleet: Fleet, cell: Cell, leave: Leave) -> None:
    """A client which leaves before the first byte is noticed as well."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=400)
    gone = fleet.open(cell.limited(400))
    fleet.await_active(fleet.port, 1)
    waiting = fleet.open(CHAT)
    fleet.await_active(fleet.port, 2)
    time.sleep(0.1)
    leave(gone)
    answer = waiting.read(silence=3.0, stop=started)
    assert answer.ended is Ended.STOPPED, answer


@pytest.mark.parametrize("leave", [Connection.close, Connection.reset], ids=["fin", "rst"])
def test_leaving_the_queue(fleet: Fleet, leave: Leave) -> None:
    """Who leaves while waiting is not served, and those behind move up in order."""
    with held(fleet):
        fleet.behave(fleet.port, "Normal", tokens_per_sec=40.0, num_tokens=16)
        first, second, third, fourth = queued(fleet, *[CHAT] * 4)
        leave(second)
        fleet.await_active(fleet.port, 1 + 3)
    answers = read_all([first, third, fourth])
    assert [answer.ended for answer in answers] == [Ended.COMPLETE] * 3
    gap = answers[1].first_at - answers[0].last_at
    assert -0.01 < gap < 0.5 * 16 / 40.0, "the one who left was still generated for"
    assert answers[2].first_at > answers[1].last_at - 0.01


def test_many_leavers(fleet: Fleet) -> None:
    """Leaving at every moment, in every manner, loses no slot.

    Who leaves by FIN does so when its request was scheduled: before, it would wait for ever.
    """
    fleet.behave(fleet.port, "Normal", tokens_per_sec=200.0, num_tokens=60)
    for turn in range(24):
        before = fleet.admitted(fleet.port)
        connection = fleet.open((CHAT, CHAT_WHOLE, COMPLETIONS, GENERATE_WHOLE)[turn % 4])
        leave = (Connection.close, Connection.reset)[turn % 2]
        if leave is Connection.close:
            fleet.await_admitted(fleet.port, before + 1)
        time.sleep(0.004 * (turn % 7))
        leave(connection)
    fleet.await_active(fleet.port, 0)
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=3)
    answer = fleet.ask(CHAT, silence=3.0)
    assert answer.ended is Ended.COMPLETE, answer


@pytest.mark.parametrize("leave", [Connection.close, Connection.reset], ids=["fin", "rst"])
def test_leaving_a_hanging_request(fleet: Fleet, leave: Leave) -> None:
    """A request which hangs is forgotten when its client leaves."""
    fleet.behave(fleet.port, "Hang")
    connection = fleet.open(CHAT)
    fleet.await_active(fleet.port, 1)
    leave(connection)
    fleet.await_active(fleet.port, 0)


# --- counts --------------------------------------------------------------------------------


def test_request_count_counts_everything(fleet: Fleet) -> None:
    """Every request counts, whatever its path, method and outcome."""

    def count() -> int:
        shown = fleet.accepted("GET", f"/request-count/{fleet.port}")
        assert shown == {"port": fleet.port, "request_count": shown["request_count"]}
        assert fleet.status(fleet.port)["request_count"] == shown["request_count"]
        return int(shown["request_count"])

    assert count() == 0
    ask(fleet.port, "GET", "/")
    ask(fleet.port, "HEAD", "/api/tags")
    ask(fleet.port, "GET", "/no/such/path")
    ask(fleet.port, "DELETE", "/api/chat")
    ask(fleet.port, "POST", "/api/chat", b"not json")
    ask(fleet.port, "POST", "/api/chat", {"model": "unknown", "messages": []})
    assert count() == 6
    fleet.behave(fleet.port, "Hang")
    ask(fleet.port, "GET", "/", silence=0.1)
    fleet.behave(fleet.port, "HttpError", status_code=500, message="no")
    ask(fleet.port, "GET", "/")
    assert count() == 8
    fleet.accepted("POST", "/reset")
    assert count() == 8
    fleet.accepted("POST", "/reset", {"clear_counters": True})
    assert count() == 0
    assert all(server["request_count"] == 0 for server in fleet.program.servers())


def test_a_request_counts_when_it_arrives(fleet: Fleet) -> None:
    """A running request is counted and active; an ended one is only counted."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=30.0, num_tokens=12)
    connection = fleet.open(CHAT)
    connection.read(stop=started)
    shown = fleet.status(fleet.port)
    assert (shown["request_count"], shown["active_request_count"]) == (1, 1)
    assert connection.read().ended is Ended.COMPLETE
    fleet.await_active(fleet.port, 0)
    assert fleet.status(fleet.port)["request_count"] == 1
    assert all(fleet.status(port)["request_count"] == 0 for port in fleet.ports[1:])


def test_clearing_counters_leaves_running_requests_active(fleet: Fleet) -> None:
    """What runs is not forgotten because counters start anew."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=20)
    connection = fleet.open(CHAT)
    connection.read(stop=started)
    fleet.accepted("POST", "/reset", {"clear_counters": True})
    shown = fleet.status(fleet.port)
    seen = len(connection.read(silence=1.0, stop=lambda _: True).chunks)
    answer = connection.read(silence=1.0, stop=lambda answer: len(answer.chunks) > seen + 1)
    if answer.ended is Ended.STOPPED:  # whether /reset ends it is not promised
        assert shown["active_request_count"] == 1
        assert shown["request_count"] == 0


# --- cancel --------------------------------------------------------------------------------


def test_cancel_ends_the_running_request(fleet: Fleet) -> None:
    """`/cancel/{port}` says how many it ended, ends them, and frees the slot."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=400)
    connection = fleet.open(CHAT)
    connection.read(stop=started)
    neighbour = fleet.open(CHAT, fleet.ports[1])
    assert fleet.accepted("POST", f"/cancel/{fleet.port}") == {"cancelled": 1}
    answer = connection.read(silence=2.0)
    assert answer.ended in (Ended.COMPLETE, Ended.EOF, Ended.RESET), answer
    assert not any(line.get("done") for line in lines(answer)), "a cancelled answer is not done"
    fleet.await_active(fleet.port, 0)
    assert neighbour.read().ended is Ended.COMPLETE
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=3)
    assert len(pieces(CHAT, fleet.ask(CHAT))) == 3


def test_cancel_of_a_whole_answer_and_of_a_hanging_request(fleet: Fleet) -> None:
    """A request without a byte sent is ended as well."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=20.0, num_tokens=400)
    whole = fleet.open(CHAT_WHOLE)
    fleet.await_active(fleet.port, 1)
    assert fleet.accepted("POST", f"/cancel/{fleet.port}") == {"cancelled": 1}
    answer = whole.read(silence=2.0)
    assert answer.ended is not Ended.SILENT
    assert answer.status != 200, answer
    fleet.await_active(fleet.port, 0)
    fleet.behave(fleet.port, "Hang")
    hanging = fleet.open(CHAT)
    fleet.await_active(fleet.port, 1)
    assert fleet.accepted("POST", f"/cancel/{fleet.port}") == {"cancelled": 1}
    assert hanging.read(silence=2.0).ended is not Ended.SILENT
    fleet.await_active(fleet.port, 0)


def test_cancel_of_nothing(fleet: Fleet) -> None:
    """Without a running request nothing is cancelled."""
    assert fleet.accepted("POST", f"/cancel/{fleet.port}") == {"cancelled": 0}
    fleet.ask(CHAT.limited(1))
    fleet.await_active(fleet.port, 0)
    assert fleet.accepted("POST", f"/cancel/{fleet.port}") == {"cancelled": 0}


# --- behaviours change atomically ----------------------------------------------------------


def test_a_running_request_keeps_its_behaviour(fleet: Fleet) -> None:
    """A stream goes on at its pace to its end, while new requests meet the new behaviour."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=25.0, num_tokens=20)
    connection = fleet.open(CHAT)
    connection.read(stop=started)
    fleet.behave(fleet.port, "HttpError", status_code=503, message="new")
    answer = fleet.ask(GENERATE, silence=2.0)
    assert answer.status == 503
    assert error_message(GENERATE, answer) == "new"
    fleet.behave(fleet.port, "Normal", tokens_per_sec=900.0, num_tokens=2)
    answer = connection.read()
    assert answer.ended is Ended.COMPLETE, answer
    assert len(pieces(CHAT, answer)) == 20
    assert answer.last_at - answer.first_at > 0.8 * 19 / 25.0


def test_a_queued_request_keeps_its_behaviour(fleet: Fleet) -> None:
    """Who waits was asked for under the old behaviour and gets it, also when it was a fault."""
    with held(fleet):
        fleet.behave(fleet.port, "Normal", tokens_per_sec=100.0, num_tokens=3)
        waiting = fleet.open(CHAT)
        fleet.await_active(fleet.port, 2)
        fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=2, tokens_per_sec=100.0)
        failing = fleet.open(CHAT)
        fleet.await_active(fleet.port, 3)
        fleet.behave(fleet.port, "Normal", tokens_per_sec=100.0, num_tokens=5)
        last = fleet.open(CHAT)
    answers = read_all([waiting, failing, last])
    assert [len(pieces(CHAT, answer)) for answer in answers] == [3, 2, 5]
    assert [each.ended for each in answers] == [Ended.COMPLETE, Ended.RESET, Ended.COMPLETE]


def test_a_fault_which_has_begun_is_not_healed(fleet: Fleet) -> None:
    """An answer which is bound to fail fails, though its server was healed meanwhile."""
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=8, tokens_per_sec=20.0)
    connection = fleet.open(CHAT)
    connection.read(stop=started)
    fleet.behave(fleet.port, "Normal")
    answer = connection.read()
    assert answer.ended is Ended.RESET, answer
    assert len(pieces(CHAT, answer)) == 8


def test_next_request_on_a_connection_meets_the_new_behaviour(fleet: Fleet) -> None:
    """A behaviour belongs to the request and not to its connection."""
    connection = fleet.connect()
    for status in (500, 503, 418):
        fleet.behave(fleet.port, "HttpError", status_code=status, message="no")
        connection.ask("GET", "/api/version")
        assert connection.read().status == status


def test_no_request_sees_half_a_behaviour(fleet: Fleet) -> None:
    """While two behaviours alternate, every answer is wholly the one or wholly the other."""
    variants = {201: ("one", "text/x-one"), 202: ("two", "text/x-two")}
    stop = threading.Event()
    seen: list[Answer] = []

    def hail() -> None:
        while not stop.is_set() and len(seen) < 5000:
            seen.append(ask(fleet.port, "GET", "/api/version"))

    fleet.behave(
        None, "Custom", status_code=201, response_body="one", content_type="text/x-one", delay_ms=1
    )
    threads = [threading.Thread(target=hail) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(40):
        status = 201 + turn % 2
        body, media = variants[status]
        fleet.behave(
            None,
            "Custom",
            status_code=status,
            response_body=body,
            content_type=media,
            delay_ms=1,
        )
    stop.set()
    for thread in threads:
        thread.join(10.0)
    found = {(a.status, a.text, a.header("Content-Type")) for a in seen}
    assert found <= {(status, *rest) for status, rest in variants.items()}, found
    assert len(found) == 2


def test_all_servers_change_together(fleet: Fleet) -> None:
    """`{"all": true}` changes each server, and later changes of one leave the others."""
    fleet.behave(None, "HttpError", status_code=500, message="all")
    assert [fleet.ask(CHAT, port).status for port in fleet.ports] == [500] * len(fleet.ports)
    fleet.behave(fleet.port, "Normal", tokens_per_sec=500.0, num_tokens=1)
    found = [fleet.ask(CHAT, port).status for port in fleet.ports]
    assert found == [200] + [500] * (len(fleet.ports) - 1)
    shown = [server["behavior"] for server in fleet.program.servers()]
    assert sorted(shown) == ["HttpError"] * (len(fleet.ports) - 1) + ["Normal"]
