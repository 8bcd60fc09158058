"""Words for what came of the replays.

It must not import the command line.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from ollama_simulator.golden.play import Outcome
from ollama_simulator.golden.recording import Reply


def lines(outcome: Outcome, excused: bool) -> Iterator[str]:
    """One line for each difference."""
    recording = outcome.recording
    for each in outcome.differences:
        mark = " (excused)" if excused else ""
        yield f"{recording.name} {recording.place}{mark}: {each}"


def details(outcome: Outcome) -> str:
    """All bytes of the recorded answers, and of those that came."""
    found = []
    for title, replies in (
        ("expected", outcome.recording.replies),
        ("actual", outcome.actual),
    ):
        for reply in replies:
            found.append(f"  --- {title} ---")
            found += [f"  {line}" for line in _shown(reply)]
    return "\n".join(found)


def _shown(reply: Reply) -> Iterator[str]:
    yield str(reply.status_line)
    for name, value in reply.headers:
        yield f"{name}: {value}"
    yield f"({reply.framing}, {reply.ended}, then {reply.after or 'unknown'})"
    if reply.chunks:
        yield from (f"chunk {chunk!r}" for chunk in reply.chunks)
    elif reply.body:
        yield repr(reply.body)


def summary(outcomes: Sequence[Outcome]) -> str:
    """The count of each group."""
    total = Counter(_group(each) for each in outcomes)
    same = Counter(_group(each) for each in outcomes if each.identical)
    width = max(map(len, total))
    return "\n".join(f"{group:{width}} {same[group]:4}/{total[group]}" for group in total)


def _group(outcome: Outcome) -> str:
    """A group's name; both formats have some of the same."""
    return ("v1 " if outcome.recording.compat else "") + outcome.recording.group
