"""Runs the reference balancer."""

from ollama_simulator.conformance.reference.program import main

if __name__ == "__main__":
    raise SystemExit(main())
