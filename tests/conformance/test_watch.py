"""What a person sees while cases are played."""

import io
import re

from rich.console import Console

from ollama_simulator.conformance.report import Level, Result, Verdict
from ollama_simulator.conformance.watch import Watch
from tests.conformance.making import case

CASES = [case("a.one"), case("a.two"), case("a.lonely", alone=True), case("a.three")]


def result(name: str, verdict: Verdict = Verdict.PASS) -> Result:
    """What became of a case."""
    return Result(name, name, "It is so.", Level.MUST, verdict, 0.1)


def entry(result: Result) -> str:
    """Two lines, as a failure has."""
    return f"{result.id} {result.verdict.value}\n  [b]why[/b]"


def plain_text(shown: str) -> str:
    """Without what moves the cursor and colours."""
    return re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", shown)


def plain() -> tuple[Watch, list[str]]:
    """One without a terminal, and what it says: the first line of each."""
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words.partition("\n")[0])

    return Watch(CASES, entry, say, Console(file=io.StringIO())), said


def test_in_the_order_of_the_cases() -> None:
    """Whatever ends first; who plays alone comes last, and keeps nobody waiting."""
    watch, said = plain()
    with watch:
        watch.tell(result("a.three"))
        assert said == []
        watch.tell(result("a.one", Verdict.FAIL))
        assert said == ["a.one fail"]
        watch.tell(result("a.two"))
        assert said == ["a.one fail", "a.two pass", "a.three pass"]
        watch.tell(result("a.lonely"))
    assert said[3:] == ["a.lonely pass"]


def test_what_is_postponed_keeps_nobody_waiting() -> None:
    """It is shown when it comes, once."""
    watch, said = plain()
    with watch:
        watch.tell(result("a.two"))
        watch.postpone(CASES[0])
        assert said == ["a.two pass"]
        watch.tell(result("a.three"))
        watch.tell(result("a.one", Verdict.INCONCLUSIVE))
    assert said == ["a.two pass", "a.three pass", "a.one inconclusive"]


def test_what_is_skipped_is_only_counted() -> None:
    """It has no line."""
    watch, said = plain()
    with watch:
        for each in CASES:
            watch.tell(result(each.id, Verdict.SKIPPED))
    assert said == []


def test_on_a_terminal() -> None:
    """Results as they are, brackets included, and what is played, in a line with the progress."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system="standard")
    watch = Watch(CASES, entry, lambda words: None, console)
    with watch:
        watch.begin(CASES[0])
        watch._progress.refresh()  # type: ignore[union-attr]
        assert "0/4" in screen.getvalue()
        assert "a.one" in screen.getvalue()
        watch.tell(result("a.one", Verdict.FAIL))
        watch._progress.refresh()  # type: ignore[union-attr]
        assert "1/4" in screen.getvalue()
    assert "\x1b[31ma.one fail" in screen.getvalue()
    assert "  [b]why[/b]" in plain_text(screen.getvalue())
