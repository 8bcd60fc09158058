"""Recordings: what servers were asked and answered, with the time of each piece, in a file."""
