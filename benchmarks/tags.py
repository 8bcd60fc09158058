"""How many requests for the list of models a server answers, beside a bare one.

    python benchmarks/tags.py

asks a simulated and a bare server in turn, each in one process on the same core, over 50
connections that are kept alive, for `GET /api/tags`.

It must not import anything of `tests`.
"""

import socket
from collections.abc import Sequence

from asking import asked
from baseline import Bytes
from sides import TAGS, Servers
from turns import options, play


def ask(socks: Sequence[socket.socket], written: Bytes, seconds: float) -> tuple[int, float]:
    """Ask again and again."""
    return asked(socks, TAGS, len(written.tags), seconds)


def main() -> None:
    """Measure, and print a table."""
    given = options(__doc__, connections=50).parse_args()
    play(given, "requests", Servers(), ask, "GET /api/tags ({bytes} bytes)")


if __name__ == "__main__":
    main()
