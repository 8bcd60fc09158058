"""How many requests for the list of models a server answers, beside a bare one.

    python benchmarks/tags.py

asks a simulated and a bare server in turn, each in one process on the same core, over 50
connections that are kept alive, for `GET /api/tags`.

It must not import anything of `tests`.
"""

import argparse

from asking import asked, connected
from sides import TAGS, Servers, Side, machine, ours, sample, theirs, to_others
from turns import compared, in_turn


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--connections", type=int, default=50)
    options.add_argument("--seconds", type=float, default=10.0, help="for each side, in all")
    options.add_argument("--slices", type=int, default=20, help="that each side is asked in")
    options.add_argument("--profile", action="store_true", help="where our time goes")
    given = options.parse_args()
    to_others()
    servers = Servers()
    with ours(servers) as one:
        written = sample(one.ports[0])
        with (
            theirs(servers, written) as other,
            connected(one.ports[0], given.connections) as to_one,
            connected(other.ports[0], given.connections) as to_other,
        ):
            socks = {one: to_one, other: to_other}

            def ask(side: Side) -> tuple[int, float]:
                return asked(socks[side], TAGS, len(written.tags), given.seconds / given.slices)

            print(machine())
            print(
                f"GET /api/tags ({len(written.tags)} bytes), {given.connections} connections, "
                f"{given.slices} slices of {given.seconds / given.slices:g} s each"
            )
            print(compared("requests", (one, other), in_turn((one, other), ask, given.slices)))
            if given.profile:
                one.ask("profile")
                ask(one)
                print(one.ask("profiled"))


if __name__ == "__main__":
    main()
