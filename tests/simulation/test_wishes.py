"""Keywords are those of rules and of a fleet's file."""

from __future__ import annotations

import typing

import msgspec
import pytest

from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Model
from ollama_simulator.script import Script
from ollama_simulator.settings import Settings
from ollama_simulator.simulation import wishes
from ollama_simulator.simulation.sayings import says


def test_every_condition_of_a_rule_is_a_keyword() -> None:
    hints = typing.get_type_hints(wishes.Conditions)
    assert list(hints) == [name for name in Rule.__struct_fields__ if name != "fault"]


def test_every_setting_is_a_keyword() -> None:
    """`speed` is the clock's where a fleet begins."""
    hints = typing.get_type_hints(wishes.AllFields)
    assert set(hints) == set(Settings.__struct_fields__)
    assert set(hints) - set(typing.get_type_hints(wishes.Fields)) == {"speed"}


def test_a_fault_that_is_made_wrongly_is_called_by_its_name() -> None:
    with pytest.raises(TypeError, match=r"^HttpError: Missing required argument 'message'$"):
        HttpError(503)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Hang: Unexpected keyword argument 'for_s'$"):
        Hang(for_s=3)


def test_a_fault_of_ones_own_will_do() -> None:
    """It need not be registered to be given to a fleet in this process."""

    class Own(Fault, frozen=True):
        """Does nothing."""

        number: int

    assert wishes.fault(Own(3)) == Own(3)
    with pytest.raises(ValueError, match="number: Expected `int`, got `str`"):
        wishes.fault(Own("3"))  # type: ignore[arg-type]
    assert wishes.rule(Own(3), {"limit": 1}) == Rule(fault=Own(3), limit=1)


def test_conditions_may_be_added_to_a_rule() -> None:
    rule = Rule(fault=Hang(), limit=1)
    assert wishes.rule(rule, {"skip": 2}) == Rule(fault=Hang(), limit=1, skip=2)
    with pytest.raises(TypeError, match="'fault' is no condition of a rule"):
        wishes.rule(rule, {"fault": Hang()})


def test_a_value_that_can_not_be_is_told() -> None:
    with pytest.raises(ValueError, match=r"^limit: Expected `int` >= 0, and not -1$"):
        wishes.rule(Hang(), {"limit": -1})
    with pytest.raises(ValueError, match=r"^max_queue: Expected `int` >= 0, and not -2$"):
        wishes.settings(Settings(), {"max_queue": -2})


def test_values_that_are_given_are_checked_deeply() -> None:
    model = Model("m", -1, "d", "f", "1B", "Q4")
    for fields in ({"installed_models": [model]}, {"scripts": [Script(times=0)]}):
        with pytest.raises(ValueError, match=r"(size|times): Expected `int` >= [01]"):
            wishes.settings(Settings(), fields)
    with pytest.raises(ValueError, match="size: Expected `int` >= 0"):
        wishes.models([model])
    with pytest.raises(ValueError, match="times: Expected `int` >= 1"):
        wishes.scripts([Script(times=0)])


def test_a_name_stands_for_a_model_like_the_test_model() -> None:
    one, other = wishes.models(["a", "b"])
    assert one.digest != other.digest
    assert len(one.digest) == 64
    assert one == msgspec.structs.replace(other, name="a", digest=one.digest)
    with pytest.raises(TypeError, match="3 is no model"):
        wishes.models([3])  # type: ignore[list-item]


def test_a_script_in_a_few_words() -> None:
    script = says("It is  blue.\n", contains="sky", times=2, gap_ms=5)
    assert [step.content for step in script.answer or ()] == ["It", " is", "  blue.", "\n"]
    assert (script.contains, script.times, script.gap_ms) == ("sky", 2, 5)
    assert says("").answer == ()
