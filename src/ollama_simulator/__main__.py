"""`python -m ollama_simulator`: the same as the command `ollama_simulator`."""

from ollama_simulator.cli import simulator_main

if __name__ == "__main__":
    simulator_main()
