"""Scenarios about slowness that is nobody's fault: clients that send, and models that load."""
