"""A report with one case of each kind, for the reporters' tests."""

from ollama_simulator.conformance.report import (
    Check,
    Figure,
    Level,
    Moment,
    Report,
    Result,
    Subject,
    Verdict,
)

GOOD = Check("the status", "200", "200", held=True, t=0.2)
BAD = Check(
    "the outcome of the answer",
    "cut",
    "200, complete, <120> bytes & 'more'",
    held=False,
    t=0.41,
)
MOMENTS = (
    Moment(0.0, "s1", "behaves: FailMidStream", kind="notes"),
    Moment(0.01, "client", "asks POST /api/chat", "r1", "asks"),
    Moment(0.02, "s1", "is asked POST /api/chat", "r1", "asked"),
    Moment(0.1, "client", "reads status 200", "r1", "reads"),
    Moment(0.2, "s1", "fault FailMidStream strikes", "r1", "struck"),
    Moment(0.3, "s1", "is done with it: rst, status 200, 3 tokens, 120 bytes", "r1", "done"),
    Moment(0.4, "client", "sees the end: complete", "r1", "ends"),
)


def _case(name: str, verdict: Verdict, level: Level = Level.MUST, **more: object) -> Result:
    fields: dict[str, object] = {
        "id": name,
        "name": name,
        "claim": "A cut answer is cut.",
        "level": level,
        "verdict": verdict,
        "seconds": 0.5,
        **more,
    }
    return Result(**fields)  # type: ignore[arg-type]


REPORT = Report(
    subject=Subject(
        name="example",
        variant="tuned",
        version="1.2",
        features=("native", "timeout"),
        configuration="example -c DIR/example.conf\n--- example.conf\ntimeout 2s",
        home="Debian's package example",
    ),
    suite="0.4.0",
    seed=7,
    platform="Linux x86_64",
    python="3.11.7",
    date="2026-11-29T09:00:00Z",
    seconds=12.34,
    results=(
        _case(
            "cut.chat",
            Verdict.FAIL,
            checks=(GOOD, BAD),
            advice="End the client's connection without the last chunk.",
            moments=MOMENTS,
            evidence=("owner/name#12",),
        ),
        _case("cut.openai", Verdict.PASS, checks=(GOOD,), figures=(Figure("latency", 12.5, "ms"),)),
        _case("spread.even", Verdict.FAIL, Level.SHOULD, checks=(BAD,), moments=MOMENTS),
        _case("spread.told", Verdict.FAIL, Level.TELL, checks=(BAD,), moments=MOMENTS),
        _case("spread.yes", Verdict.PASS, Level.TELL, checks=(GOOD,)),
        _case("spread.skip", Verdict.SKIPPED, reason="not claimed: spreads", plays=0, seconds=0.0),
        _case("time.blocked", Verdict.BLOCKED, reason="it stands on cut.chat", plays=0),
        _case("time.busy", Verdict.INCONCLUSIVE, reason="our own clock was late", plays=3),
        _case("time.vacuous", Verdict.VACUOUS),
        _case("time.error", Verdict.ERROR, reason="the suite failed: KeyError('x')"),
    ),
)
