"""The program `ollama_simulator`, which starts servers and their control API.

It must not import the other programs.

Longer than 300 lines because it is the list of the program's options, a few lines each.
"""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from msgspec.structs import replace

from ollama_simulator import hardware
from ollama_simulator.access import Access
from ollama_simulator.cli import journaling
from ollama_simulator.cli.access import ControlHost, ControlName, ControlToken, OpenMetrics, access
from ollama_simulator.cli.calibrate import calibrate
from ollama_simulator.cli.check import check
from ollama_simulator.cli.convert import convert
from ollama_simulator.cli.program import VERSION, Command, Examples, alone, among, given, start
from ollama_simulator.cli.record import record
from ollama_simulator.cli.stand_ins import MISSES, stand_in
from ollama_simulator.cli.wanted import (
    SERVER_PORTS,
    check_address,
    check_ports,
    first_ports,
    in_file,
    named,
    ports,
)
from ollama_simulator.clock import FASTEST, SLOWEST
from ollama_simulator.collector import importing
from ollama_simulator.settings import HELPER_OFFSET, PROFILES, RECORDS, Caching
from ollama_simulator.terminal import environment, run, wrong

if TYPE_CHECKING:
    from ollama_simulator.fleet_file import FleetFile

SUB_COMMANDS: tuple[Command, ...] = (calibrate, check, convert, record)

CONTROL_PORT = 11500
HOST = "127.0.0.1"
MACHINES = "What the servers are like"
ANSWERS = "Answers of others"
FAULTS = "Faults"

LOGS = ("auto", "live", "plain", "json", "none")

ENGINES: tuple[Caching, ...] = get_args(Caching)


EXAMPLES: Examples = (
    ("Three servers; the dashboard is at http://127.0.0.1:11500/", "ollama_simulator"),
    (
        "Ten that take their time as a real machine does",
        "ollama_simulator --servers 10 --profile rtx-4090-llama3-8b",
    ),
    ("A fleet that a file describes", "ollama_simulator --config fleet.toml"),
    (
        "Ask a server",
        """curl 127.0.0.1:11501/api/generate -d '{"model":"test-model","prompt":"Hi"}'""",
    ),
    (
        "Let it hang",
        """curl 127.0.0.1:11500/behavior -d '{"port":11501,"behavior":{"type":"Hang"}}'""",
    ),
    ("All as it was", "curl -X POST 127.0.0.1:11500/reset"),
    ("What else the control API can do", "curl 127.0.0.1:11500/openapi.json"),
)


def main() -> None:
    """Run `ollama_simulator`."""
    start(simulator, SUB_COMMANDS, EXAMPLES)


