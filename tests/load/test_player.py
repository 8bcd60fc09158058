"""When requests are made, how long they are taken to have waited, and how a play ends."""

from __future__ import annotations

import pytest

from ollama_simulator.load.player import Bounds
from ollama_simulator.workload import named
from ollama_simulator.workload.session import Turn
from tests.load.playing import FIRST_S, GAP_S, Game, Sessions, every, session

ANSWER_S = FIRST_S + 2 * GAP_S
"""What an answer of three tokens takes."""


# --- an open loop -------------------------------------------------------------------------


def test_an_open_loop_asks_when_it_is_due() -> None:
    """Whatever became of the others."""
    game = Game(every(0.125, 5))
    assert [each.due for each in game.samples] == [0.0, 0.125, 0.25, 0.375, 0.5]
    assert [each.sent for each in game.samples] == [0.0, 0.125, 0.25, 0.375, 0.5]
    assert {each.ttft for each in game.samples} == {FIRST_S}
    assert {each.end_to_end for each in game.samples} == {ANSWER_S}
    assert {gap for each in game.samples for gap in each.gaps} == {GAP_S}
    assert (game.tally.requests, game.tally.complete, game.player.ended_by) == (5, 5, "workload")
    assert game.tally.seconds == 0.5 + ANSWER_S
    assert game.server.most == 4


def test_a_stall_is_felt_by_all_who_were_due_in_it() -> None:
    """No coordinated omission: a server that stands still for two seconds makes everybody wait
    who wanted something then, not just the one whom it had."""
    game = Game(every(0.25, 16), stalls=(1.0, 3.0))
    waits = [each.ttft for each in game.samples]
    stalled = [3.0 - each.due + FIRST_S for each in game.samples if 1 <= each.due < 3]
    assert waits == [FIRST_S] * 4 + stalled + [FIRST_S] * 4
    assert len(stalled) == 8
    assert sum(wait for wait in waits if wait) == 16 * FIRST_S + 9.0


def test_a_stall_is_felt_even_where_we_ask_one_after_the_other() -> None:
    """A client that can't ask while it waits asks later, but its users wanted it when it was
    due."""
    game = Game(every(0.25, 16), Bounds(in_flight=1), slots=1, stalls=(1.0, 3.0))
    # Without the stall each answer takes twice as long as the next one is away.
    assert game.server.most == 1
    assert [each.sent for each in game.samples] == [
        *(n * ANSWER_S for n in range(2)),
        1.0,
        *(3.0 + ANSWER_S + n * ANSWER_S for n in range(13)),
    ]
    assert [each.ttft for each in game.samples] == [
        FIRST_S,
        FIRST_S + ANSWER_S - 0.25,
        *(3.0 + FIRST_S + n * ANSWER_S - (n + 2) * 0.25 for n in range(14)),
    ]
    assert game.tally.held_back == 15
    assert game.tally.late.longest == game.samples[-1].late


def test_later_turns_wait_for_the_answer_and_the_user() -> None:
    turns = (Turn(5, 3), Turn(5, 1, think_s=2.0), Turn(5, 2, think_s=0.5))
    game = Game(Sessions(session(0, 1.0, *turns)))
    second = 1.0 + ANSWER_S + 2.0
    third = second + FIRST_S + 0.5
    assert [each.due for each in game.samples] == [1.0, second, third]
    assert [each.turn for each in game.samples] == [0, 1, 2]
    assert (game.tally.ttft_first.count, game.tally.ttft_later.count) == (1, 2)


def test_a_prompt_holds_what_was_really_said() -> None:
    """And the system prompt; each turn asks for its own length."""
    turns = (Turn(5, 3), Turn(5, 1))
    system = named.workload("chat:systems=1,system_tokens=9").sessions()
    game = Game(Sessions(session(7, 0.0, *turns, system=next(system).system, num_ctx=512)))
    (_, first), (_, second) = game.server.asked
    assert [each.role for each in first.messages] == ["system", "user"]
    assert second.messages[:2] == first.messages
    assert second.messages[2] == ("assistant", "w0 w1 w2 ")
    assert second.messages[3].content.startswith("ns7t1 ")
    assert (first.answered, second.answered, second.num_ctx) == (3, 1, 512)
    assert first.model == "a-model"


def test_thoughts_are_left_out_of_the_history() -> None:
    turns = (Turn(5, 3), Turn(5, 1))
    game = Game(Sessions(session(0, 0.0, *turns, thinking=2, model="other")))
    question = game.server.asked[1][1]
    assert question.messages[1] == ("assistant", "w2 ")
    assert question.model == "other"


# --- a closed loop ------------------------------------------------------------------------


def test_users_ask_after_they_were_answered() -> None:
    each = [session(n, None, Turn(5, 3, think_s=1.0)) for n in range(6)]
    game = Game(Sessions(*each, users=2))
    round_s = 1.0 + ANSWER_S
    starts = [1.0, 1.0, 1.0 + round_s, 1.0 + round_s, 1.0 + 2 * round_s, 1.0 + 2 * round_s]
    assert [sample.due for sample in game.samples] == starts
    assert game.server.most == 2
    assert game.player.ended_by == "workload"


