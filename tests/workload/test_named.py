"""Workloads as a command line names them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.arrivals import Gamma, OnOff, Poisson, Waves
from ollama_simulator.workload.conversations import ClosedLoop, OpenLoop, Recipe
from ollama_simulator.workload.lengths import CODE_PROMPT, Fixed, LogNormal
from ollama_simulator.workload.named import FIELDS, workload
from ollama_simulator.workload.presets import PRESETS
from ollama_simulator.workload.session import BadWorkload
from ollama_simulator.workload.trace import Trace


def test_nothing_said_is_chat() -> None:
    assert workload() == ClosedLoop(PRESETS["chat"].recipe, 24)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_its_loop(name: str) -> None:
    """Either, unless it is told; and it can be played."""
    preset = PRESETS[name]
    assert (preset.users is None) != (preset.rate is None)
    assert workload(name).users == preset.users
    assert workload(name, users=3).users == 3
    assert workload(name, rate=0.5).users is None
    assert len(list(itertools.islice(workload(name).sessions(), 20))) == 20


@pytest.mark.parametrize("name", PRESETS)
def test_a_rate_is_of_requests(name: str) -> None:
    """Whatever the number of turns."""
    found = workload(name, rate=6.0)
    assert isinstance(found, OpenLoop)
    assert found.arrivals.rate * found.recipe.requests == pytest.approx(6.0)


def test_a_spec_changes_fields() -> None:
    found = workload(
        "agents:asked=200,answered=lognormal:5:0.5,opening=code_prompt,turns=3,one_shot=0.25,"
        "think_s=4.5,thinking=100,systems=2,system_tokens=10-20,system_skew=0,models=a:1+b/c:2,"
        "model_skew=2,odd_num_ctx=8192,odd_share=0.1",
        users=2,
        seed=5,
    )
    assert found == ClosedLoop(
        Recipe(
            asked=Fixed(200),
            answered=LogNormal(5.0, 0.5),
            opening=CODE_PROMPT,
            turns=3.0,
            one_shot=0.25,
            think_s=4.5,
            thinking=100,
            systems=2,
            system_tokens=(10, 20),
            system_skew=0.0,
            models=("a:1", "b/c:2"),
            model_skew=2.0,
            odd_num_ctx=8192,
            odd_share=0.1,
        ),
        users=2,
        seed=5,
    )


def test_every_field_of_a_recipe_can_be_changed() -> None:
    fields = {field.name for field in msgspec.structs.fields(Recipe)}
    assert set(FIELDS) == fields | {"arrivals", "cv"}


def test_a_spec_leaves_the_rest_alone() -> None:
    found = workload("documents:opening=0,system_tokens=7")
    assert isinstance(found, ClosedLoop)
    expected = msgspec.structs.replace(
        PRESETS["documents"].recipe, opening=None, system_tokens=(7, 7)
    )
    assert found.recipe == expected


@pytest.mark.parametrize(
    ("spec", "arrivals"),
    [
        ("conv", Waves(2.0)),
        ("code", OnOff(2.0)),
        ("conv:arrivals=poisson", Poisson(2.0)),
        ("conv:arrivals=gamma,cv=3", Gamma(2.0, 3.0)),
        ("conv:cv=0.5", Waves(2.0, 0.5)),
        ("chat:turns=1,arrivals=code", OnOff(2.0)),
    ],
)
def test_a_spec_may_say_how_they_arrive(spec: str, arrivals: object) -> None:
    found = workload(spec, rate=2.0)
    assert isinstance(found, OpenLoop)
    assert found.arrivals == arrivals


def test_a_trace_is_read(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("at,prompt,output\n0,1,2\n1,3,4\n2,5,6\n", encoding="utf-8")
    found = workload(file=file, rate=2.0, requests=2)
    assert isinstance(found, Trace)
    assert [(session.at, session.turns[0].asked) for session in found.sessions()] == [
        (0.0, 1),
        (0.5, 3),
    ]


@pytest.mark.parametrize(
    ("spec", "options", "complaint"),
    [
        ("chit", {}, "no workload 'chit'; there are chat, thinking, agents, documents, code, conv"),
        ("chat:turn=3", {}, "chat:turn=3: 'turn=3' changes nothing; it must be one of asked, "),
        ("chat:turns", {}, "'turns' changes nothing"),
        ("chat:turns=x", {}, "chat:turns=x: turns can't be 'x'"),
        ("chat:turns=0", {}, "chat:turns=0: turns must be from 1 to 10000, not 0"),
        ("chat:turns=1e400", {}, "turns must be from 1 to 10000, not inf"),
        ("chat:turns=2,turns=3", {}, "turns stands twice"),
        ("chat:thinking=1.5", {}, "thinking can't be '1.5'"),
        ("chat:thinking=" + "9" * 500, {}, "thinking can't be"),
        ("chat:asked=foo", {}, "asked: lengths are a number of tokens, lognormal:MU:SIGMA, or"),
        ("chat:asked=0", {}, "asked: a length must be from 1"),
        ("chat:asked=" + "9" * 500, {}, "asked can't be"),
        ("chat:asked=lognormal:5", {}, "asked: lengths are"),
        ("chat:asked=lognormal:5:x", {}, "asked can't be 'lognormal:5:x'"),
        ("chat:asked=lognormal:99:1", {}, "asked: a log-normal length needs a mu from 0 to 20"),
        ("chat:system_tokens=9-", {}, "system_tokens can't be '9-'"),
        ("chat:system_tokens=9-3", {}, "the shortest first, not 9 and 3"),
        ("chat:models=a++b", {}, "models are names with [+] between them, not 'a[+][+]b'"),
        ("chat:odd_share=0.5", {}, "odd_share needs an odd_num_ctx"),
        ("chat:arrivals=poisson", {}, "arrivals need a rate: 24 users are a closed loop"),
        ("conv:arrivals=bus", {}, "no arrivals 'bus'; there are poisson"),
        ("conv:arrivals=gamma", {}, "gamma arrivals need a cv"),
        ("conv:cv=0", {}, "cv of arrivals must be from 0.01 to 100, not 0"),
        ("chat", {"rate": 1.0, "users": 1}, "either a rate .* or users .*, not both"),
        ("chat", {"rate": 0.0}, "rate of arrivals must be from 1e-06"),
        ("chat", {"users": 0}, "at least 1 user, not 0"),
        ("chat", {"file": Path("x")}, "takes no workload and no users"),
        (None, {"file": Path("x"), "users": 3}, "takes no workload and no users"),
        (None, {"file": Path("x"), "requests": 0}, "at least 1 request must be asked for, not 0"),
        (None, {"file": Path("missing")}, "missing: No such file"),
    ],
)
def test_what_is_no_workload_is_refused(
    spec: str | None, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadWorkload, match=complaint):
        workload(spec, **options)


WORDS = st.sampled_from([*FIELDS, *PRESETS, ":", ",", "=", "-", "+", "1", "0.5", "lognormal", "x"])


@settings(deadline=None)
@given(st.lists(WORDS, max_size=9).map("".join) | st.text(max_size=20))
@example("chat:asked=²")
@example("chat:,")
def test_whatever_is_said_is_played_or_refused(spec: str) -> None:
    try:
        found = workload(spec, rate=1.0)
    except BadWorkload:
        return
    assert len(list(itertools.islice(found.sessions(), 3))) == 3
