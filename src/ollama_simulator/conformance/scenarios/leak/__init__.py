"""Scenarios about what is left behind: by clients that left, by failures, by slow readers."""