def test_sessions_of_a_closed_loop_go_to_who_is_free() -> None:
    each = [session(0, None, Turn(5, 9)), *(session(n, None) for n in range(1, 4))]
    game = Game(Sessions(*each, users=2))
    assert [(sample.session, sample.due) for sample in game.samples] == [
        (0, 0.0),
        (1, 0.0),
        (2, ANSWER_S),
        (3, 2 * ANSWER_S),
    ]


# --- ends ---------------------------------------------------------------------------------


def test_so_many_requests() -> None:
    game = Game(every(0.125, 10), Bounds(requests=4))
    assert (game.tally.requests, game.player.ended_by) == (4, "requests")
    assert game.length == 3 * 0.125 + ANSWER_S


def test_so_many_requests_where_sessions_have_turns() -> None:
    """Nobody waits for a user who has nothing to ask any more."""
    turns = (Turn(5, 3), Turn(5, 3, think_s=1.0), Turn(5, 3, think_s=100.0))
    game = Game(Sessions(session(0, 0.0, *turns), session(1, 0.0, *turns)), Bounds(requests=4))
    assert (game.tally.requests, game.tally.not_asked, game.player.ended_by) == (4, 0, "requests")
    assert game.length == 1.0 + 2 * ANSWER_S


def test_so_many_requests_though_somebody_thinks_beyond_the_time() -> None:
    """A user whose next request will never be due in this play doesn't end it."""
    late = session(1, None, Turn(5, 3, think_s=100.0))
    each = (session(0, None), late, *(session(n, None) for n in range(2, 9)))
    game = Game(Sessions(*each, users=2), Bounds(requests=4, duration=50.0))
    assert (game.tally.requests, game.player.ended_by) == (4, "requests")


def test_so_much_time() -> None:
    """No request begins after it; who is in flight is waited for."""
    game = Game(every(0.5, 10), Bounds(duration=1.5))
    assert (game.tally.complete, game.player.ended_by) == (3, "duration")
    assert game.length == 1.0 + ANSWER_S


def test_a_generator_without_end_ends_with_the_time() -> None:
    traffic = named.workload("conv", rate=100, seed=1)
    game = Game(traffic, Bounds(duration=2.0, requests=10_000))  # type: ignore[arg-type]
    assert game.player.ended_by == "duration"
    assert 100 < game.tally.complete < 400


def test_a_request_that_gets_no_answer() -> None:
    """It is given up, counted from when it was due, and hinders nobody."""
    game = Game(every(0.5, 3), Bounds(timeout=4.0), silent=(1,))
    assert game.tally.errors == {"timeout": 1}
    assert game.samples[1].ended == 0.5 + 4.0
    assert game.tally.complete == 2


def test_who_never_gets_a_place() -> None:
    game = Game(every(1.0, 3), Bounds(timeout=4.0, in_flight=1), silent=(0,))
    assert [each.error for each in game.samples] == ["timeout", None, None]
    assert [each.sent for each in game.samples] == [0.0, 4.0, 4.0 + ANSWER_S]
    game = Game(every(0.0, 2), Bounds(timeout=4.0, in_flight=1), silent=(0,))
    assert [each.error for each in game.samples] == ["timeout", "not sent in time"]
    assert game.tally.late.longest == 4.0
    assert game.length == 4.0


def test_after_a_failure_a_session_is_over() -> None:
    turns = (Turn(5, 3), Turn(5, 3), Turn(5, 3))
    game = Game(Sessions(session(0, 0.0, *turns), session(1, 0.25)), failing=(0,))
    assert game.tally.errors == {"status 503": 1}
    assert game.tally.not_asked == 2
    assert [each.session for each in game.samples] == [0, 1]


def test_an_interrupt_leaves_who_is_in_flight() -> None:
    game = Game(every(0.25, 10), stop_at=0.6)
    assert game.length == 0.6
    assert (game.player.ended_by, game.tally.unfinished) == ("interrupt", 2)
    assert game.tally.requests == 1
    assert game.tally.seconds == 0.6
    assert game.player.in_flight == 0


def test_an_interrupt_that_never_comes_holds_nobody_up() -> None:
    assert Game(every(0.25, 2), stop_at=50.0).length == 0.25 + ANSWER_S


def test_the_same_seed_plays_the_same() -> None:
    games = [
        Game(named.workload("chat", users=5, seed=3), Bounds(duration=30.0))  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert games[0].tally.samples == games[1].tally.samples
    assert games[0].server.asked == games[1].server.asked
    assert len(games[0].tally.samples) > 5


def test_a_workload_that_breaks_is_told() -> None:
    broken = every(0.5, 2)
    sessions = broken.sessions()

    def raising() -> object:
        yield next(sessions)
        raise ValueError("row 2")

    broken.sessions = raising  # type: ignore[method-assign, assignment]
    with pytest.raises(ExceptionGroup) as raised:
        Game(broken)
    assert "row 2" in str(raised.value.exceptions[0].exceptions[0])
