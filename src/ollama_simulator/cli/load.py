"""The sub-command `load` of `load_balancer_test`: a workload against any URL.

It must not import the programs.
"""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ollama_simulator.clock import WallClock
from ollama_simulator.terminal import environment, run, say, wrong

if TYPE_CHECKING:
    from ollama_simulator.load.ask import Asker
    from ollama_simulator.load.document import Document, Played
    from ollama_simulator.load.player import Bounds
    from ollama_simulator.load.sample import Limits
    from ollama_simulator.workload.session import Workload

MODEL = "test-model:latest"
LONGEST_S = 10 * 86_400.0


def load(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The server, balancer or gateway. Nothing else is asked."
        ),
    ],
    workload: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A workload, such as chat, thinking, agents, documents, code, conv, or "
            "chat:turns=6,asked=200 with changes. chat if none is named.",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A recorded trace in CSV or JSONL instead."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Open loop: requests in a second, on average."),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(metavar="N", help="Closed loop: users who wait for their answers."),
    ] = None,
    requests: Annotated[
        int, typer.Option(metavar="N", min=1, help="At most so many requests.")
    ] = 1_000,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", help="No request begins after this.")
    ] = 60.0,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="A request is given up so long after it was due."),
    ] = 300.0,
    in_flight: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="At most so many at a time. Who has to wait for "
            "that is reported, and waits at our expense.",
        ),
    ] = 1_000,
    api: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="chat (/api/chat), generate (/api/generate) or openai (/v1/chat/completions).",
        ),
    ] = "chat",
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Asked for where the workload names none.")
    ] = MODEL,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Sent with each request; may stand often."),
    ] = None,
    ttft: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Longest good time to the first token."),
    ] = 2.0,
    gap: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Longest good gap of an answer, on average."),
    ] = 0.05,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes the workload.")] = 0,
    nonce: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="Stands in every text, so that no cache has it from another run. Without it "
            "the time makes one; the same one repeats a run exactly.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all numbers into this file, too."),
    ] = None,
    fail_on_errors: Annotated[
        bool, typer.Option("--fail-on-errors", help="Exit with 1 if any request failed.")
    ] = False,
) -> None:
    """Play a workload against a URL and measure what its users would have felt.

    Every wait is counted from the moment when a request was due. Exit status: 0 measured, 1 no
    request was answered whole (or, with --fail-on-errors, not every one), 2 wrong options.
    """
    from ollama_simulator.load.ask import Asker
    from ollama_simulator.load.dialects import DIALECTS
    from ollama_simulator.load.document import Played
    from ollama_simulator.load.player import Bounds
    from ollama_simulator.load.sample import Limits
    from ollama_simulator.load.target import BadTarget, Target
    from ollama_simulator.workload import named
    from ollama_simulator.workload.session import BadWorkload

    numbers = {"--duration": duration, "--timeout": timeout, "--ttft": ttft, "--gap": gap}
    for option, number in numbers.items():
        if not 0 < number <= LONGEST_S:
            wrong(f"{option}: it must be above 0 and at most {LONGEST_S:,.0f} s, not {number:g}")
    if api not in DIALECTS:
        wrong(f"--api: {api!r} is not spoken; there are {', '.join(DIALECTS)}")
    if nonce is not None and not (nonce.isascii() and nonce.isalnum()):
        wrong(f"--nonce: {nonce!r} must be of letters and digits")
    if json is not None and not json.parent.is_dir():
        wrong(f"--json: there is no folder {str(json.parent)!r}")
    try:
        target = Target.parse(url, tuple(header or ()))
        traffic = named.workload(
            workload, rate=rate, users=users, file=trace, requests=requests, seed=seed
        )
    except (BadTarget, BadWorkload) as bad:
        wrong(str(bad))
    played = Played(
        url=url,
        api=api,
        model=model,
        workload=str(trace) if trace else workload or named.DEFAULT,
        users=traffic.users,
        loop="open" if traffic.users is None else "closed",
        seed=seed,
        nonce=f"{WallClock().wall_ns():x}" if nonce is None else nonce,
        requests=requests,
        duration=duration,
        timeout=timeout,
        in_flight=in_flight,
    )
    bounds = Bounds(requests=requests, duration=duration, timeout=timeout, in_flight=in_flight)
    asker = Asker(target, DIALECTS[api])
    with environment():
        if json is not None:
            json.touch()  # rather now than after the play
        status, document = run(_play(traffic, bounds, Limits(ttft, gap), asker, played))
        _print(document)
        if json is not None:
            json.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    if not status:
        status = int(document.failed > 0 if fail_on_errors else document.complete == 0)
    raise typer.Exit(status)


async def _play(
    traffic: "Workload", bounds: "Bounds", limits: "Limits", asker: "Asker", played: "Played"
) -> "tuple[int, Document]":
    """Play, showing how it goes. Returns an exit status if it was interrupted, else 0."""
    from rich.console import Console

    from ollama_simulator.load.conversation import Conversation
    from ollama_simulator.load.document import document
    from ollama_simulator.load.player import Player
    from ollama_simulator.load.tally import Tally
    from ollama_simulator.load.watch import watch

    clock, tally = WallClock(), Tally(limits)
    player = Player(
        traffic,
        bounds,
        tally,
        clock,
        asker,
        lambda session: Conversation(session, played.model, played.nonce),
    )
    stop = asyncio.Event()
    status = 0

    def interrupt(number: int) -> None:
        nonlocal status
        status = status or 128 + number
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, interrupt, number)

    def seen() -> "Document":
        return document(tally, played, player.ended_by)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(player, seen, Console(stderr=True), clock))
        await player.play(stop)
        watching.cancel()
    return status, seen()


def _print(document: "Document") -> None:
    from rich.console import Console

    from ollama_simulator.load import report

    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(report.whole(document), soft_wrap=True)
    say(capture.get())
