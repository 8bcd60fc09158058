"""How many chunks of a stream a server writes when nothing paces it, beside a bare one.

    python benchmarks/stream.py

asks a simulated and a bare server in turn, each in one process on the same core, for streams of
`/api/chat` of which each token is a chunk, and a write of its own.

It must not import anything of `tests`.
"""

import argparse

from asking import connected, streamed
from sides import Servers, Side, chat, machine, ours, sample, theirs, to_others
from turns import compared, in_turn


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--connections", type=int, default=10)
    options.add_argument("--tokens", type=int, default=10_000, help="of a stream")
    options.add_argument("--seconds", type=float, default=10.0, help="for each side, in all")
    options.add_argument("--slices", type=int, default=20, help="that each side is asked in")
    options.add_argument("--profile", action="store_true", help="where our time goes")
    given = options.parse_args()
    to_others()
    servers = Servers(slots=given.connections, rate=None, tokens=given.tokens)
    with (
        ours(servers) as one,
        theirs(servers, sample(one.ports[0])) as other,
        connected(one.ports[0], given.connections) as to_one,
        connected(other.ports[0], given.connections) as to_other,
    ):
        socks = {one: to_one, other: to_other}

        def ask(side: Side) -> tuple[int, float]:
            return streamed(socks[side], chat(given.tokens), given.seconds / given.slices)

        print(machine())
        print(
            f"streams of {given.tokens} tokens, {given.connections} connections, "
            f"{given.slices} slices of {given.seconds / given.slices:g} s each"
        )
        print(compared("chunks", (one, other), in_turn((one, other), ask, given.slices)))
        if given.profile:
            one.ask("profile")
            ask(one)
            print(one.ask("profiled"))


if __name__ == "__main__":
    main()
