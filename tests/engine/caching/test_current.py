"""The cache of a runner since Ollama 0.30."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.caching.cache import Move, Place
from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.naive import MIB, Naive
from tests.engine.caching.runs import said, talk


def cache(*held: str, mib: int = 100, context: int = 0) -> CurrentCache[Words]:
    """A cache whose slots hold these letters, a MiB each, kept in this order."""
    made = CurrentCache[Words](len(held), ram_mib=mib, bytes_per_token=MIB, context=context)
    for slot, text in enumerate(held):
        if text:
            made.keep(slot, said(text))
    return made


def saved(count: int) -> Move:
    return Move("saved", count, count * MIB)


def restored(count: int) -> Move:
    return Move("restored", count, count * MIB)


# --- which slot ---------------------------------------------------------------------------


def test_the_most_similar_slot_wins() -> None:
    """If it has more than a tenth of the prompt; the first of equals."""
    assert cache("ax", "abcx", "abcy").take(said("abcd"), range(3)).slot == 1
    assert cache("ax", "abcx", "abcy").take(said("abcd"), [0, 2]).slot == 2


def test_a_tenth_is_not_enough() -> None:
    """Then the slot goes by age: here another one."""
    ten, nine = "a" + "z" * 9, "a" + "z" * 8
    assert cache("q", "ax").take(said(ten), range(2)).slot == 0
    assert cache("q", "ax").take(said(nine), range(2)) == Place(1, 1, (saved(1),))


def test_what_the_oldest_has_counts_all_the_same() -> None:
    """A slot chosen for its age may have the beginning of the prompt."""
    place = cache("abx", "q").take(said("ab" + "z" * 30), range(2))
    assert (place.slot, place.cached) == (0, 2)


def test_the_slot_whose_job_ended_longest_ago_is_next() -> None:
    """Those that were never used before it, the last of them first."""
    assert cache("a", "", "").take(said("q"), range(3)).slot == 2
    made = cache("a", "b", "c")
    made.keep(0, said("a"))
    assert made.latest == said("a")
    assert made.take(said("q"), range(3)).slot == 1
    assert made.take(said("q"), [0, 2]).slot == 2


def test_one_token_is_evaluated() -> None:
    """The last one of a prompt that is there as a whole."""
    made = cache("abcd")
    assert made.take(said("abc"), [0]) == Place(0, 2)
    assert made.holds(0) == said("ab")
    assert made.take(said("a"), [0]) == Place(0, 0)
    assert made.holds(0) is None


# --- when the host's memory is asked ------------------------------------------------------


def test_a_slot_that_keeps_half_is_not_saved() -> None:
    """What is lost of it is lost."""
    assert cache("abcd").take(said("abxx"), [0]) == Place(0, 2)


def test_a_slot_that_keeps_less_is() -> None:
    """As it was before, as a whole."""
    made = cache("abcde")
    assert made.take(said("abxx"), [0]) == Place(0, 2, (saved(5),))
    assert made.ram == 5 * MIB


def test_what_was_saved_comes_back() -> None:
    """Moved, not copied: then it is gone from there."""
    made = cache("abcde")
    made.take(said("vwxyz"), [0])
    made.keep(0, said("vwxyz"))
    place = made.take(said("abcdef"), [0])
    assert place == Place(0, 5, (saved(5), restored(5)))
    assert made.ram == 5 * MIB
    made.keep(0, said("abcdef"))
    assert made.take(said("q"), [0]).moves == (saved(6),)


def test_a_quarter_of_an_entry_must_be_of_use() -> None:
    """And it must beat the slot in both ways."""
    for prompt, cached in (("ab" + "x" * 6, 2), ("a" + "x" * 6, 0)):
        made = cache("abcdefgh")
        made.take(said("q"), [0])
        made.keep(0, said("q"))
        assert made.take(said(prompt), [0]).cached == cached
    made = cache("abcdef")
    made.take(said("q"), [0])
    made.keep(0, said("abzzzz"))
    # It shares no more with the prompt than the slot does.
    assert made.take(said("abyy"), [0]) == Place(0, 2, (saved(6),))
    made.keep(0, said("abcz" + "z" * 20))
    # It has more of the prompt, and keeps more of itself.
    assert made.take(said("abcdy"), [0]).moves == (saved(24), restored(6))


def test_an_entry_that_keeps_less_of_itself_stays() -> None:
    """Though it has more of the prompt."""
    made = cache("abcdefghij")
    made.take(said("q"), [0])
    made.keep(0, said("abzzz"))
    assert made.take(said("abcqqqqq"), [0]) == Place(0, 2, (saved(5),))


def test_a_shared_system_prompt_thrashes() -> None:
    """Two conversations with one slot: each overwrites the other's end, unsaved, for ever."""
    made = CurrentCache[Words](1, bytes_per_token=1024)
    system = talk("s", 6000)
    first, second = talk("a", 3000, after=system), talk("b", 3000, after=system)
    cached = []
    for prompt in (first, second, first, second):
        place = made.take(prompt, [0])
        assert (place.moves, made.ram) == ((), 0)
        cached.append(place.cached)
        made.keep(0, prompt)
    assert cached == [0, 6000, 6000, 6000]


