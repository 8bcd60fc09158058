"""Each policy alone, before a fleet that is made up."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from ollama_simulator.lab import policies
from ollama_simulator.lab.policies import POLICIES, about
from ollama_simulator.lab.request import COMPLETE, FAILED, Request
from ollama_simulator.lab.stretches import NOTHING
from ollama_simulator.lab.talk import turns
from ollama_simulator.lab.view import RELIABLE, SECOND_CHANCE, UNRELIABLE, View
from ollama_simulator.virtual import FastClock
from ollama_simulator.workload.session import Session, Turn

RNG = Random(1)


class Told:
    """What no balancer knows, as the test has it."""

    def __init__(self) -> None:
        self.in_memory: set[int] = set()
        self.ttfts: dict[int, float] = {}

    def cached(self, server: int, request: Request) -> int:
        return 0

    def ttft(self, server: int, request: Request) -> float:
        return self.ttfts[server]

    def loaded(self, server: int, model: str) -> bool:
        return server in self.in_memory


def fleet(size: int = 3, **columns: Any) -> View:
    """Servers that are all alike, but for the columns that are given."""
    usual: dict[str, Any] = {
        "slots": [1] * size,
        "speed": [1.0] * size,
        "capability": [0] * size,
        "kv_cache": ["q16"] * size,
        "installed": [frozenset({"m"})] * size,
    }
    return View(Told(), **{**usual, **columns})


def request(conversation: int = 0, turn: int = 0, model: str = "m") -> Request:
    """A turn of a conversation without a system prompt: 1, 3, 5 … messages."""
    session = Session(conversation, (Turn(10, 10),) * (turn + 1))
    asked = [*turns(session)][turn]

    async def made() -> Request:
        return Request(1, asked, conversation, 0, model, 0.0)

    return FastClock().run(made())


def send(view: View, asked: Request, server: int) -> None:
    """Have a request go to a server."""
    asked.server = server
    view.sends(asked, server)


def finish(view: View, asked: Request, outcome: int = COMPLETE) -> None:
    """Have it end."""
    asked.outcome = outcome
    view.ended(asked)


def choose(name: str, asked: Request, view: View) -> int | None:
    return POLICIES[name](asked, view, RNG)


def test_all_policies_say_what_they_do() -> None:
    """In a line of its own, and there are these."""
    assert list(POLICIES) == [
        "random",
        "round-robin",
        "least-connections",
        "first-free",
        "sticky-hash",
        "prefix-affinity",
        "bounded-affinity",
        "informed",
        "nine-step",
    ]
    assert all(about(name).endswith(".") for name in POLICIES)


def test_a_name_is_given_once() -> None:
    """Two policies can't be told apart otherwise."""
    with pytest.raises(ValueError, match=r"^there is a policy 'random' already$"):
        policies.policy(policies.random)


@pytest.mark.parametrize("name", POLICIES)
def test_a_server_that_is_down_is_never_chosen(name: str) -> None:
    """And if all are, nobody is."""
    view = fleet(3)
    view.truth.ttfts = {0: 1.0, 1: 2.0, 2: 3.0}  # type: ignore[attr-defined]
    view.lost(0)
    view.lost(2)
    assert {choose(name, request(n), view) for n in range(20)} == {1}
    view.lost(1)
    assert choose(name, request(), view) is None
    view.back(2)
    assert choose(name, request(), view) == 2


def test_random_is_even() -> None:
    """Over many requests."""
    counts = Counter(choose("random", request(), fleet(4)) for _ in range(4000))
    assert all(900 < counts[server] < 1100 for server in range(4))


def test_round_robin_takes_turns() -> None:
    """Also where one is down."""
    view = fleet(3)
    order = []
    for _ in range(4):
        order.append(choose("round-robin", request(), view))
        send(view, request(), order[-1] or 0)
    assert order == [0, 1, 2, 0]


def test_least_connections_takes_turns_among_equals() -> None:
    """And else the one with the least to do."""
    view = fleet(3)
    order = []
    for _ in range(7):
        order.append(choose("least-connections", request(), view))
        send(view, request(), order[-1] or 0)
    assert Counter(order[:3]) == Counter(order[3:6]) == {0: 1, 1: 1, 2: 1}
    view = fleet(3)
    for server in (0, 0, 1, 2, 2):
        send(view, request(), server)
    assert choose("least-connections", request(), view) == 1


def test_first_free_prefers_who_is_reliable() -> None:
    """Then who is not, and who failed again gets another chance last (seed facts)."""
    view = fleet(3)
    assert choose("first-free", request(), view) == 0
    send(view, request(), 0)
    assert choose("first-free", request(), view) == 1
    failing = request()
    send(view, failing, 1)
    finish(view, failing, FAILED)
    assert view.reliability == [RELIABLE, UNRELIABLE, RELIABLE]
    assert choose("first-free", request(), view) == 2
    send(view, request(), 2)
    assert choose("first-free", request(), view) == 1
    again = request()
    send(view, again, 1)
    finish(view, again, FAILED)
    assert view.reliability[1] == SECOND_CHANCE
    assert choose("first-free", request(), view) == 1
    assert view.reliability[1] == UNRELIABLE
    send(view, request(), 1)
    assert choose("first-free", request(), view) is None


