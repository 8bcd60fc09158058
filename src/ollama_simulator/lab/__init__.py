"""The policy laboratory: the same engines and workloads, and a routing policy for a network."""
