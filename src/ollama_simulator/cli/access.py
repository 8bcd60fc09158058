"""The options of who may use the control API, and what they mean together with a fleet's file.

It must not import the programs.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ollama_simulator.access import VARIABLE, Access, about_token, is_loopback, new_token
from ollama_simulator.cli.wanted import check_address
from ollama_simulator.terminal import wrong

if TYPE_CHECKING:
    from ollama_simulator.fleet_file import FleetFile

PANEL = "Who may control it"

ControlHost = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Where the control API listens: 127.0.0.1, unless this says another one. Then it "
        "takes a token.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ControlToken = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        envvar=VARIABLE,
        help="What every request to the control API has to show, as Authorization: Bearer TOKEN. "
        "Where one is needed and none is given, one is made and told.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ControlName = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A name by which the control API is called, such as that of a service, beside "
        "localhost, addresses and this machine's own; * and ? stand for any. May stand several "
        "times.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
OpenMetrics = Annotated[
    bool,
    typer.Option(
        "--open-metrics",
        help="/metrics is told without the token.",
        rich_help_panel=PANEL,
    ),
]


def access(
    fleet: "FleetFile",
    host: str | None,
    token: str | None,
    names: list[str] | None,
    open_metrics: bool,
) -> Access:
    """Who may control a fleet, by its file and by the command line. Where a token is needed and
    none was given, one is made and told once."""
    if host is not None and fleet.control_host is not None:
        wrong("--control-host: with --config, the file says that")
    return granted(
        fleet.control_host or host,
        token,
        (*fleet.control_names, *(names or ())),
        fleet.open_metrics or open_metrics,
    )


def granted(
    host: str | None, token: str | None, names: tuple[str, ...] = (), open_metrics: bool = False
) -> Access:
    """Who is let in. Ends with a complaint if that can't be meant."""
    host = Access().host if host is None else host
    check_address("--control-host", host)
    if token is not None and (words := about_token(token)):
        wrong(f"--control-token, or {VARIABLE}: {words}")
    if token is None and not is_loopback(host):
        token = new_token()
        print(
            f"The control API wants a token, made for this run: {token}\n"
            f"Send it as 'Authorization: Bearer …'; --control-token or {VARIABLE} names your own.",
            file=sys.stderr,
            flush=True,
        )
    return Access(host=host, token=token, names=names, open_metrics=open_metrics)
