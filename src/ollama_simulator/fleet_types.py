"""What a fleet's file holds: types for what is written, and for what it means.

Rules of this file:

1. A fault may be any that is known, so types with faults in them are made when somebody reads.

It must not import anything of this package but layer 0 and the faults.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from ollama_simulator.faults import fault, rule
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.once import once
from ollama_simulator.ports import HOST
from ollama_simulator.settings import RECORDS, Settings

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
MOST_SERVERS = 10_000
MOST_WORKERS = 64

ADDRESS = r"^(\d{1,3}\.){3}\d{1,3}$"
"""An address of IPv4, as far as its digits go."""

Variables = Mapping[str, str | int | float | bool]
"""Ollama's variables, by name."""


class Server(Settings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One server in the file."""

    port: Port = 0
    """0 takes a free one."""
    behavior: Any = Normal()
    """How it behaves from the start, and after a reset."""
    rules: tuple[Any, ...] = ()
    """Rules that it has from the start, and after a reset. Servers of one table have them
    together."""

    @property
    def settings(self) -> Settings:
        """What is not of the file, but of the server."""
        return Settings(**{name: getattr(self, name) for name in Settings.__struct_fields__})


class Given(msgspec.Struct, frozen=True):
    """A rule that servers have together."""

    servers: tuple[str, ...]
    """Their names."""
    rule: Rule


class FleetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says."""

    servers: Annotated[tuple[Server, ...], msgspec.Meta(min_length=1)]
    seed: int = 0
    """What the texts depend on."""
    clock_speed: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How fast time goes for all of them."""
    control_port: Port | None = None
    """None for the port that the command line says."""
    journal_size: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = RECORDS
    """Records that are kept; older ones are dropped."""
    journal_file: str | None = None
    """A file that every record is written into as well, as a line of JSON; a path beside this
    file. None for none."""
    journal_file_max: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Bytes after which that file is put aside, under its name and `.1`, and another one begun.
    None for never."""
    host: Annotated[str, msgspec.Meta(pattern=ADDRESS)] = HOST
    """The address that servers and helpers listen on: `0.0.0.0` for all there are."""
    control_host: Annotated[str, msgspec.Meta(pattern=ADDRESS)] | None = None
    """The address that the control API listens on, if not that of the command line. Where other
    machines reach it, it takes a token."""
    control_names: tuple[str, ...] = ()
    """Names by which the control API may be called, beside `localhost` and addresses; globs."""
    open_metrics: bool = False
    """Whether `/metrics` is told without the token."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=MOST_WORKERS)] = 1
    """Over how many processes the servers are spread; one has all of them by itself."""
    given: tuple[Given, ...] = ()
    """The rules of the start. A file has them at its servers."""

    @property
    def ports(self) -> list[int]:
        """The ports of the servers."""
        return [server.port for server in self.servers]


@once
def readable() -> Any:
    """What a decoder is told to read a server: its faults may be any that are known."""
    return msgspec.defstruct(
        "Server",
        [
            ("behavior", fault.any_fault(), Normal()),
            ("rules", several(rule.readable()), ()),
        ],
        bases=(Server,),
        namespace={"__doc__": Server.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def plain(read: Server) -> Server:
    """A server that was decoded as `readable`, as a server like any other."""
    fields = {name: getattr(read, name) for name in Server.__struct_fields__}
    return Server(**fields | {"rules": tuple(map(rule.plain, read.rules))})


def nothing(_: Any) -> None:
    """Checks nothing."""


@once
def document() -> Any:
    """The type of the file as it is written."""
    table = msgspec.defstruct(
        "Servers",
        [
            ("environment", Variables, {}),
            ("count", Annotated[int, msgspec.Meta(ge=1, le=MOST_SERVERS)], 1),
        ],
        bases=(readable(),),
        # What is wrong with fields together is only known when the defaults are there, too.
        namespace={"__doc__": "One server, or several alike.", "__post_init__": nothing},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    defaults = msgspec.defstruct(
        "Defaults",
        [
            ("environment", Variables, {}),
            ("behavior", fault.any_fault(), Normal()),
            ("rules", several(rule.readable()), ()),
        ],
        bases=(Settings,),
        namespace={
            "__doc__": "What holds for every server that doesn't say otherwise.",
            "__post_init__": nothing,
        },
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return msgspec.defstruct(
        "Fleet",
        [
            ("servers", Annotated[several(table), msgspec.Meta(min_length=1)]),
            ("defaults", defaults, defaults()),
            *(
                (field.name, field.type, field.default)
                for field in msgspec.structs.fields(FleetFile)
                if field.name not in ("servers", "given")
            ),
        ],
        namespace={"__doc__": "A fleet of simulated Ollama servers."},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def several(kind: Any) -> Any:
    """The type of an array of values of a type that was made at run time."""
    return tuple.__class_getitem__((kind, ...))
