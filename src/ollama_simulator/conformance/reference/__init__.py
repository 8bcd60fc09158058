"""The reference balancer: the seed's contract, and behind options what other balancers do.

    python -m ollama_simulator.conformance.reference \\
        --timeout=5 --server=http://127.0.0.1:11501=One --server=http://127.0.0.1:11502=Two

It must not import the scenarios or the suite.
"""