def test_a_hash_is_the_same_each_time_and_even() -> None:
    """Whatever else goes on."""
    view = fleet(4)
    chosen = [choose("sticky-hash", request(n), view) for n in range(1000)]
    send(view, request(0), 0)
    assert [choose("sticky-hash", request(n), view) for n in range(1000)] == chosen
    assert all(200 < Counter(chosen)[server] < 300 for server in range(4))


def test_affinity_goes_home() -> None:
    """However much there is to do; the bounded one only if that is not much more than elsewhere."""
    view = fleet(3)
    send(view, request(7), 1)
    assert choose("prefix-affinity", request(7), view) == 1
    assert choose("bounded-affinity", request(7), view) == 1
    send(view, request(8), 1)
    assert choose("prefix-affinity", request(7), view) == 1
    assert choose("bounded-affinity", request(7), view) in (0, 2)
    view.forget(7)
    assert choose("prefix-affinity", request(7), view) in (0, 2)


def test_the_informed_one_takes_the_first_token_that_comes() -> None:
    """By what no balancer knows."""
    view = fleet(3)
    view.truth.ttfts = {0: 3.0, 1: 1.0, 2: 2.0}  # type: ignore[attr-defined]
    assert choose("informed", request(), view) == 1


# --- nine steps -------------------------------------------------------------------------------


def nine(view: View, asked: Request | None = None) -> int | None:
    return choose("nine-step", asked or request(), view)


def test_step_1_only_free_ones() -> None:
    view = fleet(2)
    send(view, request(), 0)
    assert nine(view) == 1
    send(view, request(), 1)
    assert nine(view) is None


def test_step_2_the_model_must_be_there() -> None:
    installed = [frozenset({"m"}), frozenset({"m", "other"})]
    assert nine(fleet(2, installed=installed), request(model="other")) == 1
    assert nine(fleet(2, installed=installed), request(model="third")) is None


def test_step_3_reliable_ones_first() -> None:
    view = fleet(3)
    view.reliability = [SECOND_CHANCE, UNRELIABLE, RELIABLE]
    assert nine(view) == 2
    view.reliability = [SECOND_CHANCE, UNRELIABLE, SECOND_CHANCE]
    assert nine(view) == 1
    view.reliability = [SECOND_CHANCE] * 3
    assert nine(view) == 0
    assert view.reliability == [UNRELIABLE] * 3


def test_step_4_the_lowest_capability() -> None:
    assert nine(fleet(3, capability=[20, 10, 10], speed=[9.0, 1.0, 2.0])) == 2


def test_step_5_the_type_of_the_kv_cache() -> None:
    """If none fits, what is in memory doesn't count, and the chosen one is switched."""
    q8 = frozenset({"m"})
    fits = fleet(2, kv_cache=["q16", "q8_0"], speed=[9.0, 1.0], q8_models=q8)
    assert nine(fits) == 1
    assert fits.switched == {}
    none = fleet(2, speed=[1.0, 9.0], q8_models=q8)
    none.truth.in_memory = {0}  # type: ignore[attr-defined]
    assert nine(none) == 1
    assert none.switched == {1: "q8_0"}
    assert none.kv_cache == ["q16", "q8_0"]


def test_step_6_the_model_in_memory() -> None:
    view = fleet(3, speed=[9.0, 1.0, 1.0])
    view.truth.in_memory = {1, 2}  # type: ignore[attr-defined]
    assert nine(view) == 1


def test_step_7_a_conversation_that_goes_on() -> None:
    """From three messages and two fifths of the request's on, and of the same model alone."""

    def after(turn: int, asked: Request, **how: Any) -> int | None:
        view = fleet(2, **how)
        held = request(5, turn)
        send(view, held, 1)
        finish(view, held)
        return nine(view, asked)

    assert after(1, request(5, 2)) == 1  # 4 of 5 messages
    assert after(0, request(5, 1)) == 0  # 2 of 3
    assert after(1, request(5, 4)) == 1  # 4 of 9
    assert after(1, request(5, 5)) == 0  # 4 of 11
    assert after(1, request(6, 2)) == 0  # another conversation
    assert after(2, request(5, 2)) == 0  # it knows more than is asked
    both = [frozenset({"m", "n"})] * 2
    assert after(1, request(5, 2, model="n"), installed=both) == 0


def test_steps_8_and_9_the_fastest_and_then_the_first() -> None:
    assert nine(fleet(3, speed=[1.0, 2.0, 2.0])) == 1


def test_what_a_server_answered_last_is_known() -> None:
    """One conversation each, the latest; none after it was down."""
    view = fleet(2)
    for server, conversation in ((0, 1), (1, 1), (0, 2)):
        held = request(conversation)
        send(view, held, server)
        finish(view, held)
    assert view.holders(request(1)) == {1: 2}
    assert view.holders(request(2)) == {0: 2}
    view.lost(0)
    assert view.holders(request(2)) == {}
    assert view.holders(request(3)) == {}
    assert request(1).prompt != NOTHING
