"""A fleet of simulated Ollama servers that can be made to misbehave, and a suite that judges
load balancers by it."""

__version__ = "0.4.0"
