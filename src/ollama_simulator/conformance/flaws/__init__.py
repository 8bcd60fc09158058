"""Ways to break the reference balancer, to prove that the scenarios can fail.

    python -m ollama_simulator.conformance.flaws NAME --timeout=5 --server=...

Every module of this folder is loaded. It must not import the scenarios.
"""
