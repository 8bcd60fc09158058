"""The reference balancer's command line: the seed's, where to listen, and what else it may do.

It is read by argparse and not by typer: a balancer is started for each scenario, and must
start at once.

It must not import the balancer.
"""

import argparse
import contextlib
from urllib.parse import urlsplit

import msgspec

from ollama_simulator.conformance.reference.annotations import NONE, Annotations
from ollama_simulator.conformance.reference.annotations import read as read_annotations

TIMEOUT_S = 30.0
V104_TIMEOUT_S = 120.0
POLL_S = 30.0


class Server(msgspec.Struct, frozen=True):
    """A server, as the command line names it."""

    host: str
    port: int
    name: str
    note: str = ""
    """What stands in brackets behind the name."""
    annotations: Annotations = NONE
    """What that means to version 1.0.4."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says. Times in seconds."""

    servers: tuple[Server, ...]
    """In order of preference."""
    timeout: float = TIMEOUT_S
    """Longest silence; 0 for any."""
    listen: tuple[str, int] = ("127.0.0.1", 11434)
    """Host and port."""
    mark_5xx: bool = False
    """Whether an answer of 500 or more counts as a failure."""
    share: bool = False
    """Whether a server may have several requests: then the one with the fewest is next, and a
    server that failed is passed over for `park` seconds."""
    park: float = 1.0
    retry: bool = False
    """Whether a request that failed before its answer is sent to another server."""
    retry_silent: bool = False
    """Whether so is one whose server was silent for too long."""
    retry_5xx: bool = False
    """Whether so is one that was answered 500 or 503."""
    retry_after: bool = False
    """Whether a server that answered 429 is left alone as long as it asks for."""
    credentials: bool = False
    """Whether each server has a token of its own, which stands in brackets behind its name as
    `token=...`, and takes the place of the client's."""
    pool: bool = False
    """Whether connections to servers are kept for later requests."""
    own_host: bool = False
    """Whether a server is asked by its own address, whatever name the client uses."""
    via: bool = False
    """Whether a server is told that the balancer asks for another."""
    queue: float = 0.0
    """How long a request waits while every server is busy."""
    check: float = 0.0
    """How often servers are asked for their health; 0 for never."""
    drain: float = 0.0
    """How long requests in progress may go on when it is told to end."""
    v104: bool = False
    """Whether servers are chosen as version 1.0.4 does."""
    kv_q8: tuple[str, ...] = ()
    """Models that want a KV cache of `q8_0`."""
    poll: float = POLL_S
    """How often servers and helpers are asked what they have."""


def read(argv: list[str] | None) -> Options:
    """Read the options; ends the program with status 2 and a sentence if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="reference", description="The reference balancer in front of Ollama servers."
    )
    add = parser.add_argument
    form = "a server, as http://HOST:PORT=NAME; once for each, in order of preference"
    add("--server", action="append", required=True, type=_server, metavar="URL=NAME", help=form)
    silence = "longest silence of a server; 0 for any (default: 30, with --v104 120)"
    add("--timeout", type=_seconds, metavar="SECONDS", help=silence)
    where = "where to listen; port 0 takes a free one (default: 127.0.0.1:11434)"
    here = ("127.0.0.1", 11434)
    add("--listen", "--bind", type=_address, default=here, metavar="HOST:PORT", help=where)
    switch = "store_true"
    add("--mark-5xx", action=switch, help="an answer of 500 or more counts as a failure")
    add("--share", action=switch, help="several requests at a time, where the fewest are")
    add(
        "--park",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="with --share: how long a server that failed is passed over (default: 1)",
    )
    add("--retry", action=switch, help="what failed before its answer is sent to another server")
    add("--retry-silent", action=switch, help="so is what was not answered in time")
    add("--retry-5xx", action=switch, help="so is what was answered 500 or 503")
    add("--retry-after", action=switch, help="who answered 429 is left alone as long as it asks")
    add("--credentials", action=switch, help="servers get tokens of their own: NAME[token=...]")
    add("--pool", action=switch, help="connections to servers are kept")
    add("--own-host", action=switch, help="servers are asked by their own addresses")
    add("--via", action=switch, help="servers are told of the balancer in Via")
    add(
        "--queue",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long a request waits while every server is busy (default: not at all)",
    )
    add(
        "--check",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how often servers are asked for their health; who is not well is passed over while "
        "others are (default: never)",
    )
    add(
        "--drain",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long requests may go on when it is told to end (default: not at all)",
    )
    add("--v104", action=switch, help="choose by models, tiers and conversations (version 1.0.4)")
    add(
        "--kv-q8",
        action="append",
        default=[],
        metavar="MODEL",
        help="with --v104: a model that wants a KV cache of q8_0; once for each",
    )
    add(
        "--poll",
        type=_seconds,
        metavar="SECONDS",
        help="with --v104: how often servers and helpers are asked what they have (default: 30)",
    )
    given = vars(parser.parse_args(argv))
    servers = tuple(given.pop("server"))
    if given["v104"]:
        if given["share"]:
            parser.error("--v104 has one request at a time for each server, so not with --share")
        if given["poll"] == 0:
            parser.error("--poll 0 would ask without a pause")
        try:
            servers = tuple(map(_annotated, servers))
        except ValueError as error:
            parser.error(str(error))
    elif given["kv_q8"] or given["poll"] is not None:
        parser.error("--kv-q8 and --poll need --v104")
    elif not given["credentials"]:
        for server in servers:
            if server.note:
                parser.error(f"--server {server.name}[{server.note}]: the brackets need --v104")
    if given["timeout"] is None:
        given["timeout"] = V104_TIMEOUT_S if given["v104"] else TIMEOUT_S
    if given["poll"] is None:
        given["poll"] = POLL_S
    return Options(servers=servers, kv_q8=tuple(given.pop("kv_q8")), **given)


def _server(words: str) -> Server:
    url, _, name = words.partition("=")
    name, bracket, note = name.partition("[")
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        closed = not bracket or note.endswith("]")
        if name and closed and parts.scheme == "http" and parts.hostname and parts.port:
            return Server(parts.hostname, parts.port, name, note.removesuffix("]"))
    raise argparse.ArgumentTypeError(f"{words!r} is not of the form http://HOST:PORT=NAME")


def _annotated(server: Server) -> Server:
    if not server.note:
        return server
    try:
        return msgspec.structs.replace(server, annotations=read_annotations(server.note))
    except ValueError as error:
        raise ValueError(f"--server {server.name}[{server.note}]: {error}") from None


def _seconds(words: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(words)) < 1e6:
            return value
    raise argparse.ArgumentTypeError(f"{words!r} is not a number of seconds")


def _address(words: str) -> tuple[str, int]:
    host, _, port = words.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{words!r} is not of the form HOST:PORT")
    return host.strip("[]"), int(port)