def test_without_one_they_don_t() -> None:
    """A, B, A with prompts of 4,000 tokens: the third is warm (2.4, step 7)."""
    made = CurrentCache[Words](1, bytes_per_token=1024)
    cached = []
    for name in ("a", "b", "a"):
        cached.append(made.take(talk(name, 4000), [0]).cached)
        made.keep(0, talk(name, 4020))
    assert cached == [0, 0, 3999]


# --- what the host's memory holds ---------------------------------------------------------


def test_the_beginning_of_an_entry_is_not_saved() -> None:
    """It is there already. What an entry is the beginning of takes its place."""
    made = cache("abc", "q")
    assert made.take(said("zz"), [1]).moves == (saved(1),)
    assert made.take(said("zz"), [0, 1]).moves == (saved(3),)
    made.keep(0, said("ab"))
    assert made.take(said("yy"), [0]).moves == ()
    made.keep(0, said("abcd"))
    assert made.take(said("yy"), [0]).moves == (saved(4),)
    assert made.ram == 5 * MIB


def test_the_oldest_leaves() -> None:
    """As many as room is needed for."""
    made = cache("", mib=5)
    for text in ("aa", "bb", "c", "ddd"):
        made.keep(0, said(text))
        made.take(said("?"), [0])
    assert made.ram == 4 * MIB
    made.keep(0, said("?"))
    assert made.take(said("bb!"), [0]).cached == 0
    made.keep(0, said("?"))
    assert made.take(said("c!"), [0]).cached == 1


def test_what_is_too_large_is_not_saved() -> None:
    """And nothing leaves for it."""
    made = cache("aa", mib=3)
    made.take(said("?"), [0])
    made.keep(0, said("bbbb"))
    assert made.take(said("?"), [0]).moves == ()
    assert made.ram == 2 * MIB


def test_the_wanted_one_may_leave_for_the_one_that_makes_room() -> None:
    """The slot is saved before anything is looked for."""
    made = cache("aa", mib=3)
    made.take(said("bb"), [0])
    made.keep(0, said("bb"))
    assert made.take(said("aa!"), [0]) == Place(0, 0, (saved(2),))


def cyclic(conversations: int, tokens: int) -> list[int]:
    """The conversations that are warm in the third round, with one slot and qwen3.8:27b at q8_0:
    438 MiB and 46 KiB a token."""
    made = CurrentCache[Words](1, bytes_per_token=46 * 1024, fixed_bytes=438 * MIB, context=262_144)
    warm: list[int] = []
    for number in [*range(conversations)] * 3:
        prompt = talk(f"c{number}.", tokens)
        cached = made.take(prompt, [0]).cached
        warm.append(cached)
        made.keep(0, prompt)
        assert made.ram <= 8192 * MIB
    return warm[2 * conversations :]


def test_the_cliff() -> None:
    """Six of 12,506 tokens are all warm, nine all cold: by then each leaves just before it is
    wanted (ollama/ollama#18072)."""
    assert cyclic(6, 12_506) == [12_505] * 6
    assert cyclic(8, 12_506) == [12_505] * 8
    assert cyclic(9, 12_506) == [0] * 9


def test_the_cliff_of_long_ones() -> None:
    """Of 66,163 tokens, two are warm and three cold."""
    assert cyclic(2, 66_163) == [66_162] * 2
    assert cyclic(3, 66_163) == [0] * 3


