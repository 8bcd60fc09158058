"""What Go's standard library reads and writes, done its way: JSON, durations, quoted strings."""
