"""`python -m ollama_simulator`: the same as the command `ollama_simulator`."""

from ollama_simulator.entry import simulator

if __name__ == "__main__":
    simulator()
