"""The reference balancer's command line: the seed's, and where to listen.

It is read by argparse and not by typer: a balancer is started for each scenario, and must
start at once.

It must not import the balancers.
"""

import argparse
import contextlib
from urllib.parse import urlsplit

import msgspec


class Options(msgspec.Struct, frozen=True):
    """What the command line says."""

    servers: list[tuple[str, int, str]]
    """Host, port and name of each, in order of preference."""
    timeout: float
    """Longest silence in seconds; 0 for any."""
    listen: tuple[str, int]
    """Host and port."""


def read(argv: list[str] | None) -> Options:
    """Read the options; ends the program with status 2 and a sentence if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="reference", description="The reference balancer in front of Ollama servers."
    )
    add = parser.add_argument
    form = "a server, as http://HOST:PORT=NAME; once for each, in order of preference"
    add("--server", action="append", required=True, type=_server, metavar="URL=NAME", help=form)
    silence = "longest silence of a server; 0 for any (default: 30)"
    add("--timeout", type=_seconds, default=30.0, metavar="SECONDS", help=silence)
    where = "where to listen; port 0 takes a free one (default: 127.0.0.1:11434)"
    add("--listen", type=_address, default=("127.0.0.1", 11434), metavar="HOST:PORT", help=where)
    given = parser.parse_args(argv)
    return Options(given.server, given.timeout, given.listen)


def _server(words: str) -> tuple[str, int, str]:
    url, _, name = words.partition("=")
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if name and parts.scheme == "http" and parts.hostname and parts.port:
            return parts.hostname, parts.port, name
    raise argparse.ArgumentTypeError(f"{words!r} is not of the form http://HOST:PORT=NAME")


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
