"""Replays recordings of real servers and compares the answers byte by byte."""
