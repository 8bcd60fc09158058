"""Tells on standard error what the simulator itself lacks, and when it has it again.

It must not import the servers.
"""

import sys

from ollama_simulator.console.words import Words
from ollama_simulator.records import Record


def warn(record: Record) -> None:
    """Say a line."""
    if said := Words().of(record):
        print(f"warning: {said[1]}", file=sys.stderr, flush=True)
