"""Bytes to jobs, events to bytes: one codec for each endpoint. It has never heard of the engine."""
