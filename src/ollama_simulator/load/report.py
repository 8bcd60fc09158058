"""What a play came to, for people: a table and a few lines.

It must not import the player.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ollama_simulator.load.document import Document, Times
from ollama_simulator.load.sample import Limits

ENDS = {
    "requests": "all requests were made",
    "duration": "the time was over",
    "workload": "the workload was over",
    "interrupt": "it was interrupted",
}


def table(document: Document) -> Table:
    """The distributions."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("")
    for name in ("count", "mean", "p50", "p90", "p95", "p99", "max"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name, times in (
        ("TTFT", document.ttft),
        ("  first turns", document.ttft_first_turns),
        ("  later turns", document.ttft_later_turns),
        ("gap", document.gap),
        ("end to end", document.end_to_end),
        ("own lateness", document.lateness),
    ):
        shown.add_row(name, *_cells(times))
    return shown


def lines(document: Document) -> list[str]:
    """What the table does not say."""
    of = document
    said = [
        f"{of.requests} requests in {of.seconds:.1f} s: {of.complete} complete, {of.failed} failed "
        f"({ENDS.get(of.ended_by, of.ended_by)})",
        f"{of.request_rate:.2f} requests/s, {of.token_rate:.1f} tokens/s, "
        f"goodput {of.goodput:.2f} requests/s ({_share(of.good, of.requests)} within "
        f"{_words(of.limits)})",
    ]
    if of.not_asked:
        said.append(f"{of.not_asked} turns were not asked, as a turn before them had failed")
    if of.unfinished:
        said.append(f"{of.unfinished} requests were in flight at the end, and are not counted")
    said += [f"error: {each.count} x {each.kind}{_example(each.example)}" for each in of.errors]
    if of.bottleneck is not None:
        said.append(f"warning: we were the bottleneck. {of.bottleneck}")
    return said


def head(document: Document) -> str:
    """What is played."""
    played = document.played
    loop = "open loop" if played.users is None else f"closed loop of {played.users} users"
    return (
        f"{played.workload} to {played.url} ({played.api}, {played.model}), {loop}, "
        f"seed {played.seed}, nonce {played.nonce or 'none'}"
    )


def whole(document: Document) -> RenderableType:
    """Everything."""
    return Group(Text(head(document)), "", table(document), "", *map(Text, lines(document)))


def progress(document: Document, now: float, in_flight: int, waiting: int) -> str:
    """One line while it runs."""
    of = document
    held = f", {waiting} held back by us" if waiting else ""
    return (
        f"{now:6.1f} s  {in_flight} in flight{held}, {of.complete} complete, {of.failed} failed; "
        f"TTFT p50 {_time(of.ttft.p50)} p99 {_time(of.ttft.p99)}, "
        f"gap p50 {_time(of.gap.p50)} p99 {_time(of.gap.p99)}, goodput {of.goodput:.2f}/s"
    )


def _cells(times: Times) -> list[str]:
    numbers = (times.mean, times.p50, times.p90, times.p95, times.p99, times.max)
    return [str(times.count), *map(_time, numbers)]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _words(limits: Limits) -> str:
    return f"TTFT {limits.ttft:g} s and mean gap {limits.gap * 1000:g} ms"


def _example(words: str) -> str:
    short = words if len(words) <= 120 else f"{words[:117]}..."
    return f" ({short})" if short else ""
