"""What a fleet's records add up to."""
