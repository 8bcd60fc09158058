"""The sub-command `policies` of `load_balancer_test`: routing policies against each other.

It must not import the other programs.
"""

import gc
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollama_simulator.terminal import say, wrong

if TYPE_CHECKING:
    from ollama_simulator.lab.scores import Score
    from ollama_simulator.lab.trial import Machine, Trial
    from ollama_simulator.workload.session import Workload

ENGINES = ("seed", "legacy", "current")
WIDE = 250
"""Columns of a table that goes to a file."""
SHARDS = 50_000
"""Objects that are made before the garbage collector looks for cycles: there are hardly any."""


def policies(
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A policy; may be given several times. All without it."),
    ] = None,
    policy_file: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A Python file with policies of your own."),
    ] = None,
    servers: Annotated[int, typer.Option(min=1, help="How many servers the fleet has.")] = 4,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Hardware profile, or a file; with several the servers take turns. "
            "Without it rtx-5090-qwen3-32b.",
        ),
    ] = None,
    speeds: Annotated[
        str,
        typer.Option(
            metavar="FACTORS",
            help="How fast servers are compared with their profiles, as 1,0.5; they take turns.",
        ),
    ] = "1",
    engine: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of {', '.join(ENGINES)}.")
    ] = "current",
    parallel: Annotated[int, typer.Option(min=1, help="OLLAMA_NUM_PARALLEL of each server.")] = 1,
    context: Annotated[
        int, typer.Option(min=0, help="OLLAMA_CONTEXT_LENGTH of each server; 0 leaves it to that.")
    ] = 0,
    workload: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="As chat or chat:turns=6 (docs/workloads.md)."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recorded trace instead.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Requests in a second: an open loop.", min=1e-9)
    ] = None,
    rho: Annotated[
        float | None,
        typer.Option(
            help="The same as a share of what the fleet could do if nothing were cached.", min=1e-9
        ),
    ] = None,
    users: Annotated[int | None, typer.Option(help="Users of a closed loop.", min=1)] = None,
    hours: Annotated[
        float, typer.Option(help="How long requests are asked, in simulated hours.", min=1e-9)
    ] = 1.0,
    seeds: Annotated[int, typer.Option(min=1, help="How many runs of each policy.")] = 3,
    when_full: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What becomes of a request for which nobody is free: wait or refuse.",
        ),
    ] = "wait",
    patience: Annotated[
        float | None,
        typer.Option(help="Seconds after which a client leaves that got nothing.", min=1e-9),
    ] = None,
    lose: Annotated[
        list[str] | None,
        typer.Option(metavar="N@FROM-TO", help="Server N is down from then to then, in seconds."),
    ] = None,
    slow: Annotated[
        list[str] | None,
        typer.Option(metavar="N@FROMxFACTOR", help="Server N is so many times as fast from then."),
    ] = None,
    kv_q8: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="A model that wants a KV cache of q8_0 (nine-step)."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all scores as JSON.")] = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the scores: an SVG file.")
    ] = None,
) -> None:
    """Play a workload through routing policies, in simulated time, and score them.

    Each policy gets the same conversations, run by run. Engines, caches and machines are those of
    the simulator; there is no network. See docs/policies.md.
    """
    from ollama_simulator.lab import blame, scorecard
    from ollama_simulator.lab.incidents import BadIncident, told_incidents
    from ollama_simulator.lab.trial import Trial

    names = _policies(policy, policy_file)
    traffic = _traffic(workload, trace, rate, users, rho)
    fleet = _fleet(servers, profile, speeds, engine, parallel, context, traffic(0, 1.0))
    if rho is not None:
        from ollama_simulator.lab.fleets import capacity

        rate = rho * capacity(fleet, traffic(0, 1.0))
    if when_full not in ("wait", "refuse"):
        wrong(f"--when-full: {when_full!r} is neither wait nor refuse")
    if draw is not None:
        _check_drawing(draw)
    try:
        incidents = told_incidents(lose or (), slow or (), servers)
    except BadIncident as bad:
        wrong(str(bad))

    def trial(name: str, seed: int) -> Trial:
        return Trial(
            fleet,
            traffic(seed, rate),
            name,
            hours * 3600,
            seed,
            full="wait" if when_full == "wait" else "refuse",
            patience=patience,
            incidents=incidents,
            q8_models=frozenset(kv_q8 or ()),
        )

    gc.set_threshold(SHARDS)
    try:
        found = list(scorecard.compare(names, range(seeds), trial))
    except (BaseExceptionGroup, blame.BadPolicy) as ended:
        blamed = blame.among(ended)
        if blamed is None:
            raise
        wrong(f"policy {blamed}")
    except OverflowError as error:
        # The last answers of a very slow server, or of a very long queue.
        wrong(f"what was asked is not answered in time: {error}")
    title = _title(fleet, trial(names[0], 0), hours, seeds)
    if json:
        _print_json(found)
    else:
        _print_table(found, title)
    if draw is not None:
        from ollama_simulator.lab import draw as drawing

        try:
            drawing.draw(scorecard.cards(found), title, draw)
        except OSError as error:
            wrong(f"--draw: {draw}: {error.strerror}")


