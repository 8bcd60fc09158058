"""Everything that a server can do instead of answering well, a file for each family."""
