"""Plays a workload against any URL, and measures what its users would have felt."""