def test_the_fixed_part_counts() -> None:
    """Hybrid models carry a state that doesn't grow with the tokens."""
    made = CurrentCache[Words](1, bytes_per_token=10, fixed_bytes=500)
    made.keep(0, said("abc"))
    assert made.take(said("q"), [0]).moves == (Move("saved", 3, 530),)


def test_no_memory_of_the_host() -> None:
    """Nothing is saved, and slots are chosen as ever."""
    made = cache("abcde", "vwxyz", mib=0)
    assert made.take(said("q"), range(2)) == Place(0, 0)
    assert made.ram == 0


def test_no_limit_in_bytes_is_one_in_tokens() -> None:
    """As many as all slots have room for."""
    made = cache("aa", mib=-1, context=5)
    for text in ("bb", "cc"):
        made.take(said("?"), [0])
        made.keep(0, said(text))
    made.take(said("?"), [0])
    assert made.ram == 4 * MIB
    made.keep(0, said("?"))
    assert made.take(said("aa!"), [0]).cached == 0
    made = cache("aa", mib=100, context=1)
    made.take(said("?"), [0])
    assert made.ram == 2 * MIB
    made = cache("a", mib=-1)
    for number in range(50):
        made.take(said("?"), [0])
        made.keep(0, talk(f"{number}.", 1000))
    assert made.ram == 49_001 * MIB


# --- idle slots ---------------------------------------------------------------------------


def test_idle_slots_are_saved_when_a_job_begins() -> None:
    """Busy ones aren't, and it stays in the slot."""
    made = cache("abc", "xyz", "uvw")
    assert made.take(said("abcd"), [0, 1]) == Place(0, 3, (saved(3),))
    assert made.holds(1) == said("xyz")
    assert made.take(said("xyzz"), [1]) == Place(1, 3)
    assert made.ram == 3 * MIB


def test_they_are_saved_once() -> None:
    """Until they have changed, or their copy left."""
    made = cache("abc", "xyz", mib=5)
    assert made.take(said("abcd"), range(2)).moves == (saved(3),)
    made.keep(0, said("abcd"))
    assert made.take(said("abcde"), range(2)).moves == ()
    made.keep(0, said("pqrst"))
    # The slot that is taken needs all the room; then the other one needs it.
    assert made.take(said("?" * 9), [0]).moves == (saved(5),)
    made.keep(0, said("?"))
    assert made.take(said("??"), range(2)).moves == (saved(3),)


def test_clear() -> None:
    """Neither slots nor the host's memory hold anything."""
    made = cache("abc", "xyz")
    made.take(said("abcd"), range(2))
    made.clear()
    assert (made.holds(0), made.holds(1), made.latest, made.ram) == (None, None, None, 0)
    assert made.take(said("xyz"), range(2)) == Place(1, 0)


# --- and all together ---------------------------------------------------------------------

TEXTS = st.text("ab", min_size=1, max_size=12)


@given(
    st.integers(1, 3),
    st.sampled_from([-1, 0, 6, 15, 40]),
    st.lists(st.tuples(TEXTS, st.text("ab", max_size=3), st.integers(0, 7), st.booleans())),
)
def test_it_does_what_the_rules_say(
    slots: int, limit: int, steps: list[tuple[str, str, int, bool]]
) -> None:
    """The same as without shortcuts, whatever comes."""
    made = CurrentCache[Words](slots, ram_mib=limit, bytes_per_token=MIB, context=20)
    plain = Naive(slots, limit, MIB, 20)
    busy: dict[int, str] = {}
    for prompt, answer, number, ends in steps:
        idle = [slot for slot in range(slots) if slot not in busy]
        if idle and not ends:
            place = made.take(said(prompt), idle)
            assert (place.slot, place.cached) == plain.take(prompt, idle)
            assert [(move.how, move.tokens) for move in place.moves] == plain.moves
            busy[place.slot] = prompt + answer
        elif busy:
            slot = sorted(busy)[number % len(busy)]
            text = busy.pop(slot)
            made.keep(slot, said(text))
            plain.keep(slot, text)
        assert [made.holds(slot) for slot in range(slots)] == [
            said(text) or None for text in plain.slots
        ]
        assert made.ram == plain.taken()
        assert limit < 0 or made.ram <= limit * MIB