def _policies(names: list[str] | None, files: list[Path] | None) -> list[str]:
    from ollama_simulator.lab.plugins import BadPolicies, read
    from ollama_simulator.lab.policies import POLICIES

    own: list[str] = []
    for file in files or ():
        try:
            own += read(file)
        except BadPolicies as bad:
            wrong(f"--policy-file: {bad}")
    for name in names or ():
        if name not in POLICIES:
            wrong(f"--policy: there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return [*(names or (own and [*own, "least-connections"]) or POLICIES)]


def _traffic(
    spec: str | None, trace: Path | None, rate: float | None, users: int | None, rho: float | None
) -> Any:
    """A function that makes the workload of a seed, at a rate."""
    from ollama_simulator.workload.named import workload
    from ollama_simulator.workload.session import BadWorkload

    if sum(given is not None for given in (rate, users, rho)) > 1:
        wrong("only one of --rate, --users and --rho can say how much there is to do")

    def make(seed: int, wanted: float | None) -> "Workload":
        try:
            return workload(
                spec, rate=None if users else wanted, users=users, file=trace, seed=seed
            )
        except BadWorkload as bad:
            wrong(f"--{'trace' if trace else 'workload'}: {bad}")
        except OSError as error:
            wrong(f"--trace: {trace}: {error.strerror}")

    return make


def _fleet(
    servers: int,
    profiles: list[str] | None,
    speeds: str,
    engine: str,
    parallel: int,
    context: int,
    traffic: "Workload",
) -> "tuple[Machine, ...]":
    from ollama_simulator import hardware
    from ollama_simulator.lab.fleets import PROFILE, machines
    from ollama_simulator.settings import Settings

    if engine not in ENGINES:
        wrong(f"--engine: there is no engine {engine!r}; there are {', '.join(ENGINES)}")
    try:
        found = [hardware.named(name) for name in profiles or [PROFILE]]
    except hardware.BadProfile as bad:
        wrong(f"--profile: {bad}")
    factors = [_number(word, "--speeds") for word in speeds.split(",")]
    recipe = getattr(traffic, "recipe", None)
    return machines(
        servers,
        profiles=found,
        speeds=factors,
        models=recipe.models if recipe is not None else (),
        settings=Settings(engine=engine, num_parallel=parallel, context_length=context),  # type: ignore[arg-type]
    )


def _number(word: str, option: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        wrong(f"{option}: {word!r} must be a number above 0")
    return number


def _check_drawing(file: Path) -> None:
    """Before an hour is simulated for a picture that can't be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        wrong('--draw needs matplotlib: pip install "matplotlib>=3.8"')
    if file.suffix != ".svg":
        wrong(f"--draw: {file}: only SVG files are drawn; the name must end in .svg")
    if not file.absolute().parent.is_dir():
        wrong(f"--draw: {file}: there is no folder {file.absolute().parent}")


def _print_table(found: "list[Score]", title: str) -> None:
    from rich.console import Console

    from ollama_simulator.lab.scorecard import cards
    from ollama_simulator.lab.table import table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(title)
    console.print(table(cards(found)))


def _print_json(found: "list[Score]") -> None:
    import msgspec

    from ollama_simulator.lab.scorecard import cards

    say(msgspec.json.format(msgspec.json.encode(cards(found))).decode())


def _title(fleet: "tuple[Machine, ...]", trial: "Trial", hours: float, seeds: int) -> str:
    """What was tried, in a line."""
    first = fleet[0].settings
    kinds = ", ".join(dict.fromkeys(machine.settings.hardware.name for machine in fleet))
    users = trial.workload.users
    traffic = f"{users} users" if users else "an open loop"
    return (
        f"{len(fleet)} × {kinds}, engine {first.engine}, {first.num_parallel} slot(s) each; "
        f"{traffic}, {hours:g} h, {seeds} seed(s)"
    )
