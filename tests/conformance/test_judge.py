"""Verdicts: of several that fit the first one counts, and nothing vacuous passes."""

from types import SimpleNamespace
from typing import Any

import pytest

from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.drive import Declared
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.player import judge, level_of, unclaimed
from ollama_simulator.conformance.report import Check, Level, Verdict
from ollama_simulator.conformance.scenario import known
from tests.conformance.making import case

HELD = Check("a", "1", "1", held=True)
BROKEN = Check("b", "1", "2", held=False)
FIRM = Check("c", "1", "2", held=False, firm=True)
UNSTEADY = Check("d", "soon", "late", held=False, unsteady=True)
MISSED = [Declared("Hang", ("s1", "s2"), 0)]


def run_of(*checks: Check, missed: Any = (), noise: Any = ()) -> Any:
    """What the judge looks at in a run."""
    return SimpleNamespace(
        checks=list(checks), figures=[], missed=lambda: list(missed), noise=list(noise)
    )


@pytest.mark.parametrize(
    ("run", "error", "unclear", "stalled", "verdict"),
    [
        (run_of(HELD), "", "", "", Verdict.PASS),
        (run_of(HELD, BROKEN), "", "", "", Verdict.FAIL),
        (run_of(), "", "", "", Verdict.VACUOUS),
        (None, "", "", "", Verdict.VACUOUS),
        (run_of(HELD), "the suite failed: X", "", "", Verdict.ERROR),
        (run_of(BROKEN), "the suite failed: X", "not arranged", "", Verdict.ERROR),
        (run_of(HELD), "", "not arranged", "", Verdict.INCONCLUSIVE),
        (run_of(BROKEN), "", "not arranged", "", Verdict.INCONCLUSIVE),
        (run_of(HELD, missed=MISSED), "", "", "", Verdict.INCONCLUSIVE),
        (run_of(BROKEN, missed=MISSED), "", "", "", Verdict.INCONCLUSIVE),
        (run_of(FIRM, missed=MISSED), "", "", "", Verdict.FAIL),
        (run_of(HELD, UNSTEADY, noise=["busy"]), "", "", "", Verdict.INCONCLUSIVE),
        (run_of(BROKEN, UNSTEADY, noise=["busy"]), "", "", "", Verdict.FAIL),
        (run_of(BROKEN), "", "", "our clock was late", Verdict.INCONCLUSIVE),
        (run_of(HELD), "", "", "our clock was late", Verdict.PASS),
    ],
)
def test_the_first_that_fits(
    run: Any, error: str, unclear: str, stalled: str, verdict: Verdict
) -> None:
    """In the order of `Verdict`: what went wrong with us is never called a failure."""
    result = judge(case(), Reference(), run, error, unclear, stalled)
    assert result.verdict is verdict
    assert bool(result.advice) is (verdict is Verdict.FAIL)


def test_a_fault_that_did_not_strike_is_named() -> None:
    """With the servers on which it should have."""
    result = judge(case(), Reference(), run_of(HELD, missed=MISSED), "", "")
    assert result.reasons == ["a declared fault did not strike: Hang on s1, s2"]


def test_the_advice_of_a_check_comes_before_that_of_its_scenario() -> None:
    """As it knows more."""
    advised = Check("b", "1", "2", held=False, advice="flush")
    assert judge(case(), Reference(), run_of(BROKEN, advised), "", "").advice == "flush"
    assert judge(case(), Reference(), run_of(BROKEN), "", "").advice == "do better"


def test_claims() -> None:
    """What a case needs and isn't claimed skips it; what it wants only lowers its level."""
    balancer = Reference()
    balancer.features = frozenset({Feature.NATIVE})
    needy = case(needs={Feature.NATIVE, Feature.QUEUES, Feature.DRAINS})
    assert unclaimed(needy, balancer) == ["drains", "queues"]
    wishful = case(wants={Feature.MARKS_5XX}, level=Level.SHOULD)
    assert unclaimed(wishful, balancer) == []
    assert level_of(wishful, balancer) is Level.TELL
    balancer.features |= {Feature.MARKS_5XX}
    assert level_of(wishful, balancer) is Level.SHOULD


def test_a_path_that_not_everybody_has() -> None:
    """Its cases are skipped for who claims the others of its dialect alone."""
    balancer = Reference()
    balancer.features -= {Feature.COMPLETIONS}
    missing = {
        each.id: unclaimed(each, balancer)
        for each in known()
        if each.id.startswith("basics.relay.")
    }
    assert missing["basics.relay.completions-whole"] == ["completions"]
    assert missing["basics.relay.openai-whole"] == []