def simulator(
    context: typer.Context,
    control_port: Annotated[
        int, typer.Option(metavar="PORT", help="Port of the control API; 0 takes a free one.")
    ] = CONTROL_PORT,
    server_ports: Annotated[
        str,
        typer.Option(
            metavar="PORTS",
            help="Ports of the simulated servers, separated by commas; each 0 takes a free one.",
        ),
    ] = ",".join(map(str, SERVER_PORTS)),
    wire: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            autocompletion=among(lambda: PROFILES),
            help=f"Which Ollama is imitated on the wire: {' or '.join(PROFILES)}.",
            rich_help_panel=MACHINES,
        ),
    ] = PROFILES[-1],
    servers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"So many servers, on the ports from {SERVER_PORTS[0]} on, "
            "instead of --server-ports.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            autocompletion=among(hardware.names),
            help="The machine that each server is: how long it takes (see --list-profiles).",
            rich_help_panel=MACHINES,
        ),
    ] = hardware.DEFAULT,
    engine: Annotated[
        str,
        typer.Option(
            metavar="|".join(ENGINES),
            autocompletion=among(lambda: ENGINES),
            help="Which generation of Ollama's engine keeps the KV cache.",
            rich_help_panel=MACHINES,
        ),
    ] = ENGINES[0],
    speed: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="How fast time goes: 10 is ten simulated seconds in each real one.",
            rich_help_panel=MACHINES,
        ),
    ] = 1.0,
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Over how many processes the servers are spread; one has all of them by itself.",
        ),
    ] = 1,
    seed: Annotated[
        int, typer.Option(metavar="N", help="What the texts depend on.", rich_help_panel=MACHINES)
    ] = 0,
    helpers: Annotated[
        bool,
        typer.Option(
            "--helpers",
            help=f"Beside each server a helper on its port + {HELPER_OFFSET}, which tells and "
            "switches its KV cache type.",
            rich_help_panel=MACHINES,
        ),
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where servers and helpers listen; 0.0.0.0 is every address of this machine. The "
            "control API stays where --control-host says.",
        ),
    ] = HOST,
    control_host: ControlHost = None,
    control_token: ControlToken = None,
    control_name: ControlName = None,
    open_metrics: OpenMetrics = False,
    fault_header: Annotated[
        bool,
        typer.Option(
            "--fault-header",
            help="A request may ask for a fault of its own, by the header X-Simulator-Fault.",
            rich_help_panel=FAULTS,
        ),
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Answer with what was recorded (see the sub-command record).",
            rich_help_panel=ANSWERS,
        ),
    ] = None,
    replay_speed: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="How many times as fast as recorded; inf for at once.",
            rich_help_panel=ANSWERS,
        ),
    ] = 1.0,
    replay_miss: Annotated[
        str,
        typer.Option(
            metavar="|".join(MISSES),
            autocompletion=among(lambda: MISSES),
            help="What is done with a request that was not recorded: the engine answers, it is "
            "refused with 501, or the upstream is asked.",
            rich_help_panel=ANSWERS,
        ),
    ] = MISSES[0],
    upstream: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A server that answers in place of the engine; faults are wrapped round it.",
            rich_help_panel=ANSWERS,
        ),
    ] = None,
    log: Annotated[
        str,
        typer.Option(
            metavar="|".join(LOGS),
            autocompletion=among(lambda: LOGS),
            help="What is shown of what happens: a view of all servers (live), where they listen "
            "(plain), a JSON object for each record (json), nothing (none). auto is live on a "
            "terminal, and else plain.",
        ),
    ] = LOGS[0],
    journal_size: journaling.Size = RECORDS,
    journal_file: journaling.File = None,
    journal_file_max: journaling.Most = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A fleet in TOML. Then the file tells what the other options would, but "
            "those of the control API and --log; --workers, and what is said of the journal, win "
            "over it.",
        ),
    ] = None,
    list_profiles: Annotated[
        bool,
        typer.Option(
            "--list-profiles",
            help="Show all profiles, or that of --profile, and end.",
            rich_help_panel=MACHINES,
        ),
    ] = False,
    version: Annotated[bool, VERSION] = False,
) -> None:
    """Start simulated Ollama servers and the control API that makes them misbehave.

    They answer like real ones, and listen on 127.0.0.1 until Ctrl-C or SIGTERM. Exit status: 0
    ended so, 2 wrong options, or a port is taken.
    """
    if not alone(context):
        return
    if list_profiles:
        from ollama_simulator.cli.profiles import show

        names = [profile] if given(context, "profile") else hardware.names()
        show([named(name) for name in names])
        return
    if log not in LOGS:
        wrong(f"--log: {log!r} is none; there are {', '.join(LOGS)}")
    if log == "live" and not sys.stdout.isatty():
        wrong("--log: live needs a terminal, and standard output is none")
    if log == "auto":
        log = "live" if sys.stdout.isatty() else "plain"
    # What answers is imported now and not before: help and completion are there at once.
    with importing():
        from ollama_simulator.fleet_checks import about_helper
        from ollama_simulator.fleet_file import FleetFile, Server
        from ollama_simulator.fleet_types import MOST_WORKERS

    if config is not None:
        fleet = in_file(context, config)
        control_port = control_port if fleet.control_port is None else fleet.control_port
    else:
        if wire not in PROFILES:
            wrong(f"--wire: {wire!r} is not imitated; there are {' and '.join(PROFILES)}")
        if engine not in ENGINES:
            wrong(f"--engine: {engine!r} is none; there are {', '.join(ENGINES)}")
        named(profile)
        if not SLOWEST <= speed <= FASTEST:
            words = "a millionth to a million can be"
            wrong(f"--speed: time can't go {speed:g} times as fast; {words}")
        answering = stand_in(
            context,
            {
                "replay": replay,
                "replay_speed": replay_speed,
                "replay_miss": replay_miss,
                "upstream": upstream,
            },
        )
        numbers = ports(server_ports) if servers is None else first_ports(context, servers)
        check_address("--host", host)
        server = Server(
            wire=wire,
            profile=profile,
            engine=engine,
            helper=helpers,
            fault_header=fault_header,
            bind=host,
            **answering,
        )
        fleet = FleetFile(
            tuple(replace(server, port=port) for port in numbers),
            seed=seed,
            clock_speed=speed,
            host=host,
        )
    fleet = journaling.given_to(fleet, context, journal_size, journal_file, journal_file_max)
    if given(context, "workers"):
        if not 1 <= workers <= MOST_WORKERS:
            wrong(f"--workers: there can be 1 to {MOST_WORKERS}, and not {workers}")
        fleet = replace(fleet, workers=workers)
    check_ports(control_port, fleet.ports, "--server-ports" if servers is None else "--servers")
    for server in fleet.servers:
        if clash := about_helper(server, fleet.servers, control_port):
            wrong(f"--helpers: {clash}" if config is None else f"--config: {clash}")
    let_in = access(fleet, control_host, control_token, control_name, open_metrics)
    # Where the event loop can't be told of Ctrl-C (Windows), it interrupts.
    with environment(), contextlib.suppress(KeyboardInterrupt):
        _serve(control_port, fleet, log, let_in)


def _serve(control_port: int, fleet: "FleetFile", log: str, let_in: Access) -> None:
    with importing():
        from ollama_simulator.cli.serving import serve

    run(serve(control_port, fleet, log, let_in=let_in))
