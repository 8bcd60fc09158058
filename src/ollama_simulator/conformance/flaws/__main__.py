"""Runs the reference balancer with a flaw: its name, then the balancer's own options."""

import sys

from ollama_simulator.conformance.flaws.flaw import FLAWS, known
from ollama_simulator.conformance.reference.program import main
from ollama_simulator.conformance.reference.relay import Relay

if __name__ == "__main__":
    known()
    flaw = FLAWS[sys.argv[1]]
    if issubclass(flaw, Relay):
        raise SystemExit(main(sys.argv[2:], relay=flaw))
    raise SystemExit(main(sys.argv[2:], flaw))
