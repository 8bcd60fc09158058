"""The program `golden`, which replays recordings of real servers.

It must not import the other programs.
"""

from ollama_simulator.cli.program import start


def main() -> None:
    """Run `golden`."""
    from ollama_simulator.golden.command import golden

    start(golden)
