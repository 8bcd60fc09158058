"""Who is given how much."""
