"""What Locust's command line says of a workload.

It must not import the player or Locust.
"""

import argparse
from pathlib import Path

import msgspec

from ollama_simulator.load.dialects import DIALECTS
from ollama_simulator.load.document import Played
from ollama_simulator.load.sample import Limits
from ollama_simulator.load.target import BadTarget
from ollama_simulator.workload import named
from ollama_simulator.workload.session import BadWorkload, Workload


class Options(msgspec.Struct):
    """The options that Locust does not have itself, with the names that they have there."""

    workload: str | None = None
    trace: str | None = None
    rate: float | None = None
    seed: int = 0
    requests: int = 1_000_000
    timeout: float = 300.0
    api: str = "chat"
    model: str = "test-model:latest"
    header: list[str] = []
    ttft: float = 2.0
    gap: float = 0.05
    nonce: str = ""
    load_json: str | None = None
    workload_workers: list[str] = []
    """Who shares the work, in order, as the master knows them. No option: it is the master's to
    say, and reaches the workers with the options."""

    def check(self) -> None:
        """Raises `BadTarget` and `BadWorkload` for what can't be played."""
        if self.api not in DIALECTS:
            raise BadTarget(f"--api: {self.api!r} is not spoken; there are {', '.join(DIALECTS)}")
        for name in ("timeout", "ttft", "gap"):
            if not getattr(self, name) > 0:
                raise BadWorkload(f"--{name} must be above 0")
        if self.requests < 1:
            raise BadWorkload("--requests must be at least 1")
        if not (self.nonce.isascii() and self.nonce.isalnum()):
            raise BadWorkload(f"--nonce: {self.nonce!r} must be of letters and digits")

    def traffic(self) -> Workload:
        """The workload. Raises `BadWorkload`."""
        return named.workload(
            self.workload,
            rate=self.rate,
            file=Path(self.trace) if self.trace else None,
            requests=self.requests,
            seed=self.seed,
        )

    def played(self, url: str, users: int, duration: float, closed: bool) -> Played:
        """For a document: what was asked for."""
        return Played(
            url=url,
            api=self.api,
            model=self.model,
            workload=self.trace or self.workload or named.DEFAULT,
            loop="closed" if closed else "open",
            users=users if closed else None,
            seed=self.seed,
            nonce=self.nonce,
            requests=self.requests,
            duration=duration,
            timeout=self.timeout,
            in_flight=users,
        )

    @property
    def limits(self) -> Limits:
        """What is called good."""
        return Limits(self.ttft, self.gap)


HELP = {
    "workload": "The workload, as of `load_balancer_test load`",
    "trace": "A recorded trace instead, which every machine has in this place",
    "rate": "Open loop: requests in a second of all workers together, on average",
    "seed": "Makes the workload",
    "requests": "At most so many requests of all workers together",
    "timeout": "Seconds after which a request is given up, counted from when it was due",
    "api": f"The dialect: {', '.join(DIALECTS)}",
    "model": "Asked for where the workload names none",
    "header": "'Name: value', sent with each request; may stand often",
    "ttft": "Longest good time to the first token, in seconds",
    "gap": "Longest good gap of an answer on average, in seconds",
    "nonce": "Stands in every text, so that no cache has it from another run",
    "load_json": "A file for the numbers that Locust does not have",
}
KINDS = {"rate": float, "seed": int, "requests": int, "timeout": float, "ttft": float, "gap": float}
"""Those that are numbers."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to Locust's."""
    group = parser.add_argument_group("Workload options")
    default = Options()
    for name, words in HELP.items():
        option = f"--{name.replace('_', '-')}"
        if name == "header":
            group.add_argument(option, action="append", default=[], help=words)
        else:
            kind = KINDS.get(name, str)
            group.add_argument(option, type=kind, default=getattr(default, name), help=words)


def read_options(found: argparse.Namespace) -> Options:
    """Those that were given."""
    names = Options.__struct_fields__
    given = {name: getattr(found, name) for name in names if hasattr(found, name)}
    return msgspec.convert(given, Options)
