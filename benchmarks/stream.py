"""How many chunks of a stream a server writes when nothing paces it, beside a bare one.

    python benchmarks/stream.py

asks a simulated and a bare server in turn, each in one process on the same core, for streams of
`/api/chat` of which each token is a chunk, and a write of its own.

It must not import anything of `tests`.
"""

import socket
from collections.abc import Sequence

from asking import streamed
from baseline import Bytes
from sides import Servers, chat
from turns import options, play


def main() -> None:
    """Measure, and print a table."""
    parser = options(__doc__, connections=10)
    parser.add_argument("--tokens", type=int, default=10_000, help="of a stream")
    given = parser.parse_args()

    def ask(socks: Sequence[socket.socket], _: Bytes, seconds: float) -> tuple[int, float]:
        return streamed(socks, chat(given.tokens), seconds)

    servers = Servers(slots=given.connections, rate=None, tokens=given.tokens)
    play(given, "chunks", servers, ask, f"streams of {given.tokens} tokens")


if __name__ == "__main__":
    main()
