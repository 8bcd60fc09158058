"""Runs the reference balancer with a flaw: its name, then the balancer's own options.

One from outside the package comes with `--load FILE.py` before its name.
"""

import sys
from pathlib import Path

from ollama_simulator.conformance import outside
from ollama_simulator.conformance.flaws.flaw import FLAWS, known
from ollama_simulator.conformance.reference.plan import Plan
from ollama_simulator.conformance.reference.program import main
from ollama_simulator.conformance.reference.relay import Relay


def prepare() -> None:
    """Import every flaw."""
    known()


def run(words: list[str]) -> int:
    """Run a balancer; an empty name stands for the sound one. Returns its exit status."""
    prepare()
    if words[0] == "--load":
        outside.load(Path(words[1]))
        words = words[2:]
    name, *options = words
    if not name:
        return main(options)
    flaw = FLAWS[name]
    if issubclass(flaw, Relay):
        return main(options, relay=flaw)
    if issubclass(flaw, Plan):
        return main(options, plan=flaw)
    return main(options, flaw)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
